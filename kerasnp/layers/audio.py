"""Spectrograms of sounds."""

import warnings

from kerasnp import backend as K
from kerasnp import initializers, ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.utils import check

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """The spectrum of each window of a signal, by convolutions whose kernels may be trained on.

    >>> STFTSpectrogram(frame_length=8, frame_step=4)(ops.ones((2, 20, 1))).shape
    (2, 4, 5)

    Args:
        mode: "log" (of the magnitude), "magnitude", "psd" (power, that of mirrored frequencies included), "real", "imag",
            "angle", or "stft" for real and imaginary parts behind each other.
        frame_length: steps in a window.
        frame_step: steps from a window to the next; default half a window.
        fft_length: frequencies, counting mirrored ones; default the next power of two.
        window: "hann", "hamming", ... or numbers, see `kerasnp.initializers.STFT`.
        periodic, scaling: see there.
        padding: "valid" or "same".
        expand_dims: frequencies and channels as two axes, as of an image.
        data_format: where the channels are.

    Shapes: inputs `(batch, time, channels)`; outputs `(batch, windows, channels * bins)`, with `expand_dims`
    `(batch, windows, bins, channels)`; with the channels first `(batch, channels * bins, windows)` and
    `(batch, channels, windows, bins)`. There are `fft_length // 2 + 1` bins, twice as many in mode "stft".

    Raises: ValueError for arguments out of range, TypeError for integers.
    """

    casts_integers = False

    def __init__(
        self, mode="log", frame_length=256, frame_step=None, fft_length=None, window="hann", periodic=False,
        scaling="density", padding="valid", expand_dims=False, data_format=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.mode = check.one_of("mode", mode, MODES, self._who)
        self.frame_length = check.positive_int("frame_length", frame_length, self._who)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(
                f"{self._who}: `frame_step` should be a positive integer up to frame_length. Received: "
                f"frame_step={frame_step}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                f"{self._who}: fft_length must not be below frame_length. Received: fft_length={fft_length}, "
                f"frame_length={frame_length}"
            )
        if fft_length is not None and fft_length & (fft_length - 1):
            warnings.warn(
                f"An fft_length that is a power of two is computed faster. Received fft_length={fft_length}",
                stacklevel=2,
            )
        if isinstance(window, str):
            check.one_of("window", window, K.WINDOWS, self._who)
        self.frame_step, self.fft_length, self.window, self.periodic = frame_step, fft_length, window, periodic
        self.scaling = check.one_of("scaling", scaling, ("density", "spectrum", None), self._who)
        self.padding = check.one_of("padding", padding, ("valid", "same"), self._who)
        self.expand_dims, self.data_format = expand_dims, K.standardize_data_format(data_format)
        self._step = frame_step or max(frame_length // 2, 1)
        self._bins = (fft_length or 1 << (frame_length - 1).bit_length()) // 2 + 1
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape):
        shape = (self.frame_length, 1, self._bins)
        for side, other in (("real", "imag"), ("imag", "real")):
            if self.mode != other:
                start = initializers.STFT(side, self.window, self.scaling, self.periodic)
                setattr(self, f"{side}_kernel", self.add_weight(shape, start, name=f"{side}_kernel"))

    def call(self, inputs):
        x = ops.convert_to_tensor(inputs)
        if not K.is_float(str(x.dtype)):
            raise TypeError(
                f"{self._who}: Invalid input type. Expected `float16`, `float32` or `float64`. Received: input type={x.dtype}"
            )
        if self.data_format == "channels_last":
            x = ops.transpose(x, (0, 2, 1))
        n, channels, time = x.shape
        x = ops.reshape(x, (n * channels, time, 1))

        def part(side):
            y = ops.conv(x, getattr(self, f"{side}_kernel"), self._step, self.padding, "channels_last")
            return ops.reshape(y, (n, channels, y.shape[1], self._bins))

        return self._arrange(self._spectrum(part))

    def _spectrum(self, part):
        """(batch, channels, windows, bins) of real and imaginary part."""
        if self.mode in ("real", "imag"):
            return part(self.mode)
        real, imag = part("real"), part("imag")
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        if self.mode == "stft":
            return ops.concatenate([real, imag], axis=-1)
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":
            mirrored = K.ones(self._bins, K.storage_dtype(self.compute_dtype))
            mirrored[1:-1] = 2
            return power * mirrored
        magnitude = ops.sqrt(ops.maximum(power, K.epsilon()))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, K.epsilon()))

    def _arrange(self, y):
        n, channels, windows, bins = y.shape
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return ops.transpose(y, (0, 2, 3, 1)) if last else y
        if last:
            return ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (n, windows, channels * bins))
        return ops.reshape(ops.transpose(y, (0, 1, 3, 2)), (n, channels * bins, windows))

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        n, (time, channels) = input_shape[0], input_shape[1:] if last else input_shape[:0:-1]
        windows = None
        if time is not None:
            windows = -(-time // self._step) if self.padding == "same" else (time - self.frame_length) // self._step + 1
        bins = self._bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (n, windows, bins, channels) if last else (n, channels, windows, bins)
        joined = None if channels is None else channels * bins
        return (n, windows, joined) if last else (n, joined, windows)


class MelSpectrogram(Layer):
    """The energy of a sound in bands that are as far apart as we hear, window by window.

    |stft|^mag_exp times triangles on the mel scale, 1127 log(1 + f / 700 Hz); then 10 log10(. / ref_power) decibels, cut
    `top_db` below the largest.

    >>> MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8)(ops.ones((2, 320))).shape
    (2, 8, 11)

    Args:
        fft_length: frequencies, counting mirrored ones.
        sequence_stride: steps from a window to the next.
        sequence_length: steps in a window; default `fft_length`.
        window: "hann", "hamming", or numbers.
        sampling_rate: steps per second.
        num_mel_bins: how many bands.
        min_freq, max_freq: of the bands, in hertz; default for the upper one is half the sampling rate.
        power_to_db: whether to take the logarithm.
        top_db: the range, in decibels, for the whole batch.
        mag_exp: 1 for magnitudes, 2 for powers.
        min_power: what less is taken for.
        ref_power: what is zero decibels.

    Shapes: `(batch, time)` or `(time,)` becomes `(batch, num_mel_bins, windows)` or `(num_mel_bins, windows)`.

    Raises: ValueError for an `fft_length` below the window's.
    """

    def __init__(
        self, fft_length=2048, sequence_stride=512, sequence_length=None, window="hann", sampling_rate=16000,
        num_mel_bins=128, min_freq=20.0, max_freq=None, power_to_db=True, top_db=80.0, mag_exp=2.0, min_power=1e-10,
        ref_power=1.0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.fft_length, self.sequence_stride = fft_length, sequence_stride
        self.sequence_length = sequence_length or fft_length
        if fft_length < self.sequence_length:
            raise ValueError(
                f"{self._who}: `fft_length` must be greater than or equal to the length of a frame. Received: "
                f"sequence_length={self.sequence_length}, fft_length={fft_length}"
            )
        self.window, self.sampling_rate, self.num_mel_bins = window, sampling_rate, num_mel_bins
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power

    def _triangles(self):
        """(bins, bands): how much of each frequency is in each band."""

        def mel(f):
            return 1127.0 * K.log(1 + f / 700.0)

        edges = K.linspace(mel(self.min_freq), mel(self.max_freq), self.num_mel_bins + 2)
        low, centre, high = edges[:-2], edges[1:-1], edges[2:]
        f = mel(K.linspace(0, self.sampling_rate / 2, self.fft_length // 2 + 1))[:, None]
        weights = K.maximum(0, K.minimum((f - low) / (centre - low), (high - f) / (high - centre)))
        weights[0] = 0
        return weights.astype(K.storage_dtype(self.compute_dtype))

    def call(self, inputs):
        real, imag = ops.stft(inputs, self.sequence_length, self.sequence_stride, self.fft_length, self.window)
        power = ops.square(real) + ops.square(imag)
        y = ops.matmul(power if self.mag_exp == 2 else ops.power(power, self.mag_exp / 2), self._triangles())
        if self.power_to_db:
            y = 10.0 * ops.log10(ops.maximum(y, self.min_power))
            y = y - 10.0 * float(K.log10(max(abs(self.ref_power), self.min_power)))
            y = ops.maximum(y, ops.max(y) - self.top_db)
        return ops.swapaxes(y, -1, -2)

    def compute_output_shape(self, input_shape):
        time = input_shape[-1]
        windows = None if time is None else (time + self.sequence_stride + 1) // self.sequence_stride
        return (*input_shape[:-1], self.num_mel_bins, windows)
