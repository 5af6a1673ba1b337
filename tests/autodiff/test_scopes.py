"""name_scope: where variables are; StatelessScope: other values for a while."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers


def paths(layer):
    return [w.path for w in layer.weights]


def test_scopes_stack_and_end():
    outer = kerasnp.name_scope("outer")
    with outer as opened:
        assert opened is outer and opened.name == "outer"
        with kerasnp.name_scope("inner"), pytest.raises(ZeroDivisionError), kerasnp.name_scope("deep"):
            assert kerasnp.Variable(1.0, name="v").path == "outer/inner/deep/v"
            1 / 0  # noqa: B018
        assert kerasnp.Variable(1.0, name="v").path == "outer/v"
        with kerasnp.name_scope("other", override_parent="/some/where"):
            assert kerasnp.Variable(1.0, name="v").path == "some/where/other/v"
    assert kerasnp.Variable(1.0, name="v").path == "v"


def test_the_same_scope_of_the_same_caller_counts_once():
    with kerasnp.name_scope("a", caller=1), kerasnp.name_scope("a", caller=1):
        assert kerasnp.Variable(1.0, name="v").path == "a/v"
    with kerasnp.name_scope("a"), kerasnp.name_scope("a"):
        assert kerasnp.Variable(1.0, name="v").path == "a/a/v"


@pytest.mark.parametrize("name", ["a/b", 4, None])
def test_names_of_scopes(name):
    with pytest.raises(ValueError, match="must be a string without"):
        kerasnp.name_scope(name)


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(2, name="d")

    def call(self, x):
        return self.dense(x)


class Outer(kerasnp.Model):
    def __init__(self, **kwargs):
        self.early = Block(name="early")  # before the base knows its name
        super().__init__(**kwargs)
        self.blocks = [Block(name="b")]

    def call(self, x):
        return self.blocks[0](self.early(x))


def test_paths_follow_the_layers_inside_layers():
    model = Outer(name="model")
    model(np.ones((1, 2)))
    assert paths(model) == [f"model/{b}/d/{w}" for b in ("early", "b") for w in ("kernel", "bias")]
    with kerasnp.name_scope("s"):
        dense = layers.Dense(1, name="d")
        dense.build((None, 1))
    assert paths(dense) == ["s/d/kernel", "s/d/bias"]


def test_a_layer_built_before_keeps_its_path():
    dense = layers.Dense(1, name="d")
    dense.build((None, 2))
    model = kerasnp.Sequential([kerasnp.Input((2,)), dense, layers.Dense(1, name="e")], name="m")
    assert paths(model) == ["d/kernel", "d/bias", "m/e/kernel", "m/e/bias"]
    dense.enable_lora(1)
    assert dense.lora_kernel_a.path == "d/lora_kernel_a"


def test_variables_made_by_hand_in_build():
    class Own(layers.Layer):
        def build(self, shape):
            self.w = kerasnp.Variable(1.0, name="w")

    layer = Own(name="own")
    layer.build((1,))
    assert layer.w.path == "own/w"


def test_values_inside_a_stateless_scope():
    a, b, c = (kerasnp.Variable(np.zeros(2, "float32")) for _ in range(3))
    given = np.ones(2, "float32")
    with kerasnp.StatelessScope([(a, given), (b, [2.0, 2.0])]) as scope:
        c.assign(a + b)
        a.assign_add([1.0, 1.0])
        np.testing.assert_array_equal(c + 0.0, [3, 3])
    for v in (a, b, c):
        np.testing.assert_array_equal(v, [0, 0])
    np.testing.assert_array_equal(given, [1, 1])
    np.testing.assert_array_equal(scope.get_current_value(c), [3, 3])
    np.testing.assert_array_equal(scope.get_current_value(a), [2, 2])
    assert scope.get_current_value(kerasnp.Variable(0.0)) is None


def test_arrays_come_back_as_they_were_also_after_an_error():
    a = kerasnp.Variable([1.0])
    array = a.value
    with pytest.raises(ZeroDivisionError), kerasnp.StatelessScope([(a, [2.0])]):
        with kerasnp.StatelessScope() as inner:
            a.assign([3.0])
        assert a.item() == 2 and inner.get_current_value(a) == 3
        a.assign([4.0])
        1 / 0  # noqa: B018
    assert a.value is array and array == 1
    a.assign([5.0])
    assert array == 5


def test_a_layer_leaves_no_trace_in_a_stateless_scope():
    layer = layers.BatchNormalization()
    layer.build((None, 2))
    before = layer.get_weights()
    with kerasnp.StatelessScope() as scope:
        layer(np.arange(6.0).reshape(3, 2), training=True)
        assert layer.moving_mean.numpy().any()
    for v, w in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(v, w)
    assert scope.get_current_value(layer.moving_mean).any()


def test_losses_of_a_stateless_scope():
    layer = layers.ActivityRegularization(l2=1.0)
    with kerasnp.StatelessScope(collect_losses=True) as scope:
        layer(np.ones((1, 2), "float32"))
        scope.add_loss(7.0)
    assert [float(v) for v in scope.losses] == [2.0, 7.0]
    with kerasnp.StatelessScope() as scope:
        layer(np.ones((1, 2), "float32"))
    assert scope.losses == []


def test_mappings_are_checked():
    with pytest.raises(ValueError, match="keys in argument `mapping` must be Variable"):
        kerasnp.StatelessScope([("w", [1.0])])
    with pytest.raises(ValueError, match=r"values in argument `mapping` must be tensors with the shape.*\(2,\).*\(1,\)"):
        kerasnp.StatelessScope([(kerasnp.Variable([1.0, 2.0]), [1.0])])


def test_compute_output_spec():
    y = kerasnp.backend.compute_output_spec(lambda x, n: [x[:, :n], x * 2], kerasnp.KerasTensor((None, 3)), n=2)
    assert [t.shape for t in y] == [(None, 2), (None, 3)]


def test_chance_inside_a_scope_leaves_the_seed_outside():
    generator = kerasnp.random.SeedGenerator(4)
    with kerasnp.StatelessScope() as scope:
        pairs = [generator.next().tolist() for _ in range(3)]
    assert pairs == [[4, 0], [4, 1], [4, 2]]
    assert generator.state.numpy().tolist() == [4, 0] and scope.get_current_value(generator.state).tolist() == [4, 3]
    assert generator.next().tolist() == [4, 0]


def test_the_counter_of_seeds_ends_where_its_bits_do():
    generator = kerasnp.random.SeedGenerator(4)
    generator.state.assign([4, 2**32 - 1])
    assert [generator.next().tolist() for _ in range(2)] == [[4, 2**32 - 1], [4, 0]]
