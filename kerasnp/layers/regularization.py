"""Layers that disturb or penalise activities in training and pass them on unchanged otherwise."""

from kerasnp import ops
from kerasnp.layers.layer import Layer
from kerasnp.random import SeedGenerator
from kerasnp.utils import check


class _Noise(Layer, abstract=True):
    """Base of the random ones: `call` lets inputs through outside of training, and `disturb` does the rest."""

    supports_masking = True

    def _set_seed(self, seed, needed):
        self.seed = seed
        if needed:
            self.seed_generator = SeedGenerator(seed)
        self._active = needed

    def call(self, inputs, training=False):
        return self.disturb(inputs) if training and self._active else inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(_Noise):
    """Zero a random share of the activities in training and scale the others up, so that the expected sum stays.

    y = x * m / (1 - rate), m being 0 with probability `rate` and 1 otherwise; y = x outside of training
    (Srivastava et al., 2014).

    >>> Dropout(0.5, seed=1)(K.ones((1, 4)))
    array([[1., 1., 1., 1.]])
    >>> sorted(set(Dropout(0.5, seed=1)(K.ones((1, 100)), training=True).ravel().tolist()))
    [0.0, 2.0]

    Args:
        rate: the share to drop, from 0 to 1.
        noise_shape: the shape of the mask, broadcast against the inputs; None entries follow the inputs. `(None, 1, 3)`
            drops the same features at every step.
        seed: an integer for the same masks in every run, or a SeedGenerator.

    Raises: ValueError for a rate outside [0, 1] or a noise_shape that is no shape.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check.fraction("rate", rate, self._who)
        self.noise_shape = None if noise_shape is None else check.shape(noise_shape, "noise_shape", self._who)
        self._set_seed(seed, rate > 0)

    def disturb(self, inputs):
        """The inputs with a share dropped."""
        return ops.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)
