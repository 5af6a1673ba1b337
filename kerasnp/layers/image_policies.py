"""Layers that pick among other image layers at random, and one that runs layers in turn."""

from kerasnp import ops, random
from kerasnp.layers.image_bending import RandomShear
from kerasnp.layers.image_color import RandomBrightness, RandomColorDegeneration, RandomContrast
from kerasnp.layers.image_geometry import RandomRotation, RandomTranslation
from kerasnp.layers.image_layer import ImageLayer, factor_range
from kerasnp.layers.image_tone import AutoContrast, Equalization, RandomPosterization, RandomSharpness, Solarization
from kerasnp.layers.layer import Layer
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils.masks import get_mask


class _Policy(ImageLayer, abstract=True):
    """Base: a set of image layers of one strength."""

    moves_pixels = True

    def _make_layers(self, interpolation, **options):
        """One attribute for each layer, under Keras's names; returns the names."""
        factor, value_range = self.factor, {"value_range": self.value_range, **options}
        moved = {"interpolation": interpolation, **options}
        made = {
            "random_shear": RandomShear(factor, factor, **moved),
            "random_translation": RandomTranslation(factor, factor, **moved),
            "random_rotation": RandomRotation(factor, **moved),
            "random_brightness": RandomBrightness(factor, **value_range),
            "random_color_degeneration": RandomColorDegeneration(factor, **value_range),
            "random_contrast": RandomContrast(factor, **value_range),
            "random_sharpness": RandomSharpness(factor, **value_range),
            "random_posterization": RandomPosterization(max(1, int(8 * factor[1])), **value_range),
            "solarization": Solarization(factor, factor, **value_range),
            "auto_contrast": AutoContrast(**{k: v for k, v in value_range.items() if k != "seed"}),
            "equalization": Equalization(**{k: v for k, v in value_range.items() if k != "seed"}),
        }
        for name, layer in made.items():
            setattr(self, name, layer)
        return list(made)

    def _rng(self, seed):
        return random.generator_from(self.generator if seed is None else seed)

    def _drawn(self, name, data, seed):
        """(name, transformation) of one of the layers."""
        return name, getattr(self, name).get_random_transformation(data, seed=self.generator if seed is None else seed)


class RandAugment(_Policy):
    """A few image layers picked at random and applied in turn, in training (Cubuk et al., 2020).

    >>> from kerasnp import ops
    >>> x = ops.ones((2, 8, 8, 3)) * 100.0
    >>> RandAugment(num_ops=2, factor=0.5, seed=1)(x, training=True).shape
    (2, 8, 8, 3)

    Args:
        value_range: [low, high], what pixels lie between.
        num_ops: how many are applied.
        factor: the strength, or (lower, upper), in [0, 1].
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for the same choices in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.num_ops, self.interpolation = value_range, num_ops, interpolation
        self.factor = factor_range(factor, (0, 1))
        self._set_seed(seed)
        self._names = tuple(self._make_layers(interpolation, seed=seed, data_format=data_format, dtype=self.dtype_policy))

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        picked = self._rng(seed).integers(0, len(self._names), self.num_ops)
        return [self._drawn(self._names[i], data, seed) for i in picked]

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        for name, drawn in transformation if training else ():
            images = getattr(self, name).transform_images(images, drawn)
        return images

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        for name, drawn in transformation if training else ():
            segmentation_masks = getattr(self, name).transform_segmentation_masks(segmentation_masks, drawn)
        return segmentation_masks


class AugMix(_Policy):
    """Chains of image layers picked at random, their results mixed with the image, in training (Hendrycks et al., 2020).

    >>> from kerasnp import ops
    >>> x = ops.ones((2, 8, 8, 3)) * 100.0
    >>> AugMix(num_chains=2, chain_depth=2, seed=1)(x, training=True).shape
    (2, 8, 8, 3)

    Args:
        value_range: [low, high], what pixels lie between.
        num_chains: how many chains are mixed.
        chain_depth: how many layers a chain has at most.
        factor: the strength, or (lower, upper), in [0, 1].
        alpha: the parameter of the Beta and Dirichlet distributions that the weights come from.
        all_ops: pick among brightness, colour, contrast and sharpness too.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for the same choices in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.num_chains, self.chain_depth = value_range, num_chains, chain_depth
        self.alpha, self.all_ops, self.interpolation = alpha, all_ops, interpolation
        self.factor = factor_range(factor, (0, 1))
        self._set_seed(seed)
        names = self._make_layers(interpolation, seed=seed, data_format=data_format, dtype=self.dtype_policy)
        extra = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")
        self._names = tuple(n for n in names if all_ops or n not in extra)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        rng = self._rng(seed)
        weights = rng.gamma(self.alpha, size=self.num_chains)
        chains = []
        for _ in range(self.num_chains):
            # The last number stands for no layer, which makes chains of different lengths.
            picked = rng.integers(0, len(self._names) + 1, self.chain_depth)
            chains.append([self._drawn(self._names[i], data, seed) for i in picked if i < len(self._names)])
        return {
            "chain_mixing_weights": weights / weights.sum(),
            "weight_sample": rng.beta(self.alpha, self.alpha),
            "chain_transforms": chains,
        }

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training:
            return images
        return ops.clip(self._blended(images, transformation, "transform_images"), *self.value_range)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training:
            return segmentation_masks
        return self._blended(self._to_float(segmentation_masks), transformation, "transform_segmentation_masks")

    def _blended(self, x, transformation, method):
        total = 0.0
        for weight, chain in zip(transformation["chain_mixing_weights"], transformation["chain_transforms"]):
            y = x
            for name, drawn in chain:
                y = getattr(getattr(self, name), method)(y, drawn)
            total = y * float(weight) + total
        share = float(transformation["weight_sample"])
        return x * share + total * (1.0 - share)


class Pipeline(Layer):
    """Layers applied one after the other: like a Sequential, but a plain layer, for example to augment images.

    >>> from kerasnp.layers import Rescaling
    >>> Pipeline([Rescaling(2.0), Rescaling(1.0, offset=1.0)])([[1.0]])
    array([[3.]], dtype=float32)

    Args:
        layers: the layers.
    """

    casts_integers = False

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        self._pipeline_layers = list(layers)
        self.autocast = False

    @property
    def layers(self):
        """The layers, in order.

        >>> import kerasnp
        >>> [layer.name for layer in Pipeline([kerasnp.layers.RandomFlip(), kerasnp.layers.Rescaling(2.0)]).layers]
        ['random_flip', 'rescaling']
        """
        return self._pipeline_layers

    def build(self, input_shape):
        shape = input_shape
        for layer in self._pipeline_layers:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            options = {"training": training} if layer._takes_training else {}
            if layer._takes_mask and mask is not None:
                options["mask"] = mask
            inputs = layer(inputs, **options)
            mask = get_mask(inputs) if get_mask(inputs) is not None else mask
        return inputs

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        for layer in self._pipeline_layers:
            shape = layer.compute_output_shape(shape)
        return shape

    def get_config(self):
        """The layers' configurations."""
        return {"layers": [serialize_keras_object(layer) for layer in self._pipeline_layers], "name": self.name}

    @classmethod
    def from_config(cls, config):
        """The pipeline that `get_config` described."""
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "Pipeline: its configuration must list the configurations of its layers under 'layers'. Received: "
                f"layers={layers}."
            )
        return cls([deserialize_keras_object(c, family="layers") for c in layers], name=config.get("name"))
