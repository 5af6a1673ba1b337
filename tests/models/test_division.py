"""kerasnp.distribution: batches of fit divided among processes, beside the same training in one."""

import gc
import os
import re
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork processes")

TWO = kerasnp.distribution.DataParallel(devices=["cpu:0", "cpu:1"])
THREE = kerasnp.distribution.DataParallel(devices=["cpu:0", "cpu:1", "cpu:2"])
ONE = kerasnp.distribution.DataParallel(devices=["cpu:0"])


def data(n=40, shape=(6,), classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, *shape)).astype("float32"), rng.integers(0, classes, n)


def compiled(model, loss="sparse_categorical_crossentropy", optimizer=None, **options):
    model.compile(optimizer or kerasnp.optimizers.SGD(0.1, momentum=0.9), loss, **options)
    return model


def dense():
    return kerasnp.Sequential([kerasnp.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(3, "softmax")])


def convolutional():
    return kerasnp.Sequential([
        kerasnp.Input((8, 8, 2)), layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.MaxPooling2D(), layers.Flatten(), layers.BatchNormalization(), layers.Dense(3, "softmax"),
    ])  # fmt: skip


def recurrent():
    return kerasnp.Sequential([kerasnp.Input((5, 6)), layers.LSTM(4, return_sequences=True), layers.GRU(4), layers.Dense(3)])


def functional():
    a = kerasnp.Input((6,))
    b = layers.Dense(6, "relu")(a)
    return kerasnp.Model(a, layers.Dense(3, "softmax")(layers.Add()([a, b])))


class Subclassed(kerasnp.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.norm, self.top = layers.Dense(5), layers.BatchNormalization(), layers.Dense(3, "softmax")

    def call(self, x, training=None):
        return self.top(kerasnp.ops.tanh(self.norm(self.hidden(x), training=training)))


def trained(make, distribution, x, y, epochs=2, batch_size=16, **options):
    """The model after training, and its history."""
    kerasnp.utils.set_random_seed(1)
    model = make()
    if not model.compiled:
        compiled(model, metrics=["accuracy"])
    kerasnp.utils.set_random_seed(2)  # the order of the samples
    with distribution.scope():
        history = model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0, **options).history
    return model, history


def assert_alike(model, other, atol=2e-6):
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=atol, rtol=2e-5, err_msg=a.path)


CASES = {
    "dense": (dense, (6,)),
    "batch norm": (convolutional, (8, 8, 2)),
    "functional": (functional, (6,)),
    "subclassed": (Subclassed, (6,)),
}


@pytest.mark.parametrize("distribution", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("case", CASES)
def test_training_is_that_of_one_process(case, distribution):
    make, shape = CASES[case]
    x, y = data(41, shape)  # a last batch of nine
    model, history = trained(make, distribution, x, y)
    plain, expected = trained(make, ONE, x, y)
    assert_alike(model, plain)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)


def test_variances_of_samples_count_those_of_all_parts():
    def make():
        model = compiled(convolutional())
        model.layers[1].sample_variance = True  # as in files of Keras 2
        return model

    x, y = data(20, (8, 8, 2))
    model, plain = (trained(make, distribution, x, y, batch_size=4)[0] for distribution in (TWO, ONE))
    np.testing.assert_allclose(model.layers[1].moving_variance.numpy(), plain.layers[1].moving_variance.numpy(), rtol=1e-5)


def test_each_process_has_its_share_of_the_threads():
    seen = []

    class Asking(layers.Layer):
        def call(self, x, training=None):
            if training:
                seen.append(kerasnp.config.get_num_threads())
            return x

    model = compiled(kerasnp.Sequential([kerasnp.Input((6,)), Asking(), layers.Dense(3, "softmax")]))
    before = kerasnp.config.get_num_threads()
    kerasnp.config.set_num_threads(4)
    try:
        with TWO.scope():
            model.fit(*data(), verbose=0)
        assert kerasnp.config.get_num_threads() == 4
    finally:
        kerasnp.config.set_num_threads(before)
    assert seen[-1] == 2


def test_recurrent_layers_and_losses_of_logits():
    def make():
        return compiled(recurrent(), kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True))

    x, y = data(40, (5, 6))
    assert_alike(trained(make, TWO, x, y)[0], trained(make, ONE, x, y)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": np.linspace(0, 2, 40).astype("float32")},
        {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
        {"validation_split": 0.25},
        {"shuffle": False, "batch_size": 7},  # the last batch has five
        {"batch_size": 13},  # and here one, too few to be divided
    ],
    ids=lambda options: " ".join(options),
)
def test_options_of_fit(options):
    x, y = data()
    model, history = trained(dense, TWO, x, y, **options)
    plain, expected = trained(dense, ONE, x, y, **options)
    assert_alike(model, plain)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)


def test_regularizers_count_once():
    def make():
        layer = layers.Dense(3, "softmax", kernel_regularizer=kerasnp.regularizers.L2(0.1))
        return compiled(kerasnp.Sequential([kerasnp.Input((6,)), layer]))

    x, y = data()
    model, history = trained(make, TWO, x, y)
    plain, expected = trained(make, ONE, x, y)
    assert_alike(model, plain)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: kerasnp.optimizers.Adam(0.01, clipnorm=0.5),
        lambda: kerasnp.optimizers.AdamW(0.01, gradient_accumulation_steps=2),
        lambda: kerasnp.optimizers.RMSprop(0.01, loss_scale_factor=8.0),
        lambda: kerasnp.optimizers.MultiOptimizer(
            kerasnp.optimizers.OptimizerMap(kerasnp.optimizers.SGD(0.1), {".*bias": kerasnp.optimizers.Adam(0.01)})
        ),
    ],
    ids=["clipped", "accumulating", "scaled", "several"],
)
def test_optimizers(optimizer):
    def make():
        return compiled(dense(), optimizer=optimizer())

    x, y = data()
    assert_alike(trained(make, TWO, x, y)[0], trained(make, ONE, x, y)[0], atol=2e-5)


def test_several_inputs_and_batches_of_a_generator():
    def make():
        a, b = kerasnp.Input((6,), name="a"), kerasnp.Input((6,), name="b")
        return compiled(kerasnp.Model({"a": a, "b": b}, layers.Dense(3, "softmax")(layers.Concatenate()([a, b]))))

    x, y = data(4000)

    def batches():
        for size in (8, 4000, 5):  # the second is larger than what was made room for
            yield {"a": x[:size], "b": x[::-1][:size]}, y[:size]

    results = []
    for distribution in (TWO, ONE):
        kerasnp.utils.set_random_seed(1)
        model = make()
        with distribution.scope():
            model.fit(batches(), epochs=1, verbose=0)
        results.append(model)
    assert_alike(*results)


def test_the_bits_depend_on_the_number_of_devices_alone():
    x, y = data(64, (8, 8, 2))
    models = []
    for threads in (1, 2, 4):
        before = kerasnp.config.get_num_threads()
        kerasnp.config.set_num_threads(threads)
        try:
            models.append(trained(convolutional, TWO, x, y)[0])
        finally:
            kerasnp.config.set_num_threads(before)
    for other in models[1:]:
        for a, b in zip(models[0].weights, other.weights):
            assert np.array_equal(a.numpy(), b.numpy())


def test_each_part_draws_its_own_numbers():
    """Of 64 equal samples a Dropout keeps others in one half of the batch than in the other."""
    seen = []

    class Keeping(kerasnp.metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            seen.append(np.array(y_pred))

        def result(self):
            return 0.0

    model = kerasnp.Sequential([kerasnp.Input((32,)), layers.Dropout(0.5), layers.Dense(32, kernel_initializer="identity")])
    compiled(model, "mse", kerasnp.optimizers.SGD(0.0), metrics=[Keeping()])
    with TWO.scope():
        model.fit(np.ones((64, 32), "float32"), np.ones((64, 32), "float32"), batch_size=64, epochs=2, verbose=0)
    for y_pred in seen:
        kept = y_pred > 0
        assert 0.4 < kept.mean() < 0.6
        assert 0.4 < (kept[:32] == kept[32:]).mean() < 0.6
    assert 0.4 < ((seen[0] > 0) == (seen[1] > 0)).mean() < 0.6


def test_callbacks_change_what_the_other_processes_took_over():
    class Meddling(kerasnp.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            first, second = self.model.layers[:2]
            if epoch == 1:
                first.set_weights([w * 0.5 for w in first.get_weights()])  # in place
                second.kernel.value = second.kernel.numpy() * 2  # another array
            if epoch == 2:
                first.trainable = False
            if epoch == 3:
                self.model.optimizer.learning_rate = 0.01

    x, y = data()
    options = {"epochs": 5, "callbacks": [Meddling()]}
    assert_alike(trained(dense, TWO, x, y, **options)[0], trained(dense, ONE, x, y, **options)[0])


def test_frozen_weights_and_statistics_that_a_callback_sets():
    def make():
        frozen = layers.Dense(6, trainable=False), layers.BatchNormalization(trainable=False)
        model = kerasnp.Sequential([kerasnp.Input((6,)), *frozen, layers.Dense(3, "softmax")])
        return compiled(model)

    class Setting(kerasnp.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            hidden, norm = self.model.layers[:2]
            hidden.kernel.assign(hidden.kernel.numpy() + epoch)
            norm.moving_mean.assign(norm.moving_mean.numpy() + epoch)

    x, y = data()
    options = {"epochs": 3, "callbacks": [Setting()]}
    assert_alike(trained(make, TWO, x, y, **options)[0], trained(make, ONE, x, y, **options)[0])


def test_a_state_that_a_forward_pass_reads_and_changes():
    """Each part of a batch sees it as it was before the step, and the first process keeps what it makes of it."""

    class Drifting(layers.Layer):
        def build(self, input_shape):
            self.offset = self.add_weight((), "zeros", trainable=False)

        def call(self, x, training=None):
            y = x + self.offset
            if training:
                self.offset.assign_add(1.0)
            return y

    def make():
        return compiled(kerasnp.Sequential([kerasnp.Input((6,)), Drifting(), layers.Dense(3, "softmax")]))

    x, y = data()
    model, _ = trained(make, TWO, x, y, epochs=4)
    assert_alike(model, trained(make, ONE, x, y, epochs=4)[0])
    assert model.layers[0].offset.numpy() == 12


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    def make():
        model = kerasnp.Sequential([kerasnp.Input((6,)), layers.Dropout(0.5), layers.Dense(3, "softmax")])
        return compiled(model)

    class Stop(kerasnp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise InterruptedError

    x, y = data()
    whole, _ = trained(make, TWO, x, y, epochs=4)
    backup = kerasnp.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(InterruptedError):
        trained(make, TWO, x, y, epochs=4, callbacks=[backup, Stop()])
    resumed, _ = trained(make, TWO, x, y, epochs=4, callbacks=[backup])
    for a, b in zip(whole.weights, resumed.weights):
        assert np.array_equal(a.numpy(), b.numpy())


def test_afterwards_nothing_is_left_of_the_processes():
    x, y = data()
    children = []

    class Watching(kerasnp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            children.extend(self.model._division._group.children)

    gc.collect()  # so that no file of an earlier test is closed meanwhile
    open_files = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    model, _ = trained(Subclassed, TWO, x, y, epochs=1, callbacks=[Watching()])
    assert len(children) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)
    if open_files:
        assert len(os.listdir("/proc/self/fd")) == open_files
    before = model.get_weights()
    child = os.fork()
    if not child:
        for w in model.weights:
            w.assign(w.numpy() + 1)
        os._exit(0)
    os.waitpid(child, 0)
    for a, b in zip(model.get_weights(), before):
        assert np.array_equal(a, b)  # not in memory that two processes see


def test_a_process_that_ends_is_told_of():
    x, y = data()

    class Murder(kerasnp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            os.kill(self.model._division._group.children[0], 9)

    with pytest.raises(RuntimeError, match="one of the processes has ended, perhaps for want of memory"):
        trained(dense, TWO, x, y, callbacks=[Murder()])


def test_what_a_killed_process_left_half_written_is_not_read():
    x, y = data()

    class Murder(kerasnp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            division = self.model._division
            os.kill(division._group.children[0], 9)
            division._outboxes[1][16:4096] = 255

    with pytest.raises(RuntimeError, match="one of the processes has ended, perhaps for want of memory"):
        trained(dense, TWO, x, y, callbacks=[Murder()])


@pytest.mark.parametrize("everywhere", [True, False])
def test_an_error_in_a_part_of_the_batch_leaves_the_weights(everywhere):
    class Picky(layers.Layer):
        def call(self, x, training=None):
            if training and (everywhere or float(kerasnp.ops.max(x)) > 50):
                raise ArithmeticError("too large")
            return x

    x, y = data()
    x[-1] = 100  # in the second half of the last batch
    model = kerasnp.Sequential([Picky(), layers.Dense(3, "softmax")])
    compiled(model)
    model.build((None, 6))
    before = model.get_weights()
    with TWO.scope(), pytest.raises(ArithmeticError if everywhere else RuntimeError, match="too large"):
        model.fit(x, y, batch_size=40, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), before):
        assert np.array_equal(a, b)


def masked():
    return kerasnp.Sequential([kerasnp.Input((6,)), layers.Embedding(9, 4, mask_zero=True), layers.Dense(3, "softmax")])


class OwnLoss(kerasnp.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return kerasnp.ops.sum(y_pred)


REFUSED = {
    "compute_loss may be anything": lambda: compiled(OwnLoss([kerasnp.Input((6,)), layers.Dense(3)])),
    "its loss has reduction='sum'": lambda: compiled(dense(), kerasnp.losses.SparseCategoricalCrossentropy(reduction="sum")),
    "has renorm=True": lambda: compiled(
        kerasnp.Sequential([kerasnp.Input((6,)), layers.BatchNormalization(renorm=True), layers.Dense(3, "softmax")])
    ),
    "layer 'noisy' adds a loss of its own": lambda: compiled(
        kerasnp.Sequential([kerasnp.Input((6,)), layers.Dense(3, "softmax", activity_regularizer="l2", name="noisy")])
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_models_that_cannot_be_divided_are_refused_before_anything_changes(words):
    x, y = data()
    model = REFUSED[words]()
    before = model.get_weights()
    with TWO.scope(), pytest.raises(ValueError, match=words) as caught:
        model.fit(x, y, verbose=0)
    assert "set_distribution(None)" in str(caught.value)
    for a, b in zip(model.get_weights(), before):
        assert np.array_equal(a, b)


def test_masks_that_reach_the_loss_or_a_batch_norm_are_refused():
    x, y = np.random.default_rng(0).integers(0, 9, (40, 6)), np.zeros((40, 6), int)
    with TWO.scope(), pytest.raises(ValueError, match="the outputs carry a mask"):
        compiled(masked()).fit(x, y, verbose=0)
    model = masked()
    model.add(layers.BatchNormalization())
    with TWO.scope(), pytest.raises((ValueError, RuntimeError), match="a batch with a mask cannot be divided"):
        compiled(model).fit(x, y, verbose=0)


def test_a_mask_that_ends_in_a_recurrent_layer_is_none_of_its_business():
    def make():
        embedding = layers.Embedding(9, 4, mask_zero=True)
        return compiled(kerasnp.Sequential([kerasnp.Input((6,)), embedding, layers.GRU(4), layers.Dense(3, "softmax")]))

    x, y = np.random.default_rng(0).integers(0, 9, (40, 6)), data()[1]
    assert_alike(trained(make, TWO, x, y)[0], trained(make, ONE, x, y)[0])


def test_a_layer_that_the_optimizer_does_not_know():
    x, y = data()
    model = dense()
    model.layers[0].trainable = False
    compiled(model)
    with TWO.scope():
        model.fit(x, y, verbose=0)
        model.layers[0].trainable = True  # without another compile
        with pytest.raises(ValueError, match="Unknown variable"):
            model.fit(x, y, verbose=0)


def test_several_losses_are_refused():
    a = kerasnp.Input((6,))
    model = kerasnp.Model(a, [layers.Dense(1)(a), layers.Dense(1)(a)])
    model.compile("sgd", ["mse", "mse"])
    x, _ = data()
    with TWO.scope(), pytest.raises(ValueError, match="it has several losses"):
        model.fit(x, [x[:, :1], x[:, :1]], verbose=0)


def test_ctrl_c_ends_the_step_and_the_processes():
    script = """
        import os, signal
        import numpy as np
        import kerasnp
        model = kerasnp.Sequential([kerasnp.Input((8,)), kerasnp.layers.Dense(4), kerasnp.layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.ones((64, 8), "float32")
        class Interrupting(kerasnp.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if batch == 3:
                    self.children = list(self.model._division._group.children)
                    os.killpg(0, signal.SIGINT)  # as a terminal does: to all of them
        watch = Interrupting()
        kerasnp.distribution.set_distribution(kerasnp.distribution.DataParallel(devices=["cpu:0", "cpu:1"]))
        try:
            model.fit(x, x[:, :1], batch_size=8, epochs=100, verbose=0, callbacks=[watch])
        except KeyboardInterrupt as error:
            print("interrupted:", error)
        for child in watch.children:
            try:
                os.kill(child, 0)
                print("a child lives")
            except ProcessLookupError:
                pass
        print(np.isfinite(model.predict(x, verbose=0)).all())
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, start_new_session=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert re.search(r"interrupted: fit was interrupted after step \d of epoch \d", run.stdout)
    assert "a child lives" not in run.stdout
    assert run.stdout.strip().endswith("True")


def test_the_other_processes_end_with_the_first():
    script = """
        import os, signal
        import numpy as np
        import kerasnp
        model = kerasnp.Sequential([kerasnp.Input((8,)), kerasnp.layers.Dense(1)])
        model.compile("sgd", "mse")
        class Dying(kerasnp.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                print(self.model._division._group.children[0], flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        kerasnp.distribution.set_distribution(kerasnp.distribution.DataParallel(devices=["cpu:0", "cpu:1"]))
        model.fit(np.ones((64, 8), "float32"), np.ones((64, 1), "float32"), verbose=0, callbacks=[Dying()])
    """
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert int(run.stdout.readline()) > 0
    assert run.communicate(timeout=60)[0] == ""  # which comes when nobody holds the pipe any more
    assert run.returncode == -9


def test_a_fit_within_a_fit():
    x, y = data()

    class Inner(kerasnp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.fit(x[:16], y[:16], epochs=1, batch_size=8, verbose=0)

    assert_alike(trained(dense, TWO, x, y, callbacks=[Inner()])[0], trained(dense, ONE, x, y, callbacks=[Inner()])[0])


def test_training_on_single_batches_stays_in_one_process():
    x, y = data()
    models = []
    for distribution in (TWO, ONE):
        kerasnp.utils.set_random_seed(1)
        model = compiled(dense())
        with distribution.scope():
            model.train_on_batch(x, y)
        models.append(model)
    for a, b in zip(*[m.weights for m in models]):
        assert np.array_equal(a.numpy(), b.numpy())


def test_a_model_that_changes_with_every_step_is_told_of_and_trained():
    class Counting(layers.Layer):
        calls = 0

        def call(self, x):
            self.calls += 1
            return x

    def make():
        return compiled(kerasnp.Sequential([kerasnp.Input((6,)), Counting(), layers.Dense(3, "softmax")]))

    x, y = data()
    with pytest.warns(UserWarning, match="changes with every step"):
        model, _ = trained(make, TWO, x, y, epochs=3)
    assert_alike(model, trained(make, ONE, x, y, epochs=3)[0])


def test_processes_are_made_once(monkeypatch):
    """Whatever is no change: other shapes, epochs, validation."""
    from kerasnp.backend.group import Group

    forks = []
    monkeypatch.setattr(Group, "fork", lambda self, work, fork=Group.fork: (forks.append(1), fork(self, work)))
    for make, shape in CASES.values():
        x, y = data(43, shape)
        trained(make, TWO, x, y, epochs=3, validation_split=0.2)
    assert len(forks) == len(CASES)


def test_no_warning_of_the_fork():
    x, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(dense, TWO, x, y)


@pytest.mark.parametrize("devices", [[], ["gpu:0"], ["cpu:0", "cpu:0"], [0, 1], ["cpu"]])
def test_devices_that_are_none(devices):
    with pytest.raises(ValueError, match="DataParallel: .*device"):
        kerasnp.distribution.DataParallel(devices=devices)


def test_the_distribution_is_set_and_put_back():
    distribution = kerasnp.distribution
    assert distribution.distribution() is None
    with TWO.scope():
        assert distribution.distribution() is TWO
        with pytest.raises(ValueError, match="expected a DataParallel"):
            distribution.set_distribution("cpu:0")
        assert distribution.distribution() is TWO
    assert distribution.distribution() is None
    assert distribution.list_devices("gpu") == []
    assert len(distribution.DataParallel().devices) == kerasnp.config.get_num_threads()
