"""Settings of the whole process, under the names of `keras.config`."""

from kerasnp.backend import (  # noqa: F401
    backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format,
)  # fmt: skip
from kerasnp.backend.config import (  # noqa: F401
    max_epochs, max_steps_per_epoch, set_max_epochs, set_max_steps_per_epoch,
)  # fmt: skip
from kerasnp.backend.threads import get_num_threads, set_num_threads  # noqa: F401
from kerasnp.dtype_policies import dtype_policy, set_dtype_policy  # noqa: F401
from kerasnp.utils.io_utils import (  # noqa: F401
    disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled,
)  # fmt: skip

_settings = {"traceback_filtering": True, "flash_attention": False}


def set_backend(backend):  # noqa: F811
    """Accept `"numpy"`, the only backend there is.

    >>> set_backend("numpy")
    >>> set_backend("jax")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: set_backend: kerasnp computes with numpy alone. Expected 'numpy'. Received: ...

    Raises: ValueError for another.
    """
    if backend != "numpy":
        raise ValueError(f"set_backend: kerasnp computes with numpy alone. Expected 'numpy'. Received: {backend!r}")


def enable_traceback_filtering():
    """Remember that tracebacks should be short; they are always shown whole, since few frames lie in between.

    >>> enable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    True
    """
    _settings["traceback_filtering"] = True


def disable_traceback_filtering():
    """Remember that tracebacks should be whole, as they always are.

    >>> disable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    False
    >>> enable_traceback_filtering()
    """
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled():
    """What was last asked for by `enable_traceback_filtering` or `disable_traceback_filtering`; True at first.

    >>> is_traceback_filtering_enabled()
    True
    """
    return _settings["traceback_filtering"]


def enable_unsafe_deserialization():
    """Refused: a file is data here, and code inside it is never run.

    >>> enable_unsafe_deserialization()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: enable_unsafe_deserialization: kerasnp never runs code that lies in a file; pass the ...

    Raises: ValueError, always.
    """
    raise ValueError(
        "enable_unsafe_deserialization: kerasnp never runs code that lies in a file; "
        "pass the function or class itself through custom_objects."
    )


def enable_flash_attention():
    """Remember that attention may use fused kernels; there are none here, so nothing is computed differently.

    A layer or operation that is itself asked for `flash_attention=True` refuses.

    >>> enable_flash_attention()
    >>> is_flash_attention_enabled()
    True
    >>> disable_flash_attention()
    """
    _settings["flash_attention"] = True


def disable_flash_attention():
    """Remember that attention should not use fused kernels, of which there are none.

    >>> disable_flash_attention()
    >>> is_flash_attention_enabled()
    False
    """
    _settings["flash_attention"] = False


def is_flash_attention_enabled():
    """What was last asked for by `enable_flash_attention` or `disable_flash_attention`; False at first.

    >>> is_flash_attention_enabled()
    False
    """
    return _settings["flash_attention"]


def is_nnx_enabled():
    """Always False: Flax belongs to another backend.

    >>> is_nnx_enabled()
    False
    """
    return False
