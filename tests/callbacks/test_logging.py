"""CSVLogger, SwapEMAWeights and the refused RemoteMonitor."""

import csv

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import CSVLogger, LambdaCallback, ModelCheckpoint, RemoteMonitor, SwapEMAWeights

X, Y = np.linspace(-1, 1, 16, dtype="float32").reshape(8, 2), np.ones((8, 1), "float32")


def compiled(**kwargs):
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **kwargs})
    return model


def rows(path, **kwargs):
    with open(path, newline="") as file:
        return list(csv.reader(file, **kwargs))


def test_a_line_per_epoch(tmp_path):
    path = tmp_path / "new" / "log.csv"
    history = compiled().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[CSVLogger(path)])
    header, *lines = rows(path)
    assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [[float(v) for v in line] for line in lines] == [
        [i, *(history.history[name][i] for name in header[1:])] for i in range(2)
    ]


def test_each_line_is_on_disk_when_its_epoch_ends(tmp_path):
    path, lengths = tmp_path / "log.csv", []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: lengths.append(len(rows(path))))
    compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[CSVLogger(path), watch])
    assert lengths == [2, 3, 4]


def test_validation_that_comes_later_has_its_columns(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, separator=";")
    compiled().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), validation_freq=2, callbacks=[logger])
    header, first, second = rows(path, delimiter=";")
    assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert first[3:] == ["NA", "NA"] and float(second[3]) > 0


def test_a_table_is_continued_or_begun_again(tmp_path):
    path = tmp_path / "log.csv"
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path)])
    compiled().fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[CSVLogger(path, append=True)])
    assert [line[0] for line in rows(path)] == ["epoch", "0", "1", "2"]
    compiled().fit(X, Y, epochs=1, verbose=0, callbacks=[CSVLogger(path)])
    assert [line[0] for line in rows(path)] == ["epoch", "0"]


def test_a_continued_table_keeps_its_columns(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,mae,loss\n0,1,2\n")
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=[1, 2]))
    with pytest.warns(UserWarning, match="has no column for extra"):
        history = compiled().fit(X, Y, verbose=0, callbacks=[add, CSVLogger(path, append=True)])
    assert rows(path)[2] == ["0", str(history.history["mae"][0]), str(history.history["loss"][0])]


def test_a_list_stands_in_one_cell(tmp_path):
    path = tmp_path / "log.csv"
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=[1, 2]))
    compiled().fit(X, Y, verbose=0, callbacks=[add, CSVLogger(path)])
    assert rows(path)[1][1] == "[1, 2]"


def test_a_path_that_cannot_be_written_fails_before_the_first_epoch(tmp_path):
    (tmp_path / "log.csv").mkdir()
    model = compiled()
    with pytest.raises(OSError):
        model.fit(X, Y, verbose=0, callbacks=[CSVLogger(tmp_path / "log.csv")])
    assert model.history.epoch == []


def test_the_file_is_closed_when_training_breaks(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    with pytest.raises(ZeroDivisionError):
        compiled().fit(X, Y, verbose=0, callbacks=[logger, LambdaCallback(on_epoch_end=lambda epoch, logs: 1 / 0)])
    assert logger.csv_file is None and len(rows(tmp_path / "log.csv")) == 2


def test_remote_monitor_is_refused_with_a_way_out():
    with pytest.raises(NotImplementedError, match="RemoteMonitor is not supported: .* LambdaCallback"):
        RemoteMonitor()


# -- SwapEMAWeights ---------------------------------------------------------------------------------------------------


def averaged():
    kerasnp.utils.set_random_seed(3)
    return compiled(optimizer=kerasnp.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))


def run(model, callbacks, epochs=3):
    data = {"validation_data": (X, Y), "shuffle": False, "verbose": 0, "batch_size": 4}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **data)


def averages_of(model):
    return [v.numpy() for v in model.optimizer._slots["average"]]


@pytest.mark.parametrize("on_epoch", [False, True])
def test_validation_sees_the_averages_and_training_does_not(on_epoch):
    plain, swapped, seen = averaged(), averaged(), []
    run(plain, [LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(averages_of(plain)))])
    history = run(swapped, [SwapEMAWeights(swap_on_epoch=on_epoch)])
    assert all((a == b).all() for a, b in zip(plain.get_weights(), swapped.get_weights()))
    judge = averaged()
    for average, loss in zip(seen, history.history["val_loss"]):
        judge.set_weights(average)
        assert judge.evaluate(X, Y, batch_size=4, verbose=0, return_dict=True)["loss"] == loss


def test_a_checkpoint_after_it_keeps_the_averages(tmp_path):
    model, seen = averaged(), []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(averages_of(model)))
    save = ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    run(model, [keep, SwapEMAWeights(swap_on_epoch=True), save])
    for epoch in range(3):
        other = averaged()
        other.load_weights(tmp_path / f"{epoch + 1}.weights.h5")
        assert all((a == b).all() for a, b in zip(other.get_weights(), seen[epoch]))


def test_training_ends_with_the_averages_even_when_it_stops_early():
    model = averaged()
    callbacks = [SwapEMAWeights(swap_on_epoch=True), kerasnp.callbacks.EarlyStopping(patience=1, min_delta=9)]
    run(model, callbacks, epochs=9)
    assert model.history.epoch == [0, 1]
    assert all((a == b).all() for a, b in zip(model.get_weights(), averages_of(model)))


def test_an_interrupted_run_keeps_its_own_weights():
    model, own = averaged(), []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: own.append(model.get_weights()))
    cut = LambdaCallback(on_epoch_end=lambda epoch, logs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(model, [keep, SwapEMAWeights(swap_on_epoch=True), cut])
    assert all((a == b).all() for a, b in zip(model.get_weights(), own[0]))


def test_an_optimizer_without_averages_is_refused():
    with pytest.raises(ValueError, match="SwapEMAWeights must be used when `use_ema=True` is set"):
        run(compiled(), [SwapEMAWeights()])


def test_lambda_callback_keeps_attributes_of_its_user_and_refuses_misspelt_hooks():
    assert LambdaCallback(helper=len).helper is len
    with pytest.raises(ValueError, match="Received: on_epoc_end="):
        LambdaCallback(on_epoc_end=len)
