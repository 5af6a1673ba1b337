"""Functions on images, under the names of `keras.ops.image`.

Images are (height, width, channels) or batches of them, or with the channels first where `data_format` says so.

>>> import kerasnp
>>> kerasnp.ops.image.resize(kerasnp.ops.ones((4, 6, 3)), (2, 3)).shape
(2, 3, 3)
"""

from kerasnp.ops.image.color import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv  # noqa: F401
from kerasnp.ops.image.filters import (  # noqa: F401
    extract_patches, extract_patches_3d, gaussian_blur, sobel_edges, ssim,
)  # fmt: skip
from kerasnp.ops.image.size import crop_images, pad_images, resize, scale_and_translate  # noqa: F401
from kerasnp.ops.image.warp import (  # noqa: F401
    affine_transform, elastic_transform, map_coordinates, perspective_transform,
)  # fmt: skip
