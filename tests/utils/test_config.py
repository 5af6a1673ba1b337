"""Settings of the process: limits, messages, policies, and what is refused."""

import logging

import numpy as np
import pytest

import kerasnp
from kerasnp import config, dtype_policies
from kerasnp.utils import io_utils


@pytest.fixture
def limits():
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


def test_limits_cut_every_loop(limits):
    model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((12, 1)), np.ones((12, 1))
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    history = model.fit(x, y, batch_size=2, epochs=5, verbose=0)
    assert len(history.epoch) == 2 and int(model.optimizer.iterations) == 6
    assert model.predict(x, batch_size=2, verbose=0).shape == (6, 1)
    with pytest.raises(ValueError, match="non-negative integer or None"):
        config.set_max_epochs(-1)


def test_the_global_policy_serves_layers_until_the_session_is_cleared():
    config.set_dtype_policy("mixed_float16")
    assert config.dtype_policy().compute_dtype == "float16"
    assert kerasnp.layers.Dense(1).compute_dtype == "float16"
    assert dtype_policies.get(None).name == "mixed_float16"
    kerasnp.backend.clear_session()
    assert config.dtype_policy().name == "float32"


def test_policies_round_trip_and_refuse_what_is_none():
    policy = dtype_policies.DTypePolicy("mixed_bfloat16")
    assert dtype_policies.deserialize(dtype_policies.serialize(policy)) == policy
    for name in ("", "mixed_float15", "mixed_int8", "Float32"):
        with pytest.raises(ValueError, match="Cannot convert"):
            dtype_policies.DTypePolicy(name)
    with pytest.raises(ValueError, match="Invalid `policy` argument"):
        config.set_dtype_policy(None)
    with pytest.raises(ValueError, match="Cannot interpret `dtype` argument"):
        dtype_policies.get(12)


def test_messages_go_to_the_screen_or_to_the_log(capsys, caplog):
    io_utils.print_msg("on the screen")
    assert capsys.readouterr().out == "on the screen\n"
    config.disable_interactive_logging()
    try:
        assert not config.is_interactive_logging_enabled()
        with caplog.at_level(logging.INFO, logger="kerasnp"):  # whatever level others left it at
            io_utils.print_msg("in the log")
    finally:
        config.enable_interactive_logging()
    assert caplog.messages == ["in the log"] and capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="expected one of FATAL"):
        io_utils.set_logging_verbosity("LOUD")


def test_neutral_values_are_accepted_and_others_refused():
    config.set_backend("numpy")
    with pytest.raises(ValueError, match="Expected 'numpy'. Received: 'jax'"):
        config.set_backend("jax")
    with pytest.raises(ValueError, match="never runs code"):
        config.enable_unsafe_deserialization()
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert config.backend() == "numpy" and not config.is_nnx_enabled()


def test_the_flash_attention_setting_is_remembered_and_changes_nothing():
    layer, x = kerasnp.layers.MultiHeadAttention(2, 4), kerasnp.ops.ones((1, 3, 4))
    before = layer(x, x)
    assert not config.is_flash_attention_enabled()
    config.enable_flash_attention()
    try:
        assert config.is_flash_attention_enabled()
        assert (layer(x, x) == before).all()
        assert "flash_attention" not in kerasnp.layers.MultiHeadAttention(2, 4).get_config()
    finally:
        config.disable_flash_attention()
    assert not config.is_flash_attention_enabled()
