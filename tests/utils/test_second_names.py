"""Second names, arguments that must be neutral, and small helpers that Keras lists."""

import pytest

import kerasnp
from kerasnp import activations, backend, layers


def test_second_names():
    assert activations.swish is activations.silu and activations.hard_swish is activations.hard_silu
    config = layers.serialize(layers.Dense(3, name="d"))
    assert layers.deserialize(config).get_config() == layers.Dense(3, name="d").get_config()
    with pytest.raises(ValueError, match="not a Layer"):
        layers.deserialize(kerasnp.losses.serialize(kerasnp.losses.Huber()))


def test_one_device():
    with pytest.raises(ValueError, match="layout"):
        kerasnp.Variable(1.0, layout="replicated")
    with pytest.raises(ValueError, match="ragged"):
        kerasnp.Input((2,), ragged=True)
    assert kerasnp.Input((2,), 3, "float32", None, None, None, "x").shape == (3, 2)


def test_counted_names_start_again():
    assert [backend.get_uid("block"), backend.get_uid("block"), backend.get_uid()] == [1, 2, 1]
    kerasnp.utils.clear_session()
    assert backend.get_uid("block") == 1


def test_kinds_of_types():
    assert backend.is_float_dtype("bfloat16") and backend.is_int_dtype("uint8")
    assert not backend.is_int_dtype("bool") and not backend.is_float_dtype("int64")
    assert kerasnp.utils.is_keras_tensor(kerasnp.Input((2,))) and not backend.is_keras_tensor(3)


def test_batches_packed_and_unpacked():
    pack, unpack = kerasnp.utils.pack_x_y_sample_weight, kerasnp.utils.unpack_x_y_sample_weight
    for parts in ((1,), (1, 2), (1, 2, 3)):
        assert unpack(pack(*parts)) == (*parts, None, None)[:3]
    assert pack(1) == 1 and pack((1, 2)) == ((1, 2),)
