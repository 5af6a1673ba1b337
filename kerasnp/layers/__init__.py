"""Layers, under the names of `keras.layers`.

>>> import kerasnp
>>> layer = kerasnp.layers.Dense(3)
>>> layer(kerasnp.ops.ones((2, 5))).shape
(2, 3)
"""

from kerasnp.layers.activations import ELU, LeakyReLU, PReLU, ReLU, Softmax  # noqa: F401
from kerasnp.layers.conv import Conv2D  # noqa: F401
from kerasnp.layers.core import *  # noqa: F401,F403
from kerasnp.layers.input_spec import InputSpec  # noqa: F401
from kerasnp.layers.layer import Layer  # noqa: F401
from kerasnp.layers.normalization import BatchNormalization  # noqa: F401
from kerasnp.layers.pooling import (  # noqa: F401
    AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D,
)  # fmt: skip
from kerasnp.layers.regularization import Dropout  # noqa: F401
from kerasnp.layers.reshaping import Flatten, Permute, RepeatVector, Reshape  # noqa: F401
