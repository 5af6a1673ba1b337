"""Values that are no objects, in configurations and back; and the sentences for what is missing or misspelt."""

import json

import pytest

import kerasnp
from kerasnp import layers, saving


@pytest.mark.parametrize("value", [b"bytes", ..., slice(None, 20, 2), [slice(1), ...], {"a": b""}])
def test_values_round_trip_through_json(value):
    config = json.loads(json.dumps(saving.serialize_keras_object(value)))
    assert saving.deserialize_keras_object(config) == value


def test_a_missing_file_is_both_kinds_of_error():
    for error in (OSError, ValueError):
        with pytest.raises(error, match="File not found: filepath=nowhere.keras"):
            saving.load_model("nowhere.keras")
    with pytest.raises(ValueError, match="File format not supported by this name either"):
        saving.load_model("nowhere.pkl")


def test_arguments_of_other_times_are_refused(tmp_path):
    model = kerasnp.Sequential([kerasnp.Input((1,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="zipped=False writes a folder"):
        saving.save_model(model, tmp_path / "m.keras", zipped=False)
    with pytest.raises(ValueError, match="The `save_format` argument is deprecated"):
        saving.save_model(model, tmp_path / "m.txt", save_format="tf")
    with pytest.raises(TypeError, match="Expected 'config' to be a dict"):
        saving.deserialize_keras_object({"class_name": "Dense", "config": [1]})
    with pytest.raises(TypeError, match="Expected 'config' to be a non-null str"):
        saving.deserialize_keras_object({"class_name": "function", "config": [1]})
