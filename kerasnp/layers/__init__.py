"""Layers, under the names of `keras.layers`.

>>> import kerasnp
>>> layer = kerasnp.layers.Dense(3)
>>> layer(kerasnp.ops.ones((2, 5))).shape
(2, 3)
"""

from kerasnp.layers.layer import Layer
from kerasnp.saving.config import deserialize_keras_object as _deserialize
from kerasnp.saving.config import serialize_keras_object as _serialize
from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".activations": "ELU LeakyReLU PReLU ReLU Softmax",
    ".adaptive_pooling": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
        "AdaptiveMaxPooling2D AdaptiveMaxPooling3D"
    ),
    ".attention": "AdditiveAttention Attention",
    ".audio": "MelSpectrogram STFTSpectrogram",
    ".categories": "CategoryEncoding Discretization",
    ".conv": "Conv1D Conv2D Conv3D",
    ".conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    ".conv_transpose": "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
    ".core": "Activation Dense Input InputLayer",
    ".einsum_dense": "EinsumDense",
    ".embedding": "Embedding ReversibleEmbedding",
    ".function": "Identity Lambda",
    ".hashing": "HashedCrossing Hashing",
    ".image_bending": "RandomElasticTransform RandomPerspective RandomShear",
    ".image_clahe": "ContrastLimitedAdaptiveHistogramEqualization",
    ".image_color": (
        "RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomGrayscale RandomHue "
        "RandomInvert RandomSaturation"
    ),
    ".image_geometry": "RandomFlip RandomRotation RandomTranslation RandomZoom",
    ".image_mixing": "CutMix MixUp RandomErasing",
    ".image_policies": "AugMix Pipeline RandAugment",
    ".image_size": "CenterCrop RandomCrop Resizing",
    ".image_tone": "AutoContrast Equalization RandomGaussianBlur RandomPosterization RandomSharpness Solarization",
    ".index_lookup": "IndexLookup",
    ".input_spec": "InputSpec",
    ".layer": "Layer",
    ".lookup": "IntegerLookup StringLookup",
    ".masking": "Masking",
    ".merging": (
        "Add Average Concatenate Dot Maximum Minimum Multiply Subtract add average concatenate dot maximum minimum "
        "multiply subtract"
    ),
    ".multi_head_attention": "GroupedQueryAttention MultiHeadAttention",
    ".normalization": "BatchNormalization GroupNormalization LayerNormalization RMSNormalization UnitNormalization",
    ".padding": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    ".pooling": (
        "AveragePooling1D AveragePooling2D AveragePooling3D GlobalAveragePooling1D GlobalAveragePooling2D "
        "GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D MaxPooling1D MaxPooling2D "
        "MaxPooling3D"
    ),
    ".preprocessing": "Normalization Rescaling",
    ".recurrent": "GRU LSTM SimpleRNN",
    ".recurrent_cells": "GRUCell LSTMCell SimpleRNNCell",
    ".recurrent_wrappers": "Bidirectional TimeDistributed",
    ".regularization": (
        "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise "
        "SpatialDropout1D SpatialDropout2D SpatialDropout3D"
    ),
    ".reshaping": "Flatten Permute RepeatVector Reshape",
    ".rnn": "RNN StackedRNNCells",
    ".separable_conv": "DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D",
    ".text": "TextVectorization",
    ".tree": "TreeLSTMCell TreeRNNCell",
    ".tree_batch": "Tree",
    ".upsampling": "UpSampling1D UpSampling2D UpSampling3D",
    ".wrapper": "SpectralNormalization Wrapper",
}
# Keras's.
_SECOND_NAMES = {
    "GroupQueryAttention": "GroupedQueryAttention",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES, _SECOND_NAMES)
__all__ += ["deserialize", "serialize"]


def serialize(layer):
    """The configuration of a layer.

    >>> import kerasnp
    >>> kerasnp.layers.serialize(kerasnp.layers.Dense(3))["config"]["units"]
    3
    """
    return _serialize(layer)


def deserialize(config, custom_objects=None):
    """The layer that `serialize` described.

    >>> import kerasnp
    >>> kerasnp.layers.deserialize({"class_name": "Dense", "config": {"units": 3, "name": "dense"}})
    <Dense name=dense, built=False>

    Raises: ValueError for what is no layer.
    """
    layer = _deserialize(config, custom_objects, family="layers")
    if not isinstance(layer, Layer):
        raise ValueError(f"layers.deserialize: the configuration describes something that is not a Layer. Received: {config}")
    return layer
