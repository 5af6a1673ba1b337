"""Objects to configurations and files, and back."""

from kerasnp.saving.config import (  # noqa: F401
    CustomObjectScope, custom_object_scope, deserialize_keras_object, get_custom_objects, get_registered_name,
    get_registered_object, register_keras_serializable, serialize_keras_object,
)  # fmt: skip
