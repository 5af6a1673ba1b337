"""Functions on images, under the names of `keras.ops.image`.

Images are (height, width, channels) or batches of them, or with the channels first where `data_format` says so.

>>> import kerasnp
>>> kerasnp.ops.image.resize(kerasnp.ops.ones((4, 6, 3)), (2, 3)).shape
(2, 3, 3)
"""

from kerasnp.autodiff.symbolic import traced as _traced
from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".color": "hsv_to_rgb rgb_to_grayscale rgb_to_hsv",
    ".filters": "extract_patches extract_patches_3d gaussian_blur sobel_edges ssim",
    ".size": "crop_images pad_images resize scale_and_translate",
    ".warp": "affine_transform elastic_transform map_coordinates perspective_transform",
}

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__, _HOMES, public=lambda name, function: _traced(function, f"image.{name}")
)
