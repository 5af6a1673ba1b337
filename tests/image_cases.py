"""What the functions of ops.image are tried on, here and with real Keras: tests/golden/make_image.py."""

import zlib

import numpy as np

TURN = [0.8, -0.6, 2.1, 0.6, 0.8, -1.3, 0.0, 0.0]
SHRINK = [1.7, 0.1, -1.2, 0.0, 1.4, -0.7, 0.0, 0.0]
START = [[[0.0, 0.0], [7.0, 0.0], [0.0, 5.0], [7.0, 5.0]]]
END = [[[0.5, 0.2], [6.0, 1.0], [-1.0, 4.5], [6.5, 5.5]]]
PLACES = np.random.default_rng(5).uniform(-6, 9, (2, 3, 4)).astype("float32")

# name -> (function, shape of the image, further arguments)
CASES = {}
for _method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
    CASES[f"resize-{_method}-up"] = ("resize", (2, 4, 5, 3), {"size": (9, 7), "interpolation": _method})
    CASES[f"resize-{_method}-down"] = ("resize", (2, 9, 8, 3), {"size": (4, 3), "interpolation": _method})
    if _method != "nearest":
        CASES[f"resize-{_method}-antialias"] = (
            "resize", (1, 11, 8, 2), {"size": (4, 5), "interpolation": _method, "antialias": True},
        )  # fmt: skip
CASES |= {
    "resize-crop": ("resize", (2, 6, 11, 3), {"size": (5, 4), "crop_to_aspect_ratio": True}),
    "resize-pad-height": (
        "resize", (2, 6, 11, 3), {"size": (5, 4), "pad_to_aspect_ratio": True, "fill_value": 2.0},
    ),
    "resize-pad-width": ("resize", (11, 6, 3), {"size": (6, 7), "pad_to_aspect_ratio": True, "fill_value": -1.0}),
    "resize-first": ("resize", (2, 3, 6, 5), {"size": (4, 8), "data_format": "channels_first"}),
    "resize-bytes": ("resize", (2, 6, 5, 3), {"size": (4, 9), "interpolation": "bicubic"}),
    "resize-bytes-nearest": ("resize", (6, 5, 3), {"size": (4, 9), "interpolation": "nearest"}),
    "scale_and_translate-linear": (
        "scale_and_translate", (2, 6, 5, 3),
        {"output_shape": (2, 7, 4, 3), "scale": [1.3, 0.6], "translation": [0.7, -0.4], "spatial_dims": (1, 2),
         "method": "linear"},
    ),
    "scale_and_translate-cubic": (
        "scale_and_translate", (6, 5),
        {"output_shape": (6, 9), "scale": [1.9], "translation": [1.5], "spatial_dims": (1,),
         "method": "bicubic", "antialias": False},
    ),
    "scale_and_translate-lanczos3": (
        "scale_and_translate", (8, 5),
        {"output_shape": (4, 5), "scale": [0.4], "translation": [0.5], "spatial_dims": (0,), "method": "lanczos3"},
    ),
    "affine_transform-nearest": (
        "affine_transform", (2, 6, 8, 3), {"transform": [TURN, SHRINK], "interpolation": "nearest"},
    ),
    "affine_transform-first": (
        "affine_transform", (2, 3, 6, 8), {"transform": [TURN, SHRINK], "fill_mode": "reflect",
         "data_format": "channels_first"},
    ),
    "affine_transform-single": ("affine_transform", (6, 8, 3), {"transform": TURN, "fill_value": 0.5}),
    "affine_transform-bytes": ("affine_transform", (2, 6, 8, 3), {"transform": [TURN, SHRINK]}),
    "perspective_transform-linear": ("perspective_transform", (1, 6, 8, 2), {"start_points": START, "end_points": END}),
    "perspective_transform-nearest": (
        "perspective_transform", (1, 6, 8, 2),
        {"start_points": START, "end_points": END, "interpolation": "nearest", "fill_value": 3.0},
    ),
    "rgb_to_grayscale": ("rgb_to_grayscale", (2, 4, 5, 3), {}),
    "rgb_to_grayscale-first": ("rgb_to_grayscale", (3, 4, 5), {"data_format": "channels_first"}),
    "rgb_to_grayscale-bytes": ("rgb_to_grayscale", (4, 5, 3), {}),
    "rgb_to_hsv": ("rgb_to_hsv", (2, 4, 5, 3), {}),
    "rgb_to_hsv-first": ("rgb_to_hsv", (2, 3, 4, 5), {"data_format": "channels_first"}),
    "hsv_to_rgb": ("hsv_to_rgb", (2, 4, 5, 3), {}),
    "hsv_to_rgb-first": ("hsv_to_rgb", (3, 4, 5), {"data_format": "channels_first"}),
    "gaussian_blur": ("gaussian_blur", (2, 6, 5, 3), {"sigma": (0.8, 1.7), "data_format": "channels_last"}),
    "gaussian_blur-first": (
        "gaussian_blur", (3, 6, 7), {"kernel_size": (5, 3), "sigma": (2.0, 0.7), "data_format": "channels_first"},
    ),
    "gaussian_blur-even": (
        "gaussian_blur", (6, 7, 3), {"kernel_size": (4, 2), "sigma": (2.0, 0.7), "data_format": "channels_last"},
    ),
    "sobel_edges": ("sobel_edges", (2, 6, 5, 3), {}),
    "sobel_edges-first": ("sobel_edges", (2, 3, 6, 5), {"data_format": "channels_first"}),
    "extract_patches": ("extract_patches", (2, 7, 8, 3), {"size": (3, 2)}),
    "extract_patches-strides": ("extract_patches", (7, 8, 3), {"size": 3, "strides": 1, "dilation_rate": 2}),
    "extract_patches-same": (
        "extract_patches", (2, 3, 7, 8), {"size": (3, 2), "strides": (2, 3), "padding": "same",
         "data_format": "channels_first"},
    ),
    "extract_patches-3d": ("extract_patches_3d", (1, 4, 5, 6, 2), {"size": 2, "strides": (1, 2, 3)}),
    "crop_images": (
        "crop_images", (2, 6, 5, 3), {"top_cropping": 1, "left_cropping": 2, "target_height": 3, "target_width": 2},
    ),
    "crop_images-first": (
        "crop_images", (3, 6, 5),
        {"bottom_cropping": 1, "right_cropping": 2, "target_height": 3, "left_cropping": 1, "data_format": "channels_first"},
    ),
    "pad_images": ("pad_images", (2, 6, 5, 3), {"top_padding": 1, "left_padding": 2, "target_height": 9, "target_width": 8}),
}  # fmt: skip
for _mode in ("constant", "nearest", "wrap", "mirror", "reflect"):
    CASES[f"affine_transform-{_mode}"] = (
        "affine_transform", (2, 6, 8, 3), {"transform": [TURN, SHRINK], "fill_mode": _mode, "fill_value": 0.3},
    )  # fmt: skip
    for _order in (0, 1):
        CASES[f"map_coordinates-{_mode}-{_order}"] = (
            "map_coordinates", (5, 4), {"coordinates": PLACES, "order": _order, "fill_mode": _mode, "fill_value": 0.3},
        )  # fmt: skip


def image_for(name, shape):
    """The image of a case: numbers in [0, 1], or bytes."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if "bytes" in name:
        return rng.integers(0, 256, shape).astype("uint8")
    return rng.uniform(0, 1, shape).astype("float32")


def arguments_for(options):
    """The further arguments, lists as arrays."""
    return {k: np.asarray(v, "float32") if isinstance(v, list) else v for k, v in options.items()}
