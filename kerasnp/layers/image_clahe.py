"""Contrast by histograms of the neighbourhood."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.image_layer import ImageLayer, rescaled

_TONES = 256


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Spread the tones of each image by the histograms of its tiles (CLAHE; Zuiderveld, 1994), in training and inference.

    Each tile of each channel has a curve from tones to tones, its cumulated histogram with high counts cut off and shared
    out. A pixel goes through the curves of the four nearest tiles, and their results are mixed by distance.

    >>> from kerasnp import ops
    >>> x = 100.0 + ops.arange(64.0).reshape(1, 8, 8, 1) / 8  # tones between 100 and 108
    >>> y = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))(x)
    >>> bool(y.max() - y.min() > x.max() - x.min())
    True

    Args:
        value_range: (low, high), what pixels lie between.
        clip_limit: how often a tone may count, in multiples of the mean; 0 for no limit.
        tile_grid_size: how many tiles there are, (down, across).
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image, of one type. There is no gradient.
    """

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.clip_limit, self.tile_grid_size = value_range, clip_limit, tile_grid_size

    def transform_images(self, images, transformation=None, training=True):
        x = ops.stop_gradient(images)
        dtype = x.dtype
        x = K.moveaxis(x, 1, -1) if self.data_format == "channels_first" else x
        y = self._equalized(rescaled(x.astype(K.float32), self.value_range, (0, 255)))
        y = rescaled(y, (0, 255), self.value_range).astype(dtype)
        return K.moveaxis(y, -1, 1) if self.data_format == "channels_first" else y

    def _equalized(self, x):
        """Images (n, height, width, channels) of tones from 0 to 255."""
        count, height, width, channels = x.shape
        down, across = self.tile_grid_size
        tile = -(-height // down), -(-width // across)
        margins = (0, tile[0] * down - height), (0, tile[1] * across - width)
        tones = K.clip(K.pad(x, ((0, 0), *margins, (0, 0)), mode="symmetric"), 0, _TONES - 1).astype(K.int32)
        tiles = tones.reshape(count, down, tile[0], across, tile[1], channels).transpose(0, 1, 3, 5, 2, 4)
        curves = self._curves(tiles.reshape(-1, tile[0] * tile[1])).reshape(count, down, across, channels, _TONES)
        # One more tile on every side, like its neighbour, so that each pixel has four around it.
        curves = K.pad(curves, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
        (y0, y1, wy), (x0, x1, wx) = _between(tile[0], down), _between(tile[1], across)
        wy, wx = wy[None, :, None, None], wx[None, None, :, None]
        sample, channel = K.arange(count)[:, None, None, None], K.arange(channels)

        def read(rows, columns):
            return curves[sample, rows[None, :, None, None], columns[None, None, :, None], channel, tones]

        top = read(y0, x0) * (1 - wx) + read(y0, x1) * wx
        bottom = read(y1, x0) * (1 - wx) + read(y1, x1) * wx
        return (top * (1 - wy) + bottom * wy)[:, :height, :width]

    def _curves(self, tiles):
        """The curve of each tile.     tiles (n, pixels)   ->   (n, 256)"""
        count, pixels = tiles.shape
        cells = K.arange(count)[:, None] * _TONES + tiles
        histogram = K.bincount(cells.reshape(-1), minlength=count * _TONES).reshape(count, _TONES).astype(K.float32)
        if self.clip_limit > 0:
            kept = K.minimum(histogram, self.clip_limit * pixels / _TONES)
            histogram = kept + (histogram - kept).sum(axis=1, keepdims=True) / _TONES
        below = histogram.cumsum(axis=1)
        first = below[:, :1]
        rest = pixels - first
        return K.clip((below - first) * 255 / K.where(rest == 0, 1, rest), 0, 255).astype(K.float32)


def _between(length, count):
    """For each pixel of an axis: the tiles before and after it, of which the first is the added one, and the latter's share."""
    place = (K.arange(length * count, dtype=K.float32) - length / 2) / length + 1
    before = K.floor(place)
    last = count + 1
    return K.clip(before, 0, last).astype(K.int32), K.clip(before + 1, 0, last).astype(K.int32), place - before
