"""Loading ahead: order, overlap, exceptions, and nothing left behind."""

import os
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.data import PyDataset, prefetch
from kerasnp.data.loading import read_ahead


def loaders():
    return [t for t in threading.enumerate() if t.name.startswith("kerasnp-loader")]


class Numbered(PyDataset):
    """Batch i holds the number i."""

    batches, pause = 12, 0.0

    def __len__(self):
        return self.batches

    def __getitem__(self, index):
        time.sleep(self.pause * (1 + index % 3))
        return np.full((4, 1), index, "float32"), np.zeros((4, 1), "float32")


def model():
    m = kerasnp.Sequential([kerasnp.Input((1,)), layers.Dense(1)])
    m.compile(kerasnp.optimizers.SGD(1e-3), "mse")
    return m


class Seen(kerasnp.callbacks.Callback):
    """The number of each batch, by way of a model that returns its input."""

    def on_predict_begin(self, logs=None):
        self.numbers = []

    def on_predict_batch_end(self, batch, logs=None):
        self.numbers.append(float(logs["outputs"][0, 0]))


def identity():
    return kerasnp.Sequential([kerasnp.Input((1,)), layers.Activation("linear")])


@pytest.mark.parametrize(
    "options",
    [{}, {"workers": 0}, {"workers": 3}, {"workers": 3, "max_queue_size": 1}, {"workers": 2, "use_multiprocessing": True}],
    ids=str,
)
def test_the_order_is_that_of_the_numbers(options):
    data = Numbered(**options)
    data.pause = 0.002
    seen = Seen()
    identity().predict(data, verbose=0, callbacks=[seen])
    assert seen.numbers == list(range(12))
    assert [float(x[0, 0]) for x, y in data] == list(range(12))
    assert not loaders()


def test_threads_overlap_loading_with_computing():
    def load(index):
        time.sleep(0.03)
        return index

    begun = time.perf_counter()
    for _ in read_ahead(load, range(12), workers=4, ahead=8):
        time.sleep(0.01)
    # One after the other it would take 0.48 s.
    assert time.perf_counter() - begun < 0.35


def test_several_batches_are_made_at_once():
    together, most, lock = 0, 0, threading.Lock()

    def load(index):
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.02)
        with lock:
            together -= 1

    list(read_ahead(load, range(9), workers=3, ahead=6))
    assert most == 3


def test_no_more_than_asked_for_is_loaded_ahead():
    loaded = []
    items = read_ahead(lambda i: loaded.append(i) or i, range(100), workers=2, ahead=3)
    assert next(items) == 0
    time.sleep(0.05)
    assert max(loaded) <= 4
    items.close()
    assert not loaders()


class Broken(Numbered):
    def __getitem__(self, index):
        if index == 5:
            self.give_up()
        return super().__getitem__(index)

    def give_up(self):
        raise RuntimeError("file 5 is damaged")


@pytest.mark.parametrize("options", [{}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}], ids=str)
def test_an_exception_arrives_with_its_traceback(options):
    data = Broken(**options)
    with pytest.raises(RuntimeError, match="file 5 is damaged") as caught:
        model().fit(data, shuffle=False, verbose=0)
    text = "".join(traceback.format_exception(caught.value))
    assert "give_up" in text
    assert not loaders()


def test_an_early_end_leaves_no_thread():
    data = Numbered(workers=3)
    data.pause = 0.001
    stop = kerasnp.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(m, "stop_training", True))
    m = model()
    m.fit(data, verbose=0, callbacks=[stop])
    m.fit(data, steps_per_epoch=2, epochs=3, verbose=0)
    m.evaluate(data, steps=2, verbose=0)
    m.predict(data, steps=2, verbose=0)
    next(m.predict_batches(data))
    assert not loaders()


def test_ctrl_c_stops_after_the_step_and_leaves_no_thread():
    data = Numbered(workers=2)
    data.batches = 1000
    pressed = kerasnp.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: os.kill(os.getpid(), 2) if batch == 3 else None
    )
    with pytest.raises(KeyboardInterrupt, match="interrupted after step [45] of epoch 1"):
        model().fit(data, verbose=0, callbacks=[pressed])
    assert not loaders()


CHILDREN = """
    import os, signal, sys, threading, time
    import numpy as np
    import kerasnp
    from kerasnp import layers

    class Slow(kerasnp.utils.PyDataset):
        def __len__(self):
            return 1000

        def __getitem__(self, index):
            time.sleep(0.01)
            return np.ones((2, 1), "float32"), np.ones((2, 1), "float32")

    signal.signal(signal.SIGINT, signal.default_int_handler)
    model = kerasnp.Sequential([kerasnp.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    press = kerasnp.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: os.killpg(os.getpgrp(), signal.SIGINT) if batch == 3 else None)
    try:
        model.fit(Slow(workers=2, use_multiprocessing=True), verbose=0, callbacks=[press])
    except KeyboardInterrupt as error:
        print(error)
    import multiprocessing
    print("children", multiprocessing.active_children(), "threads", threading.active_count())
"""


def test_ctrl_c_in_a_terminal_reaches_loading_processes_too(tmp_path):
    """The terminal sends it to all of them; they leave it to their parent, who ends them without a word."""
    if sys.platform != "linux":
        pytest.skip("processes are forked on Linux")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(CHILDREN))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KERASNP_NUM_THREADS": "1"}
    command = [sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, env=env, start_new_session=True, timeout=60)
    assert "fit was interrupted after step" in done.stdout and "children [] threads 1" in done.stdout, done.stderr
    assert done.stderr == ""


def test_fit_draws_the_batches_in_a_new_order_each_epoch_for_any_number_of_workers():
    class Recording(Numbered):
        def __init__(self, **options):
            super().__init__(**options)
            self.begun = self.ended = 0

        def on_epoch_begin(self):
            self.begun += 1

        def on_epoch_end(self):
            self.ended += 1

    orders = []
    for workers in (1, 3):
        kerasnp.utils.set_random_seed(3)
        m, seen = model(), []
        data = Recording(workers=workers)

        class Watch(kerasnp.Sequential):
            def train_step(self, batch, seen=seen):
                seen.append(int(batch[0][0, 0]))
                return super().train_step(batch)

        m = Watch([kerasnp.Input((1,)), layers.Dense(1)])
        m.compile("sgd", "mse")
        m.fit(data, epochs=2, verbose=0)
        orders.append(seen)
        assert data.begun == data.ended == 2
        assert sorted(seen[:12]) == list(range(12)) != seen[:12] != seen[12:]
        m.fit(data, shuffle=False, verbose=0)
        assert seen[24:] == list(range(12))
    assert orders[0] == orders[1]


def test_batches_without_end():
    class Endless(PyDataset):
        def __getitem__(self, index):
            return np.full((2, 1), index, "float32"), np.zeros((2, 1), "float32")

    for workers in (1, 2):
        data = Endless(workers=workers)
        assert data.num_batches is None
        m = model()
        m.fit(data, steps_per_epoch=4, epochs=2, verbose=0)
        assert int(m.optimizer.iterations) == 8 and not loaders()


def test_a_subclass_that_forgets_the_constructor():
    class Forgetful(Numbered):
        def __init__(self):
            pass

    assert model().predict(Forgetful(), verbose=0).shape == (48, 1)


def test_the_base_says_what_to_write():
    with pytest.raises(NotImplementedError, match="PyDataset: write __getitem__"):
        PyDataset()[0]


@pytest.mark.parametrize("cut", [3, 12, 15])
def test_a_broken_run_equals_an_unbroken_one(tmp_path, cut):
    """A dataset that draws its own numbers between passes hears of the passes of the broken run."""

    class Drawing(Numbered):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(5)
            self.shift = 0.0

        def on_epoch_end(self):
            self.shift = self.rng.random()

        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x + self.shift, y + 1

    def run(callbacks):
        kerasnp.backend.clear_session()
        kerasnp.utils.set_random_seed(1)
        m = model()
        m.fit(Drawing(), epochs=3, verbose=0, callbacks=callbacks)
        return m.get_weights()

    class Killed(kerasnp.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            if self.steps == cut + 1:
                raise RuntimeError

    backup = kerasnp.callbacks.BackupAndRestore
    with pytest.raises(RuntimeError):
        run([Killed(), backup(tmp_path, save_freq=1)])
    for a, b in zip(run([]), run([backup(tmp_path, save_freq=1)])):
        np.testing.assert_array_equal(a, b)


def test_prefetch_is_the_iterable_itself_only_sooner():
    class Source:
        closed = 0

        def __iter__(self):
            try:
                for i in range(6):
                    yield np.full((2, 1), i, "float32"), np.zeros((2, 1), "float32")
            finally:
                self.closed += 1

        def __len__(self):
            return 6

    source = Source()
    ahead = prefetch(source)
    assert len(ahead) == 6 and [int(x[0, 0]) for x, y in ahead] == list(range(6))
    m = model()
    m.fit(ahead, epochs=2, verbose=0)
    assert int(m.optimizer.iterations) == 12 and not loaders()
    with pytest.raises(ZeroDivisionError):
        list(prefetch(1 / (2 - i) for i in range(4)))
    with pytest.raises(ValueError, match="`ahead` must be a positive integer"):
        prefetch([], ahead=0)


def test_a_generator_loses_no_batch_to_a_step():
    """Without prefetch nothing is taken from a generator that was not asked for."""
    generator = iter([(np.ones((2, 1)), np.ones((2, 1)))] * 9)
    m = model()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m.fit(generator, steps_per_epoch=3, verbose=0)
    assert len(list(generator)) == 6
