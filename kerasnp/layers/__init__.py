"""Layers, under the names of `keras.layers`.

>>> import kerasnp
>>> layer = kerasnp.layers.Dense(3)
>>> layer(kerasnp.ops.ones((2, 5))).shape
(2, 3)
"""

from kerasnp.layers.activations import ELU, LeakyReLU, PReLU, ReLU, Softmax  # noqa: F401
from kerasnp.layers.adaptive_pooling import (  # noqa: F401
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)  # fmt: skip
from kerasnp.layers.categories import CategoryEncoding, Discretization  # noqa: F401
from kerasnp.layers.audio import MelSpectrogram, STFTSpectrogram  # noqa: F401
from kerasnp.layers.attention import AdditiveAttention, Attention  # noqa: F401
from kerasnp.layers.conv import Conv1D, Conv2D, Conv3D  # noqa: F401
from kerasnp.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D  # noqa: F401
from kerasnp.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose  # noqa: F401
from kerasnp.layers.core import Activation, Dense, Input, InputLayer  # noqa: F401
from kerasnp.layers.einsum_dense import EinsumDense  # noqa: F401
from kerasnp.layers.embedding import Embedding, ReversibleEmbedding  # noqa: F401
from kerasnp.layers.function import Identity, Lambda  # noqa: F401
from kerasnp.layers.hashing import HashedCrossing, Hashing  # noqa: F401
from kerasnp.layers.image_bending import RandomElasticTransform, RandomPerspective, RandomShear  # noqa: F401
from kerasnp.layers.image_clahe import ContrastLimitedAdaptiveHistogramEqualization  # noqa: F401
from kerasnp.layers.image_color import (  # noqa: F401
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomSaturation,
)  # fmt: skip
from kerasnp.layers.image_geometry import RandomFlip, RandomRotation, RandomTranslation, RandomZoom  # noqa: F401
from kerasnp.layers.image_mixing import CutMix, MixUp, RandomErasing  # noqa: F401
from kerasnp.layers.image_policies import AugMix, Pipeline, RandAugment  # noqa: F401
from kerasnp.layers.image_size import CenterCrop, RandomCrop, Resizing  # noqa: F401
from kerasnp.layers.image_tone import (  # noqa: F401
    AutoContrast,
    Equalization,
    RandomGaussianBlur,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)  # fmt: skip
from kerasnp.layers.index_lookup import IndexLookup  # noqa: F401
from kerasnp.layers.input_spec import InputSpec  # noqa: F401
from kerasnp.layers.layer import Layer  # noqa: F401
from kerasnp.layers.lookup import IntegerLookup, StringLookup  # noqa: F401
from kerasnp.layers.masking import Masking  # noqa: F401
from kerasnp.layers.merging import (  # noqa: F401
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)  # fmt: skip
from kerasnp.layers.multi_head_attention import GroupedQueryAttention, MultiHeadAttention  # noqa: F401
from kerasnp.layers.normalization import (  # noqa: F401
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)  # fmt: skip
from kerasnp.layers.padding import (  # noqa: F401
    Cropping1D,
    Cropping2D,
    Cropping3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)  # fmt: skip
from kerasnp.layers.pooling import (  # noqa: F401
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)  # fmt: skip
from kerasnp.layers.recurrent import GRU, LSTM, SimpleRNN  # noqa: F401
from kerasnp.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell  # noqa: F401
from kerasnp.layers.recurrent_wrappers import Bidirectional, TimeDistributed  # noqa: F401
from kerasnp.layers.regularization import (  # noqa: F401
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)  # fmt: skip
from kerasnp.layers.preprocessing import Normalization, Rescaling  # noqa: F401
from kerasnp.layers.reshaping import Flatten, Permute, RepeatVector, Reshape  # noqa: F401
from kerasnp.layers.rnn import RNN, StackedRNNCells  # noqa: F401
from kerasnp.layers.separable_conv import (  # noqa: F401
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)  # fmt: skip
from kerasnp.layers.text import TextVectorization  # noqa: F401
from kerasnp.layers.tree import TreeLSTMCell, TreeRNNCell  # noqa: F401
from kerasnp.layers.tree_batch import Tree  # noqa: F401
from kerasnp.layers.upsampling import UpSampling1D, UpSampling2D, UpSampling3D  # noqa: F401
from kerasnp.layers.wrapper import SpectralNormalization, Wrapper  # noqa: F401
from kerasnp.saving.config import deserialize_keras_object as _deserialize
from kerasnp.saving.config import serialize_keras_object as _serialize


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


# Keras's second names.
GroupQueryAttention = GroupedQueryAttention
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose, Convolution3DTranspose = (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
)
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
