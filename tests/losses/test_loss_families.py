"""What is peculiar to single losses: limits, zeros, labels of several kinds, aliases."""

import numpy as np
import pytest

import kerasnp
from kerasnp import losses


@pytest.mark.parametrize(
    "alias, name",
    [
        ("mse", "mean_squared_error"), ("mae", "mean_absolute_error"), ("mape", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"), ("bce", "binary_crossentropy"), ("kld", "kl_divergence"),
        ("logcosh", "log_cosh"), ("KLD", "kl_divergence"), ("cce", "categorical_crossentropy"),
    ],
)  # fmt: skip
def test_aliases(alias, name):
    assert losses.get(alias) is getattr(losses, name)


@pytest.mark.parametrize("name", ["Hinge", "Poisson", "Huber", "Dice", "Tversky", "Circle", "CTC"])
def test_class_and_function_of_one_name_stay_apart(name):
    assert isinstance(losses.get(name), getattr(losses, name))
    assert losses.get(name.lower()) is getattr(losses, name.lower())


def test_arguments_that_keras_forgets_survive():
    for loss in (
        losses.Huber(delta=2.0),
        losses.CosineSimilarity(axis=1),
        losses.SparseCategoricalCrossentropy(axis=1),
    ):
        again = losses.deserialize(losses.serialize(loss))
        assert again.get_config() == loss.get_config() and len(loss.get_config()) >= 3


def test_log_cosh_of_large_errors_is_finite():
    x = kerasnp.Variable([[1e4, -1e4]])
    with kerasnp.Tape() as tape:
        loss = losses.LogCosh()([[0.0, 0.0]], x)
    assert float(loss) == pytest.approx(1e4 - np.log(2), rel=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, x), [[0.5, -0.5]])


def test_huber_joins_parabola_and_line():
    y = np.array([[0.0]])
    below, above = (float(losses.huber(y, np.array([[d]]), delta=2.0)[0]) for d in (2 - 1e-7, 2 + 1e-7))
    assert below == pytest.approx(2.0, abs=1e-6) and above == pytest.approx(2.0, abs=1e-6)


def test_vectors_without_direction_are_similar_to_nothing():
    x = kerasnp.Variable(np.zeros((1, 3), np.float32))
    with kerasnp.Tape() as tape:
        loss = losses.CosineSimilarity()([[1.0, 0.0, 0.0]], x)
    assert float(loss) == 0 and np.isfinite(tape.gradient(loss, x)).all()


def test_hinge_reads_zero_and_one_as_signs():
    p = np.array([[0.3, -2.0], [0.5, 0.1]])
    for loss in ("hinge", "squared_hinge"):
        fn = losses.get(loss)
        np.testing.assert_allclose(fn([[0, 1], [1, 0]], p), fn([[-1, 1], [1, -1]], p))
    np.testing.assert_allclose(losses.hinge([[1, 1], [1, 1]], p), [(0.7 + 3) / 2, (0.5 + 0.9) / 2])


def test_divergence_of_equal_distributions_is_zero_even_with_zeros():
    p = np.array([[0.0, 1.0], [0.25, 0.75]])
    np.testing.assert_allclose(losses.kl_divergence(p, p), 0, atol=1e-12)


def test_focal_without_focus_is_the_cross_entropy():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, (4, 3)).astype(float), rng.random((4, 3)) * 0.9 + 0.05
    np.testing.assert_allclose(
        losses.binary_focal_crossentropy(y, p, gamma=0.0), losses.binary_crossentropy(y, p), rtol=1e-12
    )
    p /= p.sum(-1, keepdims=True)
    hot = np.eye(3)[[0, 1, 2, 1]]
    focal = losses.categorical_focal_crossentropy(hot, p, alpha=1.0, gamma=0.0)
    np.testing.assert_allclose(focal, losses.categorical_crossentropy(hot, p), rtol=1e-12)


def test_generalized_cross_entropy_between_its_limits():
    p = np.array([[0.2, 0.8], [0.6, 0.4]])
    y = np.array([1, 1])
    near_zero = losses.categorical_generalized_cross_entropy(y, p, 1e-6)
    np.testing.assert_allclose(near_zero, losses.sparse_categorical_crossentropy(y, p), rtol=1e-5)
    np.testing.assert_allclose(losses.categorical_generalized_cross_entropy(y[:, None], p, 1.0), [0.2, 0.6])
    with pytest.raises(ValueError, match=r"q must lie between 0 and 1, without them. Received: q=1"):
        losses.CategoricalGeneralizedCrossEntropy(q=1)
    with pytest.raises(ValueError, match=r"target.shape=\(2, 2\)"):
        losses.categorical_generalized_cross_entropy(np.eye(2), p, 0.5)
    with pytest.raises(ValueError, match="from 0 to 1.*label 2"):
        losses.categorical_generalized_cross_entropy([0, 2], p, 0.5)


def test_overlap_of_equal_regions_is_complete():
    region = np.array([[1.0, 0.0, 1.0, 0.0]])
    assert float(losses.Dice()(region, region)) == pytest.approx(0, abs=1e-6)
    assert float(losses.Tversky()(region, 1 - region)) == pytest.approx(1)
    assert losses.dice(np.stack([region] * 3), np.stack([region] * 3), axis=(1, 2)).shape == (3,)


def test_labels_broadcast_like_numbers_where_ranks_agree():
    np.testing.assert_allclose(losses.mean_squared_error([[1.0], [2.0]], [[1.0, 2.0], [4.0, 2.0]]), [0.5, 2.0])
    x = kerasnp.Variable([[3.0], [1.0]])
    with kerasnp.Tape() as tape:
        loss = losses.MeanSquaredError(reduction="sum")([[1.0, 2.0], [1.0, 1.0]], x)
    np.testing.assert_allclose(tape.gradient(loss, x), [[3.0], [0.0]])


def test_shapes_that_do_not_fit_are_refused_with_both():
    with pytest.raises(
        ValueError, match=r"mean_absolute_error.*y_true.shape=\(2, 3\), y_pred.shape=\(2, 4\).*shape of the model"
    ):
        losses.MeanAbsoluteError()(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"y_true.shape=\(3,\), y_pred.shape=\(2, 3\)"):
        losses.mse(np.zeros(3), np.zeros((2, 3)))
