"""Symbolic tensors: shapes and types of what operators and layers would return."""

import numpy as np
import pytest

import kerasnp
from kerasnp import KerasTensor, layers, ops


def spec(x):
    return x.shape, x.dtype


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda x: ops.exp(x), ((None, 3), "float32")),
        (lambda x: ops.reshape(x, (-1,)), ((None,), "float32")),
        (lambda x: ops.sum(x, axis=0), ((3,), "float32")),
        (lambda x: ops.concatenate([x, ops.ones((4, 3))]), ((None, 3), "float32")),
        (lambda x: ops.not_equal(x, 0), ((None, 3), "bool")),
        (lambda x: ops.cast(x, "int32"), ((None, 3), "int32")),
        (lambda x: x + 1, ((None, 3), "float32")),
        (lambda x: 2 / x, ((None, 3), "float32")),
        (lambda x: np.ones((2, 1, 3), "float32") * x, ((2, None, 3), "float32")),
        (lambda x: x @ np.ones((3, 5), "float32"), ((None, 5), "float32")),
        (lambda x: x[:, 0], ((None,), "float32")),
        (lambda x: x > 0, ((None, 3), "bool")),
        (lambda x: x.T, ((3, None), "float32")),
        (lambda x: kerasnp.activations.softmax(x), ((None, 3), "float32")),
    ],
)
def test_an_operator_answers_shape_and_type(function, expected):
    assert spec(function(KerasTensor((None, 3)))) == expected


def test_several_outputs_and_open_numbers():
    x = KerasTensor((None, 4, 6), dtype="float64")
    mean, variance = ops.moments(x, axes=(1,))
    assert spec(mean) == spec(variance) == ((None, 6), "float64")
    assert [spec(y) for y in ops.split(x, 2, axis=-1)] == [((None, 4, 3), "float64")] * 2
    assert ops.shape(x) == (None, 4, 6)


def test_nothing_is_recorded():
    w = kerasnp.Variable(np.ones((3, 2), "float32"))
    with kerasnp.Tape() as tape:
        ops.matmul(KerasTensor((None, 3)), w)
    assert tape.operators == []


def test_there_are_no_values_to_be_had():
    x = KerasTensor((2, 3))
    assert (x.ndim, x.size, len(x)) == (2, 6, 2)
    with pytest.raises(ValueError, match="symbolic"):
        np.asarray(x)
    with pytest.raises(TypeError, match="boolean"):
        bool(x)
    with pytest.raises(AttributeError, match="no attribute 'value'"):
        _ = x.value
    with pytest.raises(TypeError, match="not known"):
        len(KerasTensor((None, 3)))
    with pytest.raises(ValueError, match="sparse"):
        KerasTensor((2, 3), sparse=True)


def test_the_mistake_of_an_operator_is_its_own():
    with pytest.raises(ValueError):
        ops.matmul(KerasTensor((None, 3)), np.ones((4, 2), "float32"))


def test_a_layer_is_built_and_answers():
    layer = layers.Dense(4, dtype="mixed_float16")
    assert spec(layer(KerasTensor((None, 3)))) == ((None, 4), "float16")
    assert layer.kernel.shape == (3, 4) and layer.get_build_config() == {"input_shape": (None, 3)}
    with pytest.raises(ValueError, match="axis -1"):
        layer(KerasTensor((None, 5)))


def test_a_stack_by_hand():
    x = kerasnp.Input((28, 28, 1), name="image")
    assert (x.name, spec(x)) == ("image", ((None, 28, 28, 1), "float32"))
    for layer in (layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)):
        x = layer(x)
    assert spec(x) == ((None, 2), "float32")


def test_a_layer_without_compute_output_shape_is_tried():
    class Pair(kerasnp.Layer):
        def __init__(self):
            super().__init__()
            self.dense, self.drop, self.norm = layers.Dense(3), layers.Dropout(0.5, seed=1), layers.BatchNormalization()

        def call(self, x, training=False):
            y = self.drop(self.dense(x))
            self.add_loss(ops.sum(y))
            return {"y": self.norm(y), "flag": ops.cast(y, "int32")}

    layer = Pair()
    y = layer(KerasTensor((None, 5)), training=True)
    assert {k: spec(v) for k, v in y.items()} == {"y": ((None, 3), "float32"), "flag": ((None, 3), "int32")}
    assert layer.losses == []
    assert np.array_equal(layer.drop.seed_generator.state.value, [1, 0])
    layer(KerasTensor((None, 5)), training=True)
    assert np.array_equal(layer.norm.moving_mean.value, np.zeros(3))


def test_arguments_of_build_are_matched_by_name():
    class Two(kerasnp.Layer):
        def build(self, b_shape, a_shape):
            self.shapes = a_shape, b_shape

        def call(self, a, b):
            return ops.concatenate([a, b], axis=-1)

        def compute_output_shape(self, a_shape, b_shape):
            return (*a_shape[:-1], a_shape[-1] + b_shape[-1])

    layer = Two()
    y = layer(KerasTensor((None, 2)), b=KerasTensor((None, 3)))
    assert (y.shape, layer.shapes) == ((None, 5), ((None, 2), (None, 3)))
    layer = Two()
    layer(np.ones((1, 2)), np.ones((1, 3)))
    assert layer.shapes == ((1, 2), (1, 3))

    class Odd(Two):
        def build(self, a_shape, extra):
            pass

    with pytest.raises(ValueError, match="`extra`, which does not end in `_shape`"):
        Odd()(np.ones((1, 2)), np.ones((1, 3)))


def test_masks_are_symbolic_too():
    from kerasnp.utils.masks import get_mask

    y = layers.Embedding(5, 3, mask_zero=True)(KerasTensor((None, 7), dtype="int32"))
    assert spec(get_mask(y)) == ((None, 7), "bool")
    assert layers.Masking().compute_mask(KerasTensor((4, 7, 2))).shape == (4, 7)
    assert get_mask(layers.Dense(2)(y)).shape == (None, 7)


def test_a_second_tensor_argument_gets_its_mask_by_name():
    from kerasnp.utils.masks import set_mask

    class Sees(kerasnp.Layer):
        def call(self, a, b, a_mask=None, b_mask=None):
            self.seen = a_mask, b_mask
            return a + b

    a, b, mask = np.ones((2, 3), "float32"), np.ones((2, 3), "float32"), np.ones(2, bool)
    set_mask(b, mask)
    layer = Sees()
    layer(a, b)
    assert layer.seen[0] is None and layer.seen[1] is mask


def test_only_tensors_by_position():
    class Flagged(kerasnp.Layer):
        def call(self, x, flag):
            return x if flag else x + 1

    assert Flagged()(np.zeros(2), flag=True).sum() == 0
    with pytest.raises(ValueError, match="Only input tensors may be passed as positional"):
        Flagged()(np.zeros(2), True)


def test_what_a_list_gets_later_is_tracked():
    class Grows(kerasnp.Layer):
        def __init__(self):
            super().__init__()
            self.parts, self.named = [layers.Dense(2)], {}

        def build(self, input_shape):
            self.parts.append(layers.Dense(3))
            self.named["last"] = layers.Dense(4)

        def call(self, x):
            return self.named["last"](self.parts[1](self.parts[0](x)))

    layer = Grows()
    layer(np.ones((1, 2), "float32"))
    assert [w.shape for w in layer.weights] == [(2, 2), (2,), (2, 3), (3,), (3, 4), (4,)]


@pytest.mark.parametrize(
    "function, shapes, expected",
    [
        (ops.add, [(None, 3), (2, None)], (2, 3)),
        (ops.add, [(None, 3), (None, 1, 3)], (None, None, 3)),
        (ops.matmul, [(None, None), (None, 3)], (None, 3)),
        (ops.where, [(None, 3), (2, 1), (2, 3)], (2, 3)),
        (lambda x: ops.split(x, 6)[0], [(None, 4)], (None, 4)),
        (lambda x: ops.reshape(x, (3, 2)), [(None, 3)], (3, 2)),
        (lambda x: x[7], [(None, 4)], (4,)),
        (ops.unique, [(None, 4)], (None,)),
        (lambda x: ops.unique(x, size=5), [(3, 4)], (5,)),
        (lambda x: ops.nonzero(x)[1], [(3, 4)], (None,)),
        (lambda x: ops.segment_sum(x, np.array([0, 1, 1])), [(3, 4)], (None, 4)),
        (ops.inv, [(None, 3, 3)], (None, 3, 3)),
        (ops.cholesky, [(3, 3)], (3, 3)),
        (lambda x: ops.map(lambda row: row[0], x), [(None, 4)], (None,)),
    ],
)
def test_lengths_that_must_agree_or_that_values_decide(function, shapes, expected):
    assert function(*map(KerasTensor, shapes)).shape == expected


def test_lengths_that_cannot_agree():
    with pytest.raises(ValueError, match="broadcast"):
        ops.add(KerasTensor((None, 3)), KerasTensor((2, 4)))
