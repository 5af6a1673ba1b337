"""The tape: what it records, what it forgets, and what its gradients may be used for."""

import gc
import threading
import weakref

import numpy as np
import pytest

from kerasnp import Operator, Tape, Variable, ops
from kerasnp.autodiff import GradientTape, stop_recording


def f32(*values):
    return np.array(values, "float32")


def test_gradient_of_a_composition():
    w, b = Variable([2.0, 3.0]), Variable(1.0)
    with Tape() as tape:
        y = ops.sum(ops.square(w) * 3 + b)
    dw, db = tape.gradient(y, [w, b])
    np.testing.assert_allclose(dw, [12, 18])
    np.testing.assert_allclose(db, 2)
    assert dw.dtype == db.dtype == np.float32 and db.shape == ()


def test_a_variable_used_twice_adds_up():
    x = Variable([2.0])
    with Tape() as tape:
        y = x * x + x * 3 + x
    np.testing.assert_allclose(tape.gradient(y, x), [8])


def test_sources_may_be_nested():
    a, b = Variable(2.0), Variable(3.0)
    with Tape(persistent=True) as tape:
        y = a * b
    assert tape.gradient(y, {"a": a, "b": b}) == {"a": 3, "b": 2}
    assert tape.gradient(y, (a, b)) == [3, 2]
    assert tape.gradient(y, []) == []


def test_several_targets_and_seeds():
    x = Variable([1.0, 2.0])
    with Tape(persistent=True) as tape:
        y, z = x * 2, x * x
    np.testing.assert_allclose(tape.gradient([y, z], x), [4, 6])
    np.testing.assert_allclose(tape.gradient([y, z], x, [f32(1, 0), None]), [4, 4])
    np.testing.assert_allclose(tape.gradient(z, x, output_gradients=f32(10, 0)), [20, 0])
    np.testing.assert_allclose(tape.gradient(z, x, output_gradients=2.0), [4, 8])
    with pytest.raises(ValueError, match="2 targets and 1 gradients"):
        tape.gradient([y, z], x, [f32(1, 0)])
    with pytest.raises(ValueError, match=r"shape of its target, \(2,\). Received: \(3,\)"):
        tape.gradient(y, x, output_gradients=np.ones(3))


def test_intermediate_results_and_the_target_are_sources_too():
    x = Variable(3.0)
    with Tape(persistent=True) as tape:
        h = x * x
        y = h * h + h
    assert tape.gradient(y, [h, x, y]) == [19, 19 * 6, 1]


def test_no_dependence_is_none():
    x, other = Variable(1.0), Variable(1.0)
    with Tape() as tape:
        y = x * 2
        other * 3  # recorded, but no part of y
    assert tape.gradient(y, [other, x]) == [None, 2]


def test_used_up_unless_persistent():
    x = Variable(1.0)
    with Tape() as tape:
        y = x * 2
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)
    with Tape(persistent=True) as tape:
        y = x * x
    assert [tape.gradient(y, x) for _ in range(3)] == [2, 2, 2]


def test_a_wrong_question_does_not_use_the_tape_up():
    x = Variable(1.0)
    with Tape() as tape:
        y = x * 2
    with pytest.raises(ValueError, match="sources must be Variables. Received: ndarray"):
        tape.gradient(y, np.ones(1))
    assert tape.gradient(y, x) == 2


def test_frozen_variables_are_skipped_and_may_be_watched():
    x, frozen = Variable(2.0), Variable(5.0, trainable=False)
    with Tape() as tape:
        y = x * frozen
    assert tape.gradient(y, [x, frozen]) == [5, None]
    with Tape() as tape:
        tape.watch(frozen)
        y = x * frozen
    assert tape.gradient(y, [x, frozen]) == [5, 2]
    assert frozen.trainable is False, "watching is the tape's business alone"
    with pytest.raises(ValueError, match="expects a Variable.*Received: ndarray"):
        tape.watch(np.ones(2))


def test_nothing_is_recorded_where_nothing_is_wanted():
    frozen = Variable(2.0, trainable=False)
    with Tape() as tape:
        y = frozen * 3
        z = ops.exp(np.ones(2))
    assert not isinstance(y, Variable) and not isinstance(z, Variable) and not tape.operators


def test_gradients_are_the_callers_own():
    a, b, c = Variable(np.ones((2, 3))), Variable(np.ones((2, 3))), Variable(np.ones((3, 2)))
    with Tape(persistent=True) as tape:
        y = ops.sum(a + b + ops.transpose(c))
    for _ in range(2):
        grads = tape.gradient(y, [a, b, c, a])
        for i, g in enumerate(grads):
            np.testing.assert_array_equal(g, np.ones(g.shape))
            g[...] = i + 7.0
    with Tape() as tape:
        y = a * 1
    seed = np.ones((2, 3), "float32")
    tape.gradient(y, a, seed)[...] = 5
    assert (seed == 1).all()


def test_accumulation_does_not_write_into_what_an_operator_returned():
    shared = f32(1.0)

    class Leaky(Operator):
        def forward(self, x):
            return x + 0

        def backward(self, dy):
            return shared

    x = Variable([1.0])
    with Tape() as tape:
        y = Leaky()(x) + Leaky()(x) + Leaky()(x)
    np.testing.assert_array_equal(tape.gradient(y, x), [3])
    np.testing.assert_array_equal(shared, [1])


def test_consumes_dy_gets_an_array_of_its_own():
    class Greedy(Operator):
        consumes_dy = True

        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            dy *= 2
            return dy

    x, b = Variable([1.0, 1.0]), Variable([0.0, 0.0])
    with Tape(persistent=True) as tape:
        # The sum hands one and the same gradient to both sides; b must not see it doubled.
        y = Greedy()(x) + b + Greedy()(x) + ops.sum(Greedy()(x))
    for _ in range(2):
        dx, db = tape.gradient(y, [x, b])
        np.testing.assert_array_equal(dx, [8, 8])
        np.testing.assert_array_equal(db, [1, 1])


def test_outputs_that_nothing_used_count_as_zero():
    class Both(Operator):
        def forward(self, x):
            return x * 2, x * 3

        def backward(self, dy, dz):
            return 2 * dy + 3 * dz

    x = Variable([1.0])
    with Tape(persistent=True) as tape:
        y, z = Both()(x)
    np.testing.assert_array_equal(tape.gradient(y, x), [2])
    np.testing.assert_array_equal(tape.gradient(z, x), [3])
    np.testing.assert_array_equal(tape.gradient([y, z], x), [5])


def test_gradients_take_the_type_of_their_variable():
    x = Variable([1.0])
    with Tape() as tape:
        y = x * np.array([2.0])
    assert y.dtype == "float64"
    assert tape.gradient(y, x).dtype == np.float32


def test_inner_tape_hands_its_operators_to_the_outer():
    x = Variable(3.0)
    with Tape() as outer:
        h = x * x
        with Tape() as inner:
            y = h * x
        assert inner.gradient(y, h) == 3
        z = y * 2
    assert outer.gradient(z, x) == 54


def test_inner_tape_asked_before_it_is_closed():
    x = Variable(3.0)
    with Tape() as outer:
        with Tape() as inner:
            y = x * x
            assert inner.gradient(y, x) == 6
        z = y * 2
    assert outer.gradient(z, x) == 12


def test_results_of_another_tape_are_leaves():
    x = Variable(3.0)
    with Tape() as first:
        h = x * x
    with Tape() as second:
        y = h * 5
    assert second.gradient(y, [h, x]) == [5, None]
    assert first.gradient(h, x) == 6


def test_closed_tape_and_exceptions():
    x = Variable(1.0)
    with pytest.raises(ZeroDivisionError), Tape() as tape:
        y = x * 2
        raise ZeroDivisionError
    assert not isinstance(x * 2, Variable), "the tape is closed"
    assert tape.gradient(y, x) == 2

    class Failing(Operator):
        def forward(self, x):
            self.save(x)
            raise ArithmeticError

    op = Failing()
    with Tape() as tape, pytest.raises(ArithmeticError):
        op(x)
    assert not tape.operators and not op.recorded and op.saved == ()


def test_a_failing_backward_leaves_a_persistent_tape_usable():
    broken = [True]

    class Fragile(Operator):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            if broken[0]:
                raise ArithmeticError
            return 2 * dy

    x = Variable(1.0)
    with Tape(persistent=True) as tape:
        y = Fragile()(x) * 3
    with pytest.raises(ArithmeticError):
        tape.gradient(y, x)
    broken[0] = False
    assert tape.gradient(y, x) == 6


def test_stop_recording():
    x = Variable(2.0)
    with Tape() as tape:
        with stop_recording():
            h = x * x
        y = x * h
    assert not isinstance(h, Variable)
    assert tape.gradient(y, x) == 4


def test_other_threads_do_not_record():
    x, found = Variable(2.0), []
    with Tape():
        thread = threading.Thread(target=lambda: found.append(x * 2))
        thread.start()
        thread.join()
    assert not isinstance(found[0], Variable)


def test_an_operator_instance_stands_for_one_call():
    class Double(Operator):
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    op, x = Double(), Variable(1.0)
    with Tape() as tape:
        y = op(x)
        with pytest.raises(RuntimeError, match="Double: this operator instance is on a tape already"):
            op(y)
    with pytest.raises(RuntimeError, match="make a new instance"):
        op(np.ones(2))
    assert tape.gradient(y, x) == 2
    assert op(np.float32(4)) == 8


@pytest.mark.parametrize(
    "backward, message",
    [
        (lambda self, dy, *_: (dy,), "gradient, or None, for each of its 2 inputs. Received: 1"),
        (lambda self, dy, *_: (dy[:1], dy), r"shapes of the inputs: expected \(2,\). Received: \(1,\)"),
    ],
)
def test_a_backward_that_returns_the_wrong_thing(backward, message):
    class Bad(Operator):
        def forward(self, a, b):
            return a + b

    Bad.backward = backward
    a, b = Variable([1.0, 2.0]), Variable([1.0, 2.0])
    with Tape() as tape:
        y = Bad()(a, b)
    with pytest.raises(ValueError, match=f"Bad.backward must return .*{message}"):
        tape.gradient(y, [a, b])


def test_missing_methods_say_so():
    class Nothing(Operator):
        pass

    class OneWay(Operator):
        def forward(self, x):
            return x * 2

    x = Variable(1.0)
    with pytest.raises(NotImplementedError, match="Nothing: write forward"):
        Nothing()(1.0)
    with Tape() as tape:
        y = OneWay()(x)
    with pytest.raises(NotImplementedError, match="OneWay: .*has no backward"):
        tape.gradient(y, x)


def test_what_was_saved_is_given_back():
    x = Variable(np.ones(1000))
    with Tape() as tape:
        h = ops.exp(x)
        y = ops.sum(ops.exp(h))
    kept = weakref.ref(h.value)
    tape.gradient(y, x)
    del h, tape, y
    assert kept() is None, "no cycle keeps the arrays alive"


def test_an_unused_graph_is_given_back():
    x = Variable(np.ones(10))
    gc.disable()
    try:
        with Tape() as tape:
            y = x
            for _ in range(5000):
                y = y + 1
        kept = weakref.ref(y.creator)
        del y, tape
        assert kept() is None
    finally:
        gc.enable()


def test_long_chains_need_no_recursion():
    x = Variable(1.0)
    with Tape() as tape:
        y = x
        for _ in range(20000):
            y = y + 1
    assert tape.gradient(y, x) == 1


def test_gradient_buffers_are_lent_once():
    w = Variable(np.ones((3, 2)), dtype="float32")
    w.grad_buffer = np.zeros((3, 2), "float32")
    x = np.ones((4, 3), "float32")
    with Tape() as tape:
        y = ops.dense(x, w) + 0.0
    tape.lend_buffers = True
    assert tape.gradient(y, w) is w.grad_buffer
    np.testing.assert_array_equal(w.grad_buffer, np.full((3, 2), 4))
    with Tape() as tape:
        y = ops.dense(x, w) + ops.dense(2 * x, w)
    tape.lend_buffers = True
    np.testing.assert_array_equal(tape.gradient(y, w), np.full((3, 2), 12))
    square = Variable(np.eye(2), dtype="float32")
    square.grad_buffer = np.zeros((2, 2), "float32")
    with Tape() as tape:
        y = ops.dense(square, square)
    tape.lend_buffers = True
    np.testing.assert_array_equal(tape.gradient(y, square), np.full((2, 2), 2))


def test_public_names():
    assert GradientTape is Tape
    with pytest.raises(ValueError, match="watch_accessed_variables=False is not supported"):
        Tape(watch_accessed_variables=False)
