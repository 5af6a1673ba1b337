"""Embedding, masks that it and Masking make, and the layers made of functions and equations."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops
from kerasnp.autodiff import Tape
from kerasnp.utils.masks import get_mask


def test_embedding_looks_rows_up_and_adds_gradients_of_repeated_ones():
    layer = layers.Embedding(5, 2, weights=np.arange(10.0).reshape(5, 2))
    x = np.array([[1, 1], [4, 1]])
    with Tape() as tape:
        y = layer(x)
    np.testing.assert_array_equal(y.numpy(), [[[2, 3], [2, 3]], [[8, 9], [2, 3]]])
    (g,) = tape.gradient(y, layer.trainable_weights)
    np.testing.assert_array_equal(g, [[0, 0], [3, 3], [0, 0], [0, 0], [1, 1]])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float32"])
def test_embedding_takes_whole_numbers_of_any_type(dtype):
    layer = layers.Embedding(300, 2)
    assert layer(np.array([[1, 2, 100]], dtype)).shape == (1, 3, 2)


def test_embedding_in_half_precision_keeps_single_weights_and_large_indices():
    layer = layers.Embedding(5000, 3, dtype="mixed_float16")
    y = layer(np.array([[4999]]))
    assert y.dtype == np.float16 and layer.embeddings.dtype == "float32"
    np.testing.assert_allclose(y[0, 0], layer.embeddings.numpy()[4999], rtol=1e-3)


def test_masks_reach_the_next_layer():
    x = np.array([[3, 0, 2], [0, 0, 1]])
    y = layers.Embedding(4, 2, mask_zero=True)(x)
    np.testing.assert_array_equal(get_mask(y), x != 0)
    pooled = layers.GlobalAveragePooling1D()(layers.Dropout(0.5)(layers.LayerNormalization()(y)))
    kept = [y[0, [0, 2]], y[1, [2]]]
    normal = layers.LayerNormalization()
    np.testing.assert_allclose(pooled, [normal(k).mean(0) for k in kept], rtol=1e-4, atol=1e-5)
    assert get_mask(layers.Embedding(4, 2)(x)) is None


def test_masking_marks_and_zeroes_steps():
    x = np.array([[[1.0, 5.0], [5.0, 5.0], [5.0, 2.0]]], "float32")
    y = layers.Masking(5.0)(x)
    np.testing.assert_array_equal(y, [[[1, 5], [0, 0], [5, 2]]])
    np.testing.assert_array_equal(get_mask(y), [[True, False, True]])


def test_softmax_mask():
    x = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], "float32")
    mask = np.array([[1, 1, 0], [0, 0, 0]], bool)
    y = layers.Softmax()(x, mask=mask)
    np.testing.assert_allclose(y[0], [1 / (1 + np.e), np.e / (1 + np.e), 0], rtol=1e-6)
    np.testing.assert_array_equal(y[1], 0)


def test_lambda_passes_what_the_function_asks_for():
    def pick(x, training, factor=1):
        return x * factor if training else x

    layer = layers.Lambda(pick, arguments={"factor": 3})
    x = np.ones((2, 2), "float32")
    np.testing.assert_array_equal(layer(x, training=True), 3 * x)
    np.testing.assert_array_equal(layer(x), x)
    shaped = layers.Lambda(lambda x: ops.sum(x, axis=-1), output_shape=lambda s: s[:-1])
    assert shaped.compute_output_shape((None, 3, 2)) == (None, 3)
    assert layers.Lambda(lambda x: x[:, :1]).compute_output_shape((None, 3, 2)) == (None, 1, 2)


def test_lambda_mask():
    x = np.ones((2, 3, 1), "float32")
    y = layers.Lambda(lambda x: 2 * x, mask=lambda x, mask: ops.any(x > 0, axis=-1))(x)
    np.testing.assert_array_equal(get_mask(y), np.ones((2, 3), bool))


def test_lambda_config_names_functions_and_refuses_lambdas():
    @kerasnp.saving.register_keras_serializable("test")
    def triple(x):
        return 3 * x

    layer = layers.Lambda(triple)
    twin = layers.Lambda.from_config(layer.get_config())
    np.testing.assert_array_equal(twin([2.0]), [6])
    with pytest.raises(ValueError, match="lambda cannot be written"):
        layers.Lambda(lambda x: x).get_config()


@pytest.mark.parametrize(
    "equation, output_shape, bias_axes, input_shape, kernel, bias, output",
    [
        ("ab,bc->ac", 4, "c", (None, 3), (3, 4), (4,), (None, 4)),
        ("abc,cde->abde", (None, 2, 5), "d", (None, 6, 3), (3, 2, 5), (2, 1), (None, 6, 2, 5)),
        ("...x,xy->...y", 4, "y", (None, 6, 3), (3, 4), (4,), (None, 6, 4)),
        ("ab...,bc->ac...", 4, "c", (None, 3, 6, 7), (3, 4), (4, 1, 1), (None, 4, 6, 7)),
    ],
)
def test_einsum_dense_shapes(equation, output_shape, bias_axes, input_shape, kernel, bias, output):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)
    assert layer.compute_output_shape(input_shape) == output
    layer.build(input_shape)
    assert layer.kernel.shape == kernel and layer.bias.shape == bias


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.Embedding(0, 2, name="e"), ValueError, 'Embedding "e": `input_dim` must be a positive integer'),
        (
            lambda: layers.Embedding(3, 2)(np.array([[1, 3]])),
            ValueError,
            "integers from 0 to 2. Received: values from 1 to 3",
        ),
        (lambda: layers.Embedding(3, 2)(np.array([[-1]])), ValueError, "values from -1 to -1"),
        (
            lambda: layers.Embedding(3, 2, weights=np.ones((2, 3))),
            ValueError,
            "not compatible with that of the array",
        ),
        (lambda: layers.EinsumDense("ab,bc", 4), ValueError, "equation must be an einsum of inputs and kernel"),
        (lambda: layers.EinsumDense("ab,bc->ac", 4).build((2, 3, 4)), ValueError, "have 2 axes"),
        (lambda: layers.EinsumDense("ab,bc->ac", 4, bias_axes="b").build((2, 3)), ValueError, "bias_axes must be axes"),
        (lambda: layers.EinsumDense("ab,bc->abc", (5, 4)).build((2, 3)), ValueError, "disagree about the axis 'b'"),
        (lambda: layers.EinsumDense("ab,bc->ac", 4).build((2, None)), ValueError, "must have known lengths"),
        (lambda: layers.Lambda("square"), TypeError, "function must be callable"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_input_length_is_accepted_with_a_warning():
    with pytest.warns(UserWarning, match="input_length has no effect"):
        layers.Embedding(3, 2, input_length=4)


class TestReversibleEmbedding:
    table = np.array([[0.0, 0.0], [2.0, 2.0], [3.0, 3.0]], "float32")

    def test_the_way_back(self):
        layer = layers.ReversibleEmbedding(3, 2)
        layer.build()
        layer.embeddings.assign(self.table)
        assert layer(np.array([2, 1])).tolist() == [[3, 3], [2, 2]]
        assert layer(np.ones((1, 2), "float32"), reverse=True).tolist() == [[0, 4, 6]]

    def test_a_cap_on_the_logits(self):
        layer = layers.ReversibleEmbedding(3, 2, logit_soft_cap=5, tie_weights=False)
        layer.build()
        layer.reverse_embeddings.assign(self.table.T)
        np.testing.assert_allclose(layer(np.ones((1, 2)), reverse=True), 5 * np.tanh([[0, 4 / 5, 6 / 5]]), rtol=1e-6)

    def test_the_mask_and_the_type_of_the_way_back(self):
        layer = layers.ReversibleEmbedding(3, 2, mask_zero=True, reverse_dtype="float16")
        assert get_mask(layer(np.array([1, 0]))).tolist() == [True, False]
        back = layer(np.zeros((2, 2), "float32"), reverse=True)
        assert back.dtype == np.float16 and get_mask(back) is None
        symbolic = layer(kerasnp.KerasTensor((None, 2)), reverse=True)
        assert (symbolic.shape, symbolic.dtype) == ((None, 3), "float16")
