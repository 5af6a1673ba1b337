"""The flat arrays behind the variables, and the loops over them."""

import contextlib

import numpy as np
import pytest

import kerasnp
from kerasnp import backend as K
from kerasnp import optimizers
from kerasnp.backend import reference, threads, update


def address(array):
    return array.__array_interface__["data"][0]


def weights(*shapes):
    rng = np.random.default_rng(0)
    return [kerasnp.Variable(rng.standard_normal(s).astype("float32"), name=f"w{i}") for i, s in enumerate(shapes)]


def test_build_moves_values_into_one_array():
    variables = weights((3, 5), (), (7,), (17,))
    values = [v.numpy() for v in variables]
    optimizer = optimizers.Adam()
    optimizer.build(variables)
    bases = {id(v.value.base) for v in variables}
    assert len(bases) == 1 and all(address(v.value) % 64 == 0 for v in variables)
    assert all(np.array_equal(v.value, x) for v, x in zip(variables, values))
    assert len({id(s.value.base) for s in optimizer.variables[2::2]}) == 1
    for v in variables:
        assert v.grad_buffer.shape == v.shape and address(v.grad_buffer) % 64 == 0 and not v.grad_buffer.any()


def test_a_tape_writes_gradients_where_the_update_reads():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 4)).astype("float32")
    w, b = weights((4, 3), (3,))
    optimizer = optimizers.SGD(0.1)
    optimizer.build([w, b])
    before = [w.numpy(), b.numpy()]
    with kerasnp.Tape() as tape:
        loss = kerasnp.ops.sum(kerasnp.ops.square(kerasnp.ops.dense(x, w, b)))
    tape.lend_buffers = True
    grads = tape.gradient(loss, [w, b])
    optimizer.apply(grads, [w, b])
    dy = 2 * (x @ before[0] + before[1])
    np.testing.assert_allclose(w.numpy(), before[0] - 0.1 * (x.T @ dy), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(b.numpy(), before[1] - 0.1 * dy.sum(0), rtol=1e-5, atol=1e-5)
    assert np.array_equal(w.grad_buffer, grads[0])


def test_gradients_that_are_each_others_buffers():
    a, b = weights((3,), (3,))
    optimizer = optimizers.SGD(1.0)
    optimizer.build([a, b])
    a.grad_buffer[...], b.grad_buffer[...] = 1, 2
    before = a.numpy(), b.numpy()
    optimizer.apply([b.grad_buffer, a.grad_buffer], [a, b])
    np.testing.assert_allclose(a.numpy(), before[0] - 2)
    np.testing.assert_allclose(b.numpy(), before[1] - 1)


def test_two_optimizers_on_the_same_variables_share_the_arrays():
    variables = weights((3, 5), (7,))
    first, second = optimizers.Adam(0.1), optimizers.SGD(0.1)
    first.build(variables)
    held = [v.value for v in variables]
    second.build(variables)
    assert all(v.value is h for v, h in zip(variables, held))
    grads = [np.ones((3, 5), "float32"), np.ones(7, "float32")]
    start = [v.numpy() for v in variables]
    first.apply(grads, variables)
    second.apply(grads, variables)
    for v, s in zip(variables, start):  # Adam's first step is lr * sign(g)
        np.testing.assert_allclose(v.numpy(), s - 0.2, atol=1e-5)


def test_an_optimizer_whose_variables_moved_on_stays_right():
    variables = weights((3, 5), (7,), (4,))
    first = optimizers.SGD(0.5)
    first.build(variables)
    second = optimizers.SGD(0.5)
    second.build(variables[::-1])  # another order: another flat array
    start = [v.numpy() for v in variables]
    grads = [np.full(v.shape, i + 1, "float32") for i, v in enumerate(variables)]
    first.apply(grads, variables)
    second.apply(grads[::-1], variables[::-1])
    for i, (v, s) in enumerate(zip(variables, start)):
        np.testing.assert_allclose(v.numpy(), s - (i + 1), rtol=1e-6)


def test_slots_that_were_replaced_count():
    (w,) = weights((4,))
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    optimizer.build([w])
    optimizer.variables[2].value = np.full(4, 8.0, "float32")
    before = w.numpy()
    optimizer.apply([np.zeros(4, "float32")], [w])
    np.testing.assert_allclose(w.numpy(), before + 4)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_runs_of_neighbours_with_equal_treatment():
    variables = weights((3,), (3,), (3,), (3,), (3,))
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[variables[4]])
    start = [v.numpy() for v in variables]
    ones = [np.ones(3, "float32")] * 5
    variables[3].lr_multiplier = 0.1
    optimizer.apply([ones[0], ones[1], None, ones[3], ones[4]], variables)
    expected = [start[0] * 0.5 - 1, start[1] * 0.5 - 1, start[2], start[3] * 0.95 - 0.1, start[4] - 1]
    for v, e in zip(variables, expected):
        np.testing.assert_allclose(v.numpy(), e, rtol=1e-6, atol=1e-6)
    (_, storage), = optimizer._storages
    assert [len(p.variables) for p in storage.pieces((True, True, False, True, True))] == [2, 1, 1]
    variables[3].lr_multiplier = 1.0
    assert [len(p.variables) for p in storage.pieces((True,) * 5)] == [4, 1]


def test_weights_and_gradients_move_to_other_memory_and_stay_one_piece():
    variables = weights((3,), (2, 2))
    optimizer = optimizers.SGD(1.0)
    (storage,) = optimizer.storages(variables)
    before = [v.numpy() for v in variables]
    elsewhere, for_gradients = np.zeros(storage.size, "float32"), np.zeros(storage.size, "float32")
    storage.move(elsewhere)
    storage.lend(for_gradients)
    assert all(np.shares_memory(v.value, elsewhere) for v in variables)
    for v in variables:
        v.grad_buffer[...] = 1
    optimizer.apply([v.grad_buffer for v in variables], variables)
    for v, b in zip(variables, before):
        np.testing.assert_array_equal(v.numpy(), b - 1)
    (piece,) = storage.pieces((True, True))
    assert np.shares_memory(piece.w, elsewhere) and np.shares_memory(piece.g, for_gradients)


def test_a_variable_without_elements():
    a, b = kerasnp.Variable(np.zeros((0, 3), "float32")), kerasnp.Variable(np.ones(2, "float32"))
    optimizers.Adam(0.5).apply([np.zeros((0, 3), "float32"), np.ones(2, "float32")], [a, b])
    assert a.shape == (0, 3)
    np.testing.assert_allclose(b.numpy(), 0.5, atol=1e-5)


def test_no_division_warns_in_the_gaps_between_variables():
    (w,) = weights((3,))
    with np.errstate(all="raise"):
        optimizers.Adam(0.1, epsilon=0.0).apply([np.ones(3, "float32")], [w])
    assert np.isfinite(w.numpy()).all()


@pytest.mark.parametrize("optimizer", [optimizers.Adam(), optimizers.RMSprop(), optimizers.SGD(momentum=0.9)])
def test_means_of_dead_weights_end_at_zero(optimizer):
    """Not among the denormals, where every multiplication is slow for ever."""
    (w,) = weights((5,))
    alive = np.array([1, 0, 0, 0, 0], "float32")
    optimizer.apply([np.full(5, 1e-3, "float32")], [w])
    for _ in range(1300):
        optimizer.apply([alive], [w])
    tiny = np.finfo("float32").tiny
    for slot in optimizer.variables[2:]:
        assert slot.value[0] != 0
        assert all(abs(x) >= tiny or x == 0 for x in slot.value), slot.name
    assert not optimizer.variables[2].value[1:].any()


@pytest.mark.parametrize("n", [0, 1, update.BLOCK, update.SMALL_UPDATE + 1, 10 * update.BLOCK + 3])
@pytest.mark.parametrize("count", [1, 2])
def test_blocks_cover_everything_once(n, count):
    seen, before = np.zeros(n, int), threads.get_num_threads()

    def visit(i, j):
        assert j - i <= update.BLOCK
        seen[i:j] += 1

    try:
        threads.set_num_threads(count)
        K.for_blocks(n, visit)
    finally:
        threads.set_num_threads(before)
    assert (seen == 1).all()


@pytest.mark.parametrize("shape", [(), (7,), (0,), (5, 3), (50_001,)])
def test_squared_norm(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    np.testing.assert_allclose(K.squared_norm(x), reference.squared_norm(x), rtol=1e-6)


def test_blocks_change_no_bit():
    results = []
    for kernels in (contextlib.nullcontext(), K.using("reference")):
        with kernels:
            (w,) = weights((300, 400))
            optimizer = optimizers.Adam(0.1)
            for step in range(3):
                optimizer.apply([w.value * (step - 1.5)], [w])
            results.append(w.numpy())
    assert results[0].tobytes() == results[1].tobytes()


def test_scratch_is_reused_and_typed():
    like = np.empty((3, 4), "float32")
    a, b = K.scratch(like), K.scratch(like, 1)
    assert a.shape == (3, 4) and a.dtype == np.float32 and not np.shares_memory(a, b)
    assert np.shares_memory(a, K.scratch(np.empty(5, "float32")))
    assert not np.shares_memory(a, K.scratch(np.empty(5)))


def test_joined_wants_exactly_its_own_segments():
    shapes = [(2, 3), (20,)]
    starts, n = K.offsets(shapes, "float32")
    whole = K.flat(n, "float32")
    parts = K.segments(whole, starts, shapes)
    again = K.joined(parts, starts, n)
    assert again is not None and again.size == n and np.shares_memory(again, whole)
    assert K.joined(parts[::-1], *K.offsets(shapes[::-1], "float32")) is None
    assert K.joined([parts[0], parts[1].copy()], starts, n) is None
    assert K.joined([parts[0].T, parts[1]], starts, n) is None
