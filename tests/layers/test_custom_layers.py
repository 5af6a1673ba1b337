"""What a layer written by a user can rely on."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, metrics, ops, saving


class Noisy(kerasnp.Layer):
    """Adds a count of its calls, a weight and noise."""

    def __init__(self):
        super().__init__()
        self.generator = kerasnp.random.SeedGenerator(3)
        self.calls = self.add_weight((), "zeros", trainable=False)
        self.shift = self.add_weight((), "ones", regularizer="l1")
        self._build_at_init()

    def call(self, x):
        self.calls.assign_add(1.0)
        self.add_loss(ops.sum(x))
        return x + self.shift + self.calls + kerasnp.random.normal((), seed=self.generator)


class TestStatelessCall:
    def test_the_layer_stays_as_it_is(self):
        layer, twin = Noisy(), Noisy()
        x = np.ones(3, "float32")
        before = [v.numpy() for v in layer.variables]
        y, others, losses = layer.stateless_call(
            [5.0], [v.numpy() for v in layer.non_trainable_variables], x, return_losses=True
        )
        assert all(np.array_equal(a, v) for a, v in zip(before, layer.variables))
        twin.shift.assign(5.0)
        np.testing.assert_array_equal(y, twin(x))
        assert all(np.array_equal(a, v) for a, v in zip(others, twin.non_trainable_variables))
        np.testing.assert_allclose([float(loss) for loss in losses], [3.0, 0.05])

    def test_errors(self):
        with pytest.raises(ValueError, match="must be there already"):
            layers.Dense(2).stateless_call([], [], np.ones((1, 2)))
        layer = Noisy()
        with pytest.raises(ValueError, match="Expected 1 values. Received: 0"):
            layer.stateless_call([], [v.value for v in layer.non_trainable_variables], np.ones(3))


def test_integers_stay_integers():
    class Rows(kerasnp.Layer):
        def call(self, indices):
            assert indices.dtype == np.int32
            return ops.one_hot(indices, 3)

    assert Rows()(np.array([2, 0], "int32")).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert layers.Dense(1)(np.ones((2, 2), "int32")).dtype == np.float32


def test_attributes_may_come_before_the_base_is_begun():
    class Early(kerasnp.Layer):
        def __init__(self):
            self.w = kerasnp.Variable([1.0, 2.0])
            super().__init__()

    class Never(kerasnp.Layer):
        def __init__(self):
            self.w = kerasnp.Variable([1.0, 2.0])

        def call(self, x):
            return x

    assert len(Early().weights) == 1
    with pytest.raises(RuntimeError, match="forgot to call `super"):
        Never()(np.ones(2))


def test_metrics_are_found_in_layers_inside():
    class Measured(kerasnp.Layer):
        def __init__(self, inner=None):
            super().__init__()
            self.inner, self.error = inner, metrics.MeanSquaredError()

    layer = Measured(Measured())
    assert layer.metrics == [layer.error, layer.inner.error]
    assert len(layer.metrics_variables) == 4 and layer.variables == []


def test_an_activity_regularizer_on_an_empty_batch():
    layer = layers.Identity(activity_regularizer="l2")
    layer(np.ones((0, 5), "float32"))
    assert float(layer.losses[0]) == 0.0


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_trainable_is_a_boolean(value):
    with pytest.raises(ValueError, match="`trainable` to be a boolean"):
        layers.Dense(2, trainable=value)


def test_the_first_argument_of_add_weight_is_the_shape():
    with pytest.raises(ValueError, match="pass the name by the keyword argument"):
        kerasnp.Layer().add_weight("kernel", (2, 3))


def test_a_layer_without_call_has_no_shape_either():
    with pytest.raises(NotImplementedError, match="`compute_output_shape` method implemented"):
        kerasnp.Layer().compute_output_shape((2, 3))


class Doubles(kerasnp.Layer):
    def call(self, x):
        return 2 * x


def test_a_class_of_the_program_is_found_in_memory_but_not_for_a_file(tmp_path):
    config = saving.serialize_keras_object(Doubles(name="twice"))
    again = saving.deserialize_keras_object(config)
    if config["module"] in __import__("sys").modules:
        assert type(again) is Doubles and again.name == "twice"
    model = kerasnp.Sequential([kerasnp.Input((2,)), Doubles()])
    model.save(tmp_path / "m.keras")
    with pytest.raises((TypeError, ValueError), match="Doubles"):
        kerasnp.models.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("args, options, error, match", [
    (("kernel",), {}, ValueError, "name by the keyword argument"),
    (("kernel",), {"shape": (2,)}, ValueError, "name by the keyword argument"),
    (((2,),), {"shape": (2,)}, ValueError, "`shape` was passed both positionally and as a keyword argument"),
    (((2,), "zeros", "float32", "kernel"), {}, TypeError, "takes at most 3 positional arguments"),
])  # fmt: skip
def test_misplaced_arguments_of_add_weight(args, options, error, match):
    layer = kerasnp.layers.Layer()
    with pytest.raises(error, match=match):
        layer.add_weight(*args, **options)
    assert layer.weights == []
    assert layer.add_weight((3, 4), "ones", "float64", name="w").dtype == "float64"


def test_weights_and_layers_are_not_made_in_call():
    class Weights(layers.Layer):
        def call(self, x):
            self.w = self.add_weight((), "zeros")
            return x * self.w

    class Inside(layers.Layer):
        def call(self, x):
            self.dense = layers.Dense(2)
            return self.dense(x)

    class Known(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            self.last = self.dense
            return self.last(x)

    class Outer(layers.Layer):
        """Its `build` makes a layer that has its weights from the beginning, while another layer is being called."""

        def build(self, shape):
            self.scale = Scale()

        def call(self, x):
            return self.scale(x)

    class Scale(layers.Layer):
        def __init__(self):
            super().__init__()
            self.w = self.add_weight((), "ones")

        def call(self, x):
            return x * self.w

    class More(layers.Dense):
        """Adds to what its base builds."""

        def build(self, shape):
            super().build(shape)
            self.more = self.add_weight((), "ones")
            self.scale = Scale()

    class Around(layers.Layer):
        def __init__(self):
            super().__init__()
            self.more = More(2)

        def call(self, x):
            return self.more(x)

    x = np.ones((2, 3), "float32")
    for layer in (Weights(), Inside()):
        with pytest.raises(ValueError, match="cannot add new elements of state"):
            layer(x)
        assert not layer.weights
    for layer, n in ((Known(), 2), (Outer(), 1), (Around(), 4)):
        layer(x), layer(x)
        assert len(layer.weights) == n
    later = Known()
    later(x)
    later.extra = later.add_weight((), "zeros")  # between calls, as by enable_lora
    assert len(later.weights) == 3


def test_a_configuration_that_a_constructor_refuses():
    with pytest.raises(TypeError, match="Embedding.*input_dim.*3.7"):
        layers.Embedding.from_config({"input_dim": 3.7, "output_dim": 8})
