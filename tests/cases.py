"""Samples of what every class is called with; the sweeps run over the registry and look here by name."""

import numpy as np

# class name -> list of (constructor arguments, input shape with the batch axis).
# A layer within a layer is written (class name, arguments), a function by the name of an activation: see `resolve`.
LAYERS = {
    "STFTSpectrogram": [
        ({"mode": "magnitude", "frame_length": 8, "frame_step": 3, "fft_length": 16}, (2, 14, 2)),
        ({"frame_length": 6, "padding": "same", "expand_dims": True, "data_format": "channels_first"}, (2, 1, 12)),
    ],
    "MelSpectrogram": [({"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 3, "power_to_db": False}, (2, 40))],
    "Activation": [({"activation": "relu"}, (4, 5)), ({"activation": "softmax"}, (2, 3, 4))],
    "ActivityRegularization": [({"l1": 0.1, "l2": 0.2}, (4, 5))],
    "AdaptiveAveragePooling1D": [
        ({"output_size": 3}, (2, 7, 4)),
        ({"output_size": 2, "data_format": "channels_first"}, (2, 4, 7)),
    ],
    "AdaptiveAveragePooling2D": [
        ({"output_size": (2, 3)}, (2, 5, 7, 3)),
        ({"output_size": 3, "data_format": "channels_first"}, (2, 2, 6, 4)),
        ({"output_size": 4}, (2, 3, 3, 2)),
    ],
    "AdaptiveAveragePooling3D": [({"output_size": (2, 1, 3)}, (2, 3, 4, 5, 2))],
    "AdaptiveMaxPooling1D": [
        ({"output_size": 3}, (2, 7, 4)),
        ({"output_size": 2, "data_format": "channels_first"}, (2, 4, 7)),
    ],
    "AdaptiveMaxPooling2D": [
        ({"output_size": (2, 3)}, (2, 5, 7, 3)),
        ({"output_size": 3, "data_format": "channels_first"}, (2, 2, 6, 4)),
        ({"output_size": 4}, (2, 3, 3, 2)),
    ],
    "AdaptiveMaxPooling3D": [({"output_size": (2, 1, 3)}, (2, 3, 4, 5, 2))],
    "AlphaDropout": [
        ({"rate": 0.3, "seed": 3}, (4, 5)),
        ({"rate": 0.5, "noise_shape": (None, 1, 3), "seed": 4}, (2, 6, 3)),
    ],
    "AveragePooling1D": [
        ({"pool_size": 2}, (2, 7, 3)),
        ({"pool_size": 3, "strides": 2, "padding": "same", "data_format": "channels_first"}, (2, 3, 8)),
    ],
    "AveragePooling2D": [
        ({"pool_size": 2}, (2, 6, 5, 3)),
        ({"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}, (2, 7, 4, 3)),
        ({"pool_size": 2, "data_format": "channels_first"}, (2, 3, 6, 5)),
    ],
    "AveragePooling3D": [
        ({"pool_size": 2}, (2, 4, 5, 3, 2)),
        ({"pool_size": (2, 3, 1), "strides": (1, 2, 2), "padding": "same"}, (2, 3, 5, 4, 2)),
    ],
    "BatchNormalization": [
        ({}, (6, 5)),
        ({"momentum": 0.7, "epsilon": 0.01}, (3, 4, 5, 2)),
        ({"axis": 1, "center": False}, (3, 2, 4, 5)),
        ({"scale": False}, (4, 3, 2)),
        ({"center": False, "scale": False}, (5, 3)),
    ],
    "Bidirectional": [
        ({"layer": ("LSTM", {"units": 3})}, (2, 5, 4)),
        ({"layer": ("GRU", {"units": 2, "return_sequences": True}), "merge_mode": "sum"}, (2, 5, 4)),
        ({"layer": ("SimpleRNN", {"units": 2, "go_backwards": True}), "merge_mode": "ave"}, (2, 4, 3)),
        ({"layer": ("LSTM", {"units": 2, "return_sequences": True}), "merge_mode": "mul"}, (2, 4, 3)),
    ],
    "Conv1D": [
        ({"filters": 4, "kernel_size": 3}, (2, 9, 2)),
        ({"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "activation": "relu"}, (2, 8, 2)),
        ({"filters": 4, "kernel_size": 4, "strides": 3, "padding": "same", "groups": 2}, (2, 10, 4)),
        ({"filters": 2, "kernel_size": 2, "data_format": "channels_first", "use_bias": False}, (2, 3, 7)),
        ({"filters": 3, "kernel_size": 2, "activation": "relu", "lora_rank": 2, "lora_alpha": 5}, (2, 6, 3)),
    ],
    "Conv1DTranspose": [
        ({"filters": 4, "kernel_size": 3}, (2, 5, 2)),
        ({"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "relu"}, (2, 5, 2)),
        ({"filters": 2, "kernel_size": 2, "strides": 3}, (2, 4, 3)),
        ({"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1}, (2, 4, 3)),
        ({"filters": 2, "kernel_size": 3, "dilation_rate": 2, "data_format": "channels_first"}, (2, 3, 5)),
    ],
    "Conv2D": [
        ({"filters": 3, "kernel_size": 3}, (2, 6, 7, 2)),
        (
            {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "activation": "relu"},
            (2, 5, 6, 1),
        ),
        ({"filters": 4, "kernel_size": 3, "dilation_rate": (2, 1), "use_bias": False}, (2, 7, 6, 3)),
        ({"filters": 6, "kernel_size": 2, "groups": 2, "activation": "tanh"}, (3, 4, 5, 4)),
        ({"filters": 2, "kernel_size": (3, 1), "data_format": "channels_first", "activation": "elu"}, (2, 3, 5, 4)),
        ({"filters": 4, "kernel_size": (2, 3), "groups": 2, "lora_rank": 3, "lora_alpha": 1.5}, (2, 4, 5, 4)),
    ],
    "Conv2DTranspose": [
        ({"filters": 4, "kernel_size": 3}, (2, 4, 3, 2)),
        ({"filters": 3, "kernel_size": (4, 3), "strides": 2, "padding": "same", "activation": "tanh"}, (2, 3, 4, 2)),
        ({"filters": 2, "kernel_size": 3, "strides": (2, 3), "output_padding": (1, 2)}, (2, 3, 2, 3)),
        ({"filters": 2, "kernel_size": (5, 3), "strides": 2, "padding": "same", "output_padding": 0}, (2, 3, 3, 3)),
        ({"filters": 2, "kernel_size": 2, "dilation_rate": (2, 1), "padding": "same", "use_bias": False}, (2, 4, 3, 2)),
        ({"filters": 3, "kernel_size": 2, "strides": 2, "data_format": "channels_first"}, (2, 2, 3, 4)),
    ],
    "ConvLSTM1D": [
        ({"filters": 2, "kernel_size": 3}, (2, 3, 5, 2)),
        ({"filters": 3, "kernel_size": 2, "dilation_rate": 2, "return_sequences": True}, (2, 2, 6, 1)),
    ],
    "ConvLSTM3D": [
        ({"filters": 2, "kernel_size": 2}, (2, 2, 3, 2, 3, 1)),
        ({"filters": 1, "kernel_size": (2, 1, 2), "strides": 2, "padding": "same", "use_bias": False}, (1, 2, 3, 2, 3, 2)),
    ],
    "ConvLSTM2D": [
        ({"filters": 2, "kernel_size": 2}, (2, 3, 4, 5, 1)),
        ({"filters": 2, "kernel_size": (2, 3), "strides": 2, "padding": "same", "return_sequences": True}, (2, 3, 4, 5, 2)),
        ({"filters": 2, "kernel_size": 2, "data_format": "channels_first", "use_bias": False}, (2, 2, 1, 4, 3)),
        ({"filters": 2, "kernel_size": 2, "dropout": 0.3, "recurrent_dropout": 0.3, "seed": 3}, (2, 2, 3, 3, 2)),
    ],
    "Conv3D": [
        ({"filters": 3, "kernel_size": 2}, (2, 4, 3, 5, 2)),
        (
            {"filters": 2, "kernel_size": (1, 3, 2), "strides": (1, 2, 1), "padding": "same", "activation": "relu"},
            (2, 2, 5, 4, 2),
        ),
        ({"filters": 2, "kernel_size": 2, "groups": 2, "dilation_rate": (1, 2, 1)}, (2, 3, 4, 3, 2)),
        ({"filters": 2, "kernel_size": 2, "data_format": "channels_first"}, (2, 3, 3, 4, 3)),
        ({"filters": 2, "kernel_size": 2, "lora_rank": 1}, (2, 3, 3, 4, 2)),
    ],
    "Conv3DTranspose": [
        ({"filters": 2, "kernel_size": 2}, (2, 2, 3, 2, 3)),
        (
            {"filters": 2, "kernel_size": (2, 3, 1), "strides": (2, 1, 2), "padding": "same", "activation": "relu"},
            (2, 2, 3, 2, 2),
        ),
    ],
    "Cropping1D": [({}, (2, 6, 3)), ({"cropping": (0, 2)}, (2, 5, 3))],
    "Cropping2D": [
        ({"cropping": 1}, (2, 5, 6, 2)),
        ({"cropping": ((1, 0), (2, 1)), "data_format": "channels_first"}, (2, 2, 5, 6)),
        ({}, (2, 3, 3, 1)),
    ],
    "Cropping3D": [({}, (2, 4, 3, 5, 2)), ({"cropping": (0, 1, 2)}, (2, 2, 4, 6, 2))],
    "Dense": [
        ({"units": 3}, (4, 5)),
        ({"units": 2, "activation": "gelu"}, (2, 3, 4)),
        ({"units": 4, "activation": "relu", "use_bias": False}, (3, 2)),
        ({"units": 4, "activation": "tanh", "lora_rank": 2}, (3, 5)),
    ],
    "DepthwiseConv1D": [
        ({"kernel_size": 3}, (2, 7, 3)),
        ({"kernel_size": 2, "depth_multiplier": 2, "strides": 2, "padding": "same", "activation": "relu"}, (2, 7, 2)),
    ],
    "DepthwiseConv2D": [
        ({"kernel_size": 3}, (2, 5, 6, 3)),
        (
            {"kernel_size": (2, 3), "depth_multiplier": 2, "strides": 2, "padding": "same", "activation": "relu"},
            (2, 5, 6, 2),
        ),
        ({"kernel_size": 2, "dilation_rate": 2, "use_bias": False, "data_format": "channels_first"}, (2, 3, 5, 6)),
    ],
    "Dropout": [
        ({"rate": 0.4, "seed": 3}, (4, 5)),
        ({"rate": 0.25, "noise_shape": (None, 1, 3), "seed": 4}, (2, 6, 3)),
        ({"rate": 0.0}, (4, 5)),
        ({"rate": 1}, (2, 3)),
    ],
    "ELU": [({}, (4, 5)), ({"alpha": 0.5}, (2, 3, 4))],
    "EinsumDense": [
        ({"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "c", "activation": "relu"}, (3, 5)),
        ({"equation": "abc,cd->abd", "output_shape": (None, 4)}, (2, 3, 5)),
        ({"equation": "abc,cde->abde", "output_shape": (None, 2, 4), "bias_axes": "de"}, (2, 3, 5)),
        ({"equation": "abc,bd->adc", "output_shape": (4, None), "bias_axes": "d"}, (2, 3, 5)),
        ({"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, (2, 3, 2, 5)),
        ({"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"}, (2, 3, 2, 2)),
        (
            {"equation": "abc,cde->abde", "output_shape": (None, 2, 4), "bias_axes": "de", "lora_rank": 2, "lora_alpha": 3},
            (2, 3, 5),
        ),
    ],
    "ReversibleEmbedding": [
        ({"input_dim": 7, "output_dim": 3}, (4, 5)),
        ({"input_dim": 7, "output_dim": 2, "tie_weights": False}, (6,)),
        ({"input_dim": 7, "output_dim": 4, "lora_rank": 2}, (2, 3)),
    ],
    "Embedding": [
        ({"input_dim": 7, "output_dim": 3}, (4, 5)),
        ({"input_dim": 7, "output_dim": 2}, (6,)),
        ({"input_dim": 7, "output_dim": 4, "lora_rank": 2}, (2, 3)),
    ],
    "Flatten": [({}, (2, 3, 4)), ({"data_format": "channels_first"}, (2, 3, 4, 5)), ({}, (3, 4)), ({}, (3,))],
    "GRU": [
        ({"units": 3}, (2, 5, 4)),
        ({"units": 3, "reset_after": False, "return_sequences": True}, (2, 5, 4)),
        ({"units": 2, "go_backwards": True, "activation": "relu", "recurrent_activation": "hard_sigmoid"}, (2, 4, 3)),
        ({"units": 2, "use_bias": False, "activation": "gelu", "return_sequences": True}, (2, 4, 3)),
        ({"units": 2, "dropout": 0.4, "recurrent_dropout": 0.3, "seed": 3, "reset_after": False}, (3, 4, 3)),
    ],
    "GaussianDropout": [({"rate": 0.3, "seed": 3}, (4, 5))],
    "GaussianNoise": [({"stddev": 0.3, "seed": 3}, (4, 5))],
    "GlobalAveragePooling1D": [({}, (2, 5, 3)), ({"keepdims": True, "data_format": "channels_first"}, (2, 3, 5))],
    "GlobalAveragePooling2D": [
        ({}, (2, 5, 4, 3)),
        ({"keepdims": True}, (2, 5, 4, 3)),
        ({"data_format": "channels_first"}, (2, 3, 5, 4)),
    ],
    "GlobalAveragePooling3D": [({}, (2, 3, 2, 4, 3)), ({"keepdims": True}, (2, 3, 2, 4, 3))],
    "GlobalMaxPooling1D": [({}, (2, 5, 3)), ({"keepdims": True, "data_format": "channels_first"}, (2, 3, 5))],
    "GlobalMaxPooling2D": [
        ({}, (2, 5, 4, 3)),
        ({"keepdims": True, "data_format": "channels_first"}, (2, 3, 5, 4)),
    ],
    "GlobalMaxPooling3D": [({}, (2, 3, 2, 4, 3)), ({"data_format": "channels_first"}, (2, 3, 2, 4, 3))],
    "GroupNormalization": [
        ({"groups": 2}, (3, 4, 5, 6)),
        ({"groups": -1, "center": False}, (3, 5, 4)),
        ({"groups": 3, "axis": 1, "epsilon": 0.1}, (2, 6, 4, 3)),
        ({"groups": 1, "scale": False}, (3, 4)),
    ],
    "Identity": [({}, (4, 5))],
    "LSTM": [
        ({"units": 3}, (2, 5, 4)),
        ({"units": 3, "return_sequences": True, "unit_forget_bias": False}, (2, 5, 4)),
        ({"units": 2, "go_backwards": True, "return_sequences": True, "recurrent_activation": "hard_sigmoid"}, (2, 4, 3)),
        ({"units": 2, "use_bias": False, "activation": "softsign"}, (2, 4, 3)),
        ({"units": 2, "dropout": 0.4, "recurrent_dropout": 0.3, "seed": 3}, (3, 4, 3)),
    ],
    "Lambda": [({"function": "relu"}, (4, 5)), ({"function": "softplus", "output_shape": (3, 4)}, (2, 3, 4))],
    "LayerNormalization": [
        ({}, (4, 5)),
        ({"axis": [1, 2], "epsilon": 0.1}, (3, 4, 5)),
        ({"axis": 1, "center": False}, (3, 4, 5)),
        ({"axis": [1, 3], "scale": False}, (3, 4, 2, 5)),
        ({"rms_scaling": True}, (4, 5)),
    ],
    "LeakyReLU": [({}, (4, 5)), ({"negative_slope": 0.1}, (2, 3, 4))],
    "Masking": [({}, (3, 4, 2)), ({"mask_value": 0.5}, (3, 4, 2))],
    "MaxPooling1D": [
        ({}, (2, 7, 3)),
        ({"pool_size": 3, "strides": 2, "padding": "same", "data_format": "channels_first"}, (2, 3, 8)),
    ],
    "MaxPooling2D": [
        ({}, (2, 6, 5, 3)),
        ({"pool_size": 3, "strides": 2, "padding": "same"}, (2, 7, 6, 2)),
        ({"pool_size": (1, 2), "strides": 1, "data_format": "channels_first"}, (2, 3, 6, 5)),
    ],
    "MaxPooling3D": [
        ({}, (2, 4, 5, 3, 2)),
        ({"pool_size": (2, 3, 1), "strides": (1, 2, 2), "padding": "same"}, (2, 3, 5, 4, 2)),
    ],
    "PReLU": [({"alpha_initializer": "random_normal"}, (4, 5)), ({"shared_axes": [1, 2]}, (2, 3, 4, 5))],
    "Permute": [({"dims": (2, 1)}, (2, 3, 4)), ({"dims": (3, 1, 2)}, (2, 3, 4, 5))],
    "RMSNormalization": [({}, (4, 5)), ({"axis": [1, 2], "epsilon": 0.1}, (3, 4, 5)), ({"axis": 1}, (3, 4, 5))],
    "RNN": [
        ({"cell": ("LSTMCell", {"units": 3})}, (2, 5, 4)),
        ({"cell": [("LSTMCell", {"units": 3}), ("GRUCell", {"units": 2})], "return_sequences": True}, (2, 5, 4)),
        ({"cell": [("SimpleRNNCell", {"units": 3, "activation": "gelu"}), ("GRUCell", {"units": 2})]}, (2, 4, 3)),
    ],
    "ReLU": [({}, (4, 5)), ({"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, (3, 4, 5))],
    "RepeatVector": [({"n": 3}, (4, 5))],
    "Reshape": [
        ({"target_shape": (2, -1)}, (3, 8)),
        ({"target_shape": (12,)}, (2, 3, 4)),
        ({"target_shape": (-1,)}, (2, 3, 4)),
    ],
    "SeparableConv1D": [
        ({"filters": 4, "kernel_size": 3}, (2, 7, 3)),
        ({"filters": 2, "kernel_size": 2, "depth_multiplier": 2, "strides": 2, "padding": "same"}, (2, 7, 2)),
    ],
    "SeparableConv2D": [
        ({"filters": 4, "kernel_size": 3, "activation": "relu"}, (2, 5, 6, 3)),
        ({"filters": 2, "kernel_size": (2, 3), "depth_multiplier": 2, "strides": 2, "padding": "same"}, (2, 5, 6, 2)),
        ({"filters": 3, "kernel_size": 2, "use_bias": False, "data_format": "channels_first"}, (2, 2, 4, 5)),
    ],
    "SimpleRNN": [
        ({"units": 3}, (2, 5, 4)),
        ({"units": 2, "activation": "relu", "return_sequences": True, "go_backwards": True}, (2, 4, 3)),
        (
            {"units": 2, "use_bias": False, "activation": "linear", "dropout": 0.4, "recurrent_dropout": 0.3, "seed": 3},
            (3, 4, 3),
        ),
    ],
    "Softmax": [({}, (4, 5)), ({"axis": 1}, (2, 3, 4)), ({"axis": [1, 2]}, (2, 3, 4))],
    "SpatialDropout1D": [({"rate": 0.5, "seed": 3}, (3, 4, 5))],
    "SpatialDropout2D": [
        ({"rate": 0.5, "seed": 3}, (3, 2, 4, 5)),
        ({"rate": 0.5, "seed": 3, "data_format": "channels_first"}, (3, 5, 2, 4)),
    ],
    "SpatialDropout3D": [({"rate": 0.5, "seed": 3}, (3, 2, 2, 3, 5))],
    "SpectralNormalization": [
        ({"layer": ("Dense", {"units": 3})}, (4, 5)),
        ({"layer": ("Conv2D", {"filters": 3, "kernel_size": 2}), "power_iterations": 3}, (2, 4, 5, 2)),
    ],
    "TimeDistributed": [
        ({"layer": ("Dense", {"units": 3, "activation": "relu"})}, (2, 4, 5)),
        ({"layer": ("Conv2D", {"filters": 2, "kernel_size": 2})}, (2, 3, 4, 5, 1)),
        ({"layer": ("BatchNormalization", {})}, (4, 3, 5)),
        ({"layer": ("Dropout", {"rate": 0.4, "seed": 3})}, (3, 4, 5)),
    ],
    "UnitNormalization": [({}, (4, 5)), ({"axis": [1, 2]}, (3, 4, 5)), ({"axis": 1}, (3, 4, 5))],
    "UpSampling1D": [({}, (2, 4, 3)), ({"size": 3}, (2, 4, 3))],
    "UpSampling2D": [
        ({}, (2, 3, 4, 2)),
        ({"size": (2, 3), "data_format": "channels_first"}, (2, 3, 2, 4)),
        ({"size": (2, 3), "interpolation": "bilinear"}, (2, 3, 4, 2)),
        ({"interpolation": "bicubic", "data_format": "channels_first"}, (2, 2, 5, 4)),
        ({"interpolation": "lanczos3"}, (2, 5, 4, 2)),
        ({"size": 3, "interpolation": "lanczos5"}, (2, 4, 7, 2)),
    ],
    "UpSampling3D": [({}, (2, 2, 3, 2, 2)), ({"size": (1, 2, 3), "data_format": "channels_first"}, (2, 2, 2, 3, 2))],
    "Rescaling": [({"scale": 0.5, "offset": -1.0}, (3, 4)), ({"scale": 2.0}, (2, 3, 4, 2))],
    "Normalization": [
        ({}, (3, 4)),
        ({"axis": None, "mean": 0.5, "variance": 2.0}, (3, 2, 4)),
        ({"axis": [1, -1], "mean": 0.5, "variance": 2.0, "invert": True}, (3, 2, 4)),
    ],
    "ZeroPadding1D": [({}, (2, 4, 3)), ({"padding": (0, 2)}, (2, 4, 3))],
    "ZeroPadding2D": [
        ({}, (2, 3, 4, 2)),
        ({"padding": ((1, 0), (2, 3)), "data_format": "channels_first"}, (2, 2, 3, 4)),
        ({"padding": (0, 2)}, (2, 3, 4, 2)),
    ],
    "ZeroPadding3D": [({}, (2, 2, 3, 2, 2)), ({"padding": (0, 1, 2)}, (2, 2, 3, 2, 2))],
    # --- images
    "AugMix": [({"seed": 1, "value_range": (0, 1)}, (2, 5, 6, 3)), ({"seed": 2, "all_ops": False}, (2, 5, 6, 3))],
    "AutoContrast": [({}, (2, 4, 5, 3)), ({"value_range": (-1, 1)}, (2, 4, 5, 3))],
    "ContrastLimitedAdaptiveHistogramEqualization": [
        ({"value_range": (-3, 3), "tile_grid_size": (2, 3)}, (2, 9, 10, 3)),
        ({"value_range": (-3, 3), "clip_limit": 0.0, "tile_grid_size": (2, 2), "data_format": "channels_first"}, (2, 3, 8, 6)),
        ({"value_range": (-3, 3)}, (1, 16, 17, 1)),
    ],
    "CutMix": [({"seed": 1}, (4, 5, 6, 3)), ({"seed": 1, "data_format": "channels_first"}, (4, 3, 5, 6))],
    "Equalization": [
        ({"value_range": (-3, 3)}, (2, 6, 7, 3)),
        ({"value_range": (-3, 3), "bins": 16, "data_format": "channels_first"}, (2, 3, 6, 7)),
    ],
    "MixUp": [({"seed": 1}, (4, 5, 6, 3)), ({"alpha": 1.0, "seed": 1}, (4, 3, 5, 6))],
    "RandAugment": [
        ({"seed": 1, "value_range": (0, 1)}, (2, 5, 6, 3)),
        ({"seed": 3, "factor": 0.2, "num_ops": 3}, (2, 5, 6, 3)),
    ],
    "RandomColorDegeneration": [
        ({"factor": 0.5, "seed": 1, "value_range": (-4, 4)}, (3, 4, 5, 3)),
        ({"factor": (0.4, 0.4), "value_range": (-2, 2), "data_format": "channels_first"}, (2, 3, 4, 5)),
    ],
    "RandomColorJitter": [
        (
            {"value_range": (0, 1), "brightness_factor": 0.2, "contrast_factor": 0.2, "saturation_factor": (0.3, 0.7),
             "hue_factor": 0.1, "seed": 1},
            (3, 4, 5, 3),
        ),
        ({"value_range": (0, 1), "brightness_factor": (0.2, 0.2), "saturation_factor": (0.7, 0.7)}, (2, 4, 5, 3)),
    ],
    "RandomElasticTransform": [
        ({"seed": 1, "value_range": (-4, 4)}, (2, 7, 8, 2)),
        ({"factor": 0.5, "scale": (0.2, 0.6), "fill_mode": "mirror", "seed": 1, "value_range": (-4, 4)}, (4, 7, 8, 2)),
    ],
    "RandomErasing": [
        ({"seed": 1, "value_range": (-1, 1)}, (4, 7, 8, 3)),
        ({"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_value": 0.5}, (2, 4, 5, 3)),
        ({"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_value": (0.5, 2.0, 3.0)}, (2, 4, 5, 3)),
    ],
    "RandomGaussianBlur": [
        ({"seed": 1, "value_range": (-4, 4)}, (4, 6, 7, 3)),
        ({"factor": (1.0, 1.0), "kernel_size": (5, 3), "sigma": (0.7, 0.7), "value_range": (-4, 4)}, (2, 6, 7, 3)),
        ({"factor": (1.0, 1.0), "sigma": (0.4, 0.4), "value_range": (-1, 1), "data_format": "channels_first"}, (2, 3, 6, 7)),
    ],
    "RandomGrayscale": [
        ({"seed": 1}, (4, 4, 5, 3)),
        ({"factor": 1.0}, (2, 4, 5, 3)),
        ({"factor": 1.0, "data_format": "channels_first"}, (2, 3, 4, 5)),
    ],
    "RandomHue": [
        ({"factor": 0.5, "seed": 1, "value_range": (0, 1)}, (3, 4, 5, 3)),
        ({"factor": (0.2, 0.2), "seed": 1, "data_format": "channels_first"}, (3, 3, 4, 5)),
    ],
    "RandomInvert": [({"seed": 1}, (4, 4, 5, 3)), ({"factor": (1.0, 1.0), "value_range": (0, 1)}, (2, 4, 5, 3))],
    "RandomPerspective": [
        ({"seed": 1}, (3, 6, 7, 2)),
        ({"factor": 0.5, "scale": 0.3, "interpolation": "nearest", "seed": 1, "data_format": "channels_first"}, (3, 2, 6, 7)),
    ],
    "RandomPosterization": [
        ({"factor": 5, "seed": 1, "value_range": (-3, 3)}, (4, 4, 5, 3)),
        ({"factor": (3, 3), "value_range": (-3, 3)}, (2, 4, 5, 3)),
    ],
    "RandomSaturation": [
        ({"factor": 0.5, "seed": 1, "value_range": (0, 1)}, (3, 4, 5, 3)),
        ({"factor": (0.3, 0.3)}, (2, 4, 5, 3)),
        ({"factor": (0.8, 0.8), "value_range": (0, 1), "data_format": "channels_first"}, (2, 3, 4, 5)),
    ],
    "RandomSharpness": [
        ({"factor": 0.5, "seed": 1, "value_range": (-4, 4)}, (3, 4, 5, 3)),
        ({"factor": (0.8, 0.8), "value_range": (-2, 2)}, (2, 5, 6, 3)),
        ({"factor": (0.2, 0.2), "value_range": (-2, 2), "data_format": "channels_first"}, (2, 3, 5, 6)),
    ],
    "RandomShear": [
        ({"x_factor": 0.3, "y_factor": 0.2, "seed": 1}, (3, 5, 6, 2)),
        ({"x_factor": (0.2, 0.4), "fill_mode": "constant", "seed": 1, "data_format": "channels_first"}, (3, 2, 5, 6)),
    ],
    "Solarization": [
        ({"addition_factor": 0.3, "threshold_factor": 0.7, "seed": 1, "value_range": (-3, 3)}, (3, 4, 5, 3)),
        ({"value_range": (-3, 3)}, (2, 4, 5, 3)),
    ],
    "Pipeline": [({"layers": [("Rescaling", {"scale": 2.0}), ("Dense", {"units": 3})]}, (4, 5))],
    "CenterCrop": [
        ({"height": 3, "width": 4}, (2, 6, 7, 3)),
        ({"height": 5, "width": 3, "data_format": "channels_first"}, (2, 3, 4, 6)),
        ({"height": 8, "width": 3}, (2, 5, 6, 1)),
    ],
    "RandomBrightness": [
        ({"factor": 0.3, "value_range": (-3, 3), "seed": 3}, (4, 3, 4, 3)),
        ({"factor": (0.2, 0.2), "value_range": (-1, 2)}, (2, 3, 4, 3)),
    ],
    "RandomContrast": [
        ({"factor": 0.3, "value_range": (-3, 3), "seed": 3}, (4, 3, 4, 3)),
        ({"factor": (0.0, 0.0), "value_range": (-1, 1)}, (2, 3, 4, 3)),
        ({"factor": (0.3, 0.7), "seed": 1, "value_range": (-1, 2), "data_format": "channels_first"}, (2, 3, 4, 3)),
    ],
    "RandomCrop": [
        ({"height": 4, "width": 5, "seed": 1}, (2, 4, 5, 3)),
        ({"height": 4, "width": 5, "seed": 1, "data_format": "channels_first"}, (2, 3, 4, 5)),
    ],
    "RandomFlip": [
        ({"seed": 1}, (3, 4, 5, 2)),
        ({"mode": "vertical", "seed": 2, "data_format": "channels_first"}, (3, 2, 4, 5)),
    ],
    "RandomRotation": [
        ({"factor": 0.2, "seed": 3}, (3, 5, 6, 2)),
        ({"factor": (0.1, 0.1), "fill_mode": "constant", "fill_value": 0.4}, (2, 5, 6, 3)),
        ({"factor": (-0.3, -0.3), "fill_mode": "wrap", "data_format": "channels_first"}, (2, 3, 5, 6)),
        ({"factor": (0.2, 0.2), "fill_mode": "nearest", "interpolation": "nearest"}, (2, 5, 6, 3)),
    ],
    "RandomTranslation": [
        ({"height_factor": 0.2, "width_factor": (-0.3, 0.1), "seed": 3}, (3, 5, 6, 2)),
        ({"height_factor": (0.31, 0.31), "width_factor": (-0.23, -0.23)}, (2, 5, 6, 3)),
        (
            {"height_factor": (0.1, 0.1), "width_factor": (0.4, 0.4), "fill_mode": "constant", "fill_value": 2.0,
             "data_format": "channels_first"},
            (2, 3, 5, 6),
        ),
    ],
    "RandomZoom": [
        ({"height_factor": 0.2, "seed": 3}, (3, 5, 6, 2)),
        ({"height_factor": (0.3, 0.3), "width_factor": (-0.2, -0.2), "fill_mode": "constant"}, (2, 5, 6, 3)),
        ({"height_factor": (-0.4, -0.4), "data_format": "channels_first"}, (2, 3, 5, 6)),
    ],
    "Resizing": [
        ({"height": 3, "width": 8}, (2, 5, 4, 3)),
        ({"height": 3, "width": 2, "interpolation": "nearest", "data_format": "channels_first"}, (2, 3, 5, 4)),
        ({"height": 4, "width": 4, "crop_to_aspect_ratio": True, "interpolation": "bicubic"}, (2, 5, 8, 1)),
        ({"height": 4, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 0.5, "antialias": True}, (2, 5, 8, 1)),
        ({"height": 3, "width": 3, "interpolation": "lanczos5"}, (2, 4, 5, 2)),
    ],
}

# Layers that no data pass through.
UNCALLED_LAYERS = {"InputLayer"}
# Layers too, once kerasnp.models is imported: tests/models.
UNCALLED_LAYERS |= {"Model", "Sequential"}
# Layers that make one step and want states: the layers around them are in the table.
UNCALLED_LAYERS |= {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}
# Layers that want trees beside their input: tests/layers/test_tree.py.
UNCALLED_LAYERS |= {"Tree", "TreeLSTMCell", "TreeRNNCell"}
# Layers that take or put out whole numbers or text: DISCRETE below, and tests/layers/test_discrete_layers.py.
UNCALLED_LAYERS |= {"CategoryEncoding", "Discretization", "HashedCrossing", "Hashing"}
UNCALLED_LAYERS |= {"IndexLookup", "IntegerLookup", "StringLookup", "TextVectorization"}
# Layers of several inputs: tests/layers/test_layers_of_several_inputs.py.
SEVERAL_INPUTS = {
    "Add": [({}, [(3, 4), (3, 4), (3, 4)]), ({}, [(3, 4, 2), (3, 1, 2), (3, 2)])],
    "AdditiveAttention": [
        ({}, [(3, 4, 5), (3, 2, 5)]),
        ({"use_scale": False, "dropout": 0.3, "seed": 3}, [(3, 4, 5), (3, 2, 5), (3, 2, 5)]),
    ],
    "Attention": [
        ({}, [(3, 4, 5), (3, 2, 5)]),
        ({"use_scale": True, "dropout": 0.3, "seed": 3}, [(3, 4, 5), (3, 2, 5), (3, 2, 5)]),
        ({"score_mode": "concat", "use_scale": True}, [(3, 4, 5), (3, 2, 5), (3, 2, 5)]),
    ],
    "Average": [({}, [(3, 4), (3, 4), (3, 4)])],
    "Concatenate": [({}, [(3, 4, 2), (3, 4, 1)]), ({"axis": 1}, [(3, 4, 2), (3, 1, 2)])],
    "Dot": [({"axes": 1}, [(3, 4), (3, 4)]), ({"axes": (1, 2), "normalize": True}, [(3, 4, 5), (3, 2, 4)])],
    "GroupedQueryAttention": [
        ({"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2, "use_gate": True}, [(3, 4, 5), (3, 2, 5)]),
        (
            {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1, "dropout": 0.3, "seed": 3, "use_bias": False},
            [(3, 4, 5), (3, 2, 5), (3, 2, 5)],
        ),
    ],
    "Maximum": [({}, [(3, 4), (3, 4), (3, 4)])],
    "Minimum": [({}, [(3, 4), (3, 4), (3, 4)])],
    "MultiHeadAttention": [
        ({"num_heads": 2, "key_dim": 3, "sliding_window": 2}, [(3, 4, 5), (3, 2, 5)]),
        ({"num_heads": 2, "key_dim": 3, "value_dim": 2, "dropout": 0.3, "seed": 3}, [(3, 4, 5), (3, 2, 3), (3, 2, 6)]),
        (
            {"num_heads": 2, "key_dim": 2, "attention_axes": 2, "use_gate": True, "output_shape": 3},
            [(3, 2, 4, 5), (3, 2, 3, 5)],
        ),
    ],
    "Multiply": [({}, [(3, 4), (3, 4), (3, 4)])],
    "Subtract": [({}, [(3, 4), (3, 4)]), ({}, [(3, 2), (3, 4, 2)])],
}
UNCALLED_LAYERS |= SEVERAL_INPUTS.keys()
# Layers whose output for a sample depends on the rest of the batch, even outside of training.
MIXING_LAYERS = set()
# Layers that change their trainable weights in every training call.
SELF_CHANGING_LAYERS = {"SpectralNormalization"}
# Layers whose output changes in steps, which have no gradient, or that may pick such layers.
STEPWISE_LAYERS = {"AugMix", "Equalization", "RandAugment", "RandomPosterization"}
# Layers whose output changes in steps in inference too.
GRADIENT_FREE_LAYERS = {"ContrastLimitedAdaptiveHistogramEqualization"}
# Layers of integer inputs: the bound of the integers.
INTEGER_LAYERS = {"Embedding": 7, "ReversibleEmbedding": 7}
# What random image layers do with a given transformation: (class, constructor arguments, shape of the images, transformation).
POINTS = [[[0.0, 0.0], [6.0, 0.0], [0.0, 5.0], [6.0, 5.0]]] * 2
MOVED = [[[0.5, 0.2], [5.0, 1.0], [-1.0, 4.5], [5.5, 5.5]], [[0.0, 0.0], [6.5, 0.5], [1.0, 4.0], [6.0, 6.0]]]
TRANSFORMED = [
    ("RandomHue", {"factor": 0.5, "value_range": (0, 1)}, (2, 4, 5, 3), {"factor": [0.15, -0.3]}),
    ("RandomHue", {"factor": 0.5, "data_format": "channels_first"}, (2, 3, 4, 5), {"factor": [0.45, -0.05]}),
    ("RandomSaturation", {"factor": 0.5, "value_range": (0, 1)}, (2, 4, 5, 3), {"factor": [0.5, 1.7]}),
    ("RandomShear", {"fill_mode": "constant"}, (2, 6, 7, 3), {"shear_factor": [[0.3, -0.2], [-0.4, 0.1]]}),
    ("RandomShear", {"data_format": "channels_first"}, (2, 3, 6, 7), {"shear_factor": [[0.3, -0.2], [-0.4, 0.1]]}),
    ("RandomPerspective", {}, (2, 6, 7, 3), {"apply_perspective": [True, True], "start_points": POINTS, "end_points": MOVED}),
    (
        "RandomPerspective", {"data_format": "channels_first", "interpolation": "nearest", "fill_value": 0.5}, (2, 3, 6, 7),
        {"apply_perspective": [False, True], "start_points": POINTS, "end_points": MOVED},
    ),
    ("RandomContrast", {"factor": 0.5, "value_range": (0, 1)}, (2, 4, 5, 3), {"contrast_factor": [[[[0.6]]], [[[1.3]]]]}),
    ("RandomInvert", {"value_range": (0, 1)}, (2, 4, 5, 3), {"apply_inversion": [False, True]}),
    (
        "RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2}, (2, 6, 7, 3),
        {"translations": [[1.5, -2.0], [0.3, 4.0]]},
    ),
    ("RandomSharpness", {"factor": 0.5, "value_range": (0, 1)}, (2, 6, 7, 3), {"factor": [0.1, 0.9]}),
    ("RandomPosterization", {"factor": 4, "value_range": (0, 1)}, (2, 4, 5, 3), {"shift_factor": [5, 2]}),
    (
        "Solarization", {"value_range": (0, 1)}, (2, 4, 5, 3),
        {"additions": [[[[20.0]]], [[[0.0]]]], "thresholds": [[[[100.0]]], [[[180.0]]]]},
    ),
    ("MixUp", {}, (2, 4, 5, 3), {"mix_weight": [0.2, 0.7], "permutation_order": [1, 0]}),
]  # fmt: skip
# Layers of whole numbers and text: class name -> list of (constructor arguments, input, what to adapt to if anything).
DOCUMENTS = ["The cat sat on the mat!", "a dog sat.", "The dog; and the cat?", "birds  fly", "na\u00efve \u00c9t\u00e9 cat", ""]
WORDS = [["cat", "dog", "cat"], ["bird", "", "dog"], ["fish", "dog", "\u00e9t\u00e9"]]
NUMBERS = [[12, 36, 12], [1138, 42, 36], [7, 0, 36]]
LONG = ["", "a", "abcd", "abcdefgh", "x" * 15, "y" * 17, "z" * 40, "w" * 64, "v" * 65, "u" * 200, "\u00e9" * 33]
DISCRETE = {
    "CategoryEncoding": [
        ({"num_tokens": 4}, [[0, 1], [0, 0], [1, 2], [3, 1]]),
        ({"num_tokens": 4, "output_mode": "count"}, [[0, 1, 1], [0, 0, 3]]),
        ({"num_tokens": 4, "output_mode": "one_hot"}, [3, 2, 0, 1]),
        ({"num_tokens": 4, "output_mode": "one_hot"}, [[3], [2], [0]]),
        ({"num_tokens": 4, "output_mode": "one_hot"}, [[3, 1], [2, 0]]),
        ({"num_tokens": 3, "output_mode": "multi_hot"}, [[[0, 1], [0, 0]], [[1, 2], [2, 1]]]),
        ({"num_tokens": 3, "output_mode": "count"}, [0, 1, 1, 5, 2]),
    ],
    "HashedCrossing": [
        ({"num_bins": 5}, (["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102])),
        ({"num_bins": 5, "output_mode": "one_hot"}, ([["A"], ["B"]], [[101], [-7]])),
        ({"num_bins": 1000}, (["A", "B"], ["C", "D"], [1, 2])),
    ],
    "Hashing": [
        ({"num_bins": 1000003}, LONG),
        ({"num_bins": 1000003, "salt": [133, 137]}, LONG),
        ({"num_bins": 7, "salt": 12}, NUMBERS),
        ({"num_bins": 4, "mask_value": "dog"}, WORDS),
        ({"num_bins": 5, "output_mode": "one_hot"}, [["A"], ["B"], ["C"]]),
        ({"num_bins": 5, "output_mode": "multi_hot"}, WORDS),
        ({"num_bins": 5, "output_mode": "count"}, NUMBERS),
        ({"num_bins": 5, "dtype": "int32"}, NUMBERS),
    ],
    "IntegerLookup": [
        ({"vocabulary": [12, 36, 1138, 42]}, NUMBERS),
        ({}, NUMBERS, [[12, 36, 36], [42, 36, 12], [7, -1, 8]]),
        ({"mask_token": 0, "max_tokens": 4}, NUMBERS, [12, 36, 36, 42, 0, 0]),
        ({"num_oov_indices": 3, "vocabulary": [36]}, NUMBERS),
        ({"num_oov_indices": 3, "vocabulary": [36], "oov_method": "farmhash"}, NUMBERS),
        ({"num_oov_indices": 3, "vocabulary": [36], "oov_method": "farmhash", "salt": 5}, NUMBERS),
        ({"vocabulary": [12, 36, 1138, 42], "invert": True}, [[1, 2, 0], [4, 3, 9]]),
        ({"vocabulary": [12, 36], "output_mode": "count"}, NUMBERS),
        ({"vocabulary": [12, 36], "output_mode": "one_hot", "num_oov_indices": 0}, [[12], [36]]),
        ({"vocabulary": [12, 36, 1138, 42], "output_mode": "tf_idf", "idf_weights": [0.25, 0.75, 0.6, 0.4]}, NUMBERS),
    ],
    "StringLookup": [
        ({"vocabulary": ["cat", "dog"]}, WORDS),
        ({}, WORDS, [["cat", "dog"], ["ant", "dog"], ["bird", "cat"]]),
        ({"mask_token": "", "max_tokens": 4, "oov_token": "[OOV]"}, WORDS, ["cat", "dog", "ant", "dog", "", "", "[OOV]"]),
        ({"num_oov_indices": 3, "vocabulary": ["dog"]}, WORDS),
        ({"num_oov_indices": 3, "vocabulary": ["dog"], "salt": [1, 2]}, WORDS),
        ({"vocabulary": ["cat", "dog"], "invert": True, "mask_token": ""}, [[1, 2, 0], [3, 0, 9]]),
        ({"vocabulary": ["cat", "dog"], "output_mode": "multi_hot"}, WORDS),
        ({"vocabulary": ["cat", "dog"], "output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 5}, WORDS),
        ({"vocabulary": ["cat", "dog"], "output_mode": "one_hot", "mask_token": ""}, WORDS),
        ({"output_mode": "tf_idf"}, WORDS, [["cat", "dog", "cat"], ["bird", "dog", "dog"], ["ant", "bee", "dog"]]),
        ({"output_mode": "tf_idf", "pad_to_max_tokens": True, "max_tokens": 9}, WORDS, [["cat", "dog"], ["ant", "dog"]]),
    ],
    "TextVectorization": [
        ({}, DOCUMENTS, DOCUMENTS),
        ({"output_sequence_length": 3, "max_tokens": 6}, DOCUMENTS, DOCUMENTS),
        ({"output_sequence_length": 9, "standardize": "lower", "vocabulary": ["cat", "the", "mat!"]}, DOCUMENTS),
        ({"standardize": "strip_punctuation", "split": "character"}, DOCUMENTS, DOCUMENTS),
        ({"standardize": None, "split": "whitespace", "ngrams": 2}, [[d] for d in DOCUMENTS], DOCUMENTS),
        ({"ngrams": (1, 3), "output_mode": "count"}, DOCUMENTS, DOCUMENTS),
        ({"output_mode": "multi_hot", "vocabulary": ["cat", "dog"]}, DOCUMENTS),
        ({"output_mode": "multi_hot", "pad_to_max_tokens": True, "max_tokens": 40}, DOCUMENTS, DOCUMENTS),
        ({"output_mode": "tf_idf"}, DOCUMENTS, DOCUMENTS),
        ({"output_mode": "tf_idf", "vocabulary": ["cat", "dog"], "idf_weights": [0.5, 0.25]}, DOCUMENTS),
        ({"split": None, "standardize": None}, WORDS, WORDS),
        ({"split": None, "standardize": None, "output_mode": "count"}, WORDS, WORDS),
    ],
    "Discretization": [
        ({"bin_boundaries": [0.0, 1.0, 2.0]}, [[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]),
        ({"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": "one_hot"}, [[-1.5, 1.0], [0.0, 3.0]]),
        ({"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": "multi_hot"}, [[-1.5, 1.0, 1.5], [0.0, 3.0, 0.1]]),
        ({"bin_boundaries": [0.0, 1.0], "output_mode": "count"}, [[-1.5, 1.0, 1.5], [0.0, 3.0, 0.1]]),
    ],
}


def resolve(package, arguments):
    """Constructor arguments with the layers and functions of `package`, kerasnp or Keras."""
    made = dict(arguments)
    if "layer" in made:
        name, inner = made["layer"]
        made["layer"] = getattr(package.layers, name)(**inner)
    if "layers" in made:
        made["layers"] = [getattr(package.layers, name)(**inner) for name, inner in made["layers"]]
    if "cell" in made:
        cells = made["cell"] if isinstance(made["cell"], list) else [made["cell"]]
        cells = [getattr(package.layers, name)(**inner) for name, inner in cells]
        made["cell"] = cells if isinstance(made["cell"], list) else cells[0]
    if "function" in made:
        made["function"] = getattr(package.activations, made["function"])
    return made


def plain(value):
    """A configuration value without what may differ: names given by counting, and seeds of initializers."""
    if isinstance(value, dict):
        if str(value.get("module")).endswith("initializers"):
            return value["class_name"], {k: plain(v) for k, v in (value["config"] or {}).items() if k != "seed"}
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        dropped = ("name", "registered_name", "build_config")
        value = {k: plain(v) for k, v in value.items() if k not in dropped}
        if isinstance(value.get("axis"), list) and len(value["axis"]) == 1:
            value["axis"] = value["axis"][0]
        return value
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def kind_of(values):
    """The type that a list of numbers or truth values is given in."""
    flat = np.asarray(values)
    return "float32" if flat.dtype.kind == "f" else "bool" if flat.dtype.kind == "b" else "uint8"
