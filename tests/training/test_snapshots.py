"""What a training keeps of its weights while it runs, and that it trains as if it kept nothing."""

import errno
import signal
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.data.sampling import subset
from cnnzoo.evaluation import predict_probabilities
from cnnzoo.runs.folder import CHECKPOINT
from cnnzoo.training import Recipe, fit, load_run, resume, train
from cnnzoo.training import _loop as loop
from cnnzoo.training._snapshots import is_due
from cnnzoo.training._training_copy import plain_weights

# 70 steps an epoch, in calls of 32, 32 and 6 steps
OPTIONS = {"epochs": 3, "batch_size": 4, "limit": 280, "augment": "shift"}
STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 210]


@pytest.fixture(scope="module")
def small(digits):
    """200 digits to train on, 100 to test on."""
    return tuple(subset(split, size) for split, size in zip(digits, (200, 100), strict=True))


@pytest.fixture(scope="module")
def kept(trained_once):
    return trained_once("snapshots/lenet5", "lenet5", snapshots=True, **OPTIONS)


def steps(run):
    return [snapshot.step for snapshot in run.snapshots]


def contents(run):
    return {path.name: path.read_bytes() for path in Path(run, "snapshots").iterdir()}


def same(first, second):
    assert first.history == second.history
    assert all(map(np.array_equal, first.model.get_weights(), second.model.get_weights()))


def stop_after(epochs):
    """Return a callback that interrupts the training after so many epochs."""
    callback = keras.callbacks.Callback()
    callback.on_epoch_end = lambda epoch, logs=None: epoch + 1 == epochs and signal.raise_signal(signal.SIGINT)
    return callback


def test_the_steps_are_few_and_each_is_the_double_of_the_one_before(kept):
    assert steps(kept) == STEPS
    assert [snapshot.epoch for snapshot in kept.snapshots] == [step / 70 for step in STEPS]
    assert sum(map(is_due, range(1_000_000))) == 21


@pytest.mark.slow
def test_training_is_the_same_with_and_without(kept, tmp_path):
    seen = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, logs))

    plain = train("lenet5", out=tmp_path / "plain", callbacks=Note(), progress=False, **OPTIONS)
    without, seen = seen, []
    again = train("lenet5", out=tmp_path / "again", callbacks=Note(), snapshots=True, progress=False, **OPTIONS)
    same(plain, again)
    same(load_run(plain.path), kept)
    assert seen == without
    assert [batch for batch, _ in seen] == [31, 63, 95] * 3
    assert plain.snapshots == ()
    assert not (tmp_path / "plain" / "snapshots").exists()
    assert contents(again.path) == contents(kept.path)


@pytest.mark.slow
def test_training_with_weights_of_classes_is_the_same(tmp_path):
    """Batches have a third part then."""
    options = {**OPTIONS, "class_weight": "balanced", "progress": False}
    plain, with_them = (train("lenet5", out=tmp_path / str(kept), snapshots=kept, **options) for kept in (False, True))
    same(plain, with_them)
    assert steps(with_them) == STEPS


@pytest.mark.slow
def test_no_step_is_compiled_for_them(kept, tmp_path, monkeypatch):
    traced, own = [], keras.Model.train_step

    def train_step(self, data):
        traced.append(self)
        return own(self, data)

    monkeypatch.setattr(keras.Model, "train_step", train_step)
    train("lenet5", out=tmp_path / "run", snapshots=True, progress=False, **OPTIONS)
    assert len(traced) == 1


@pytest.mark.slow
def test_each_has_the_weights_after_its_step(kept, tmp_path, monkeypatch):
    """Compared with a training that runs each step by itself, whose sums differ in their last digits."""
    monkeypatch.setattr(loop, "MOST_STEPS", 1)
    weights = []

    class Note(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            weights.append(plain_weights(self.model))

        def on_train_batch_end(self, batch, logs=None):
            weights.append([np.array(array) for array in plain_weights(self.model)])

    train("lenet5", out=tmp_path / "run", callbacks=Note(), progress=False, **OPTIONS)
    assert len(weights) == STEPS[-1] + 1
    for snapshot in kept.snapshots[:7]:  # the differences grow
        for array, expected in zip(snapshot.read(kept.model), weights[snapshot.step], strict=True):
            np.testing.assert_allclose(array, expected, atol=1e-3 * np.abs(expected).max() + 1e-4)
        if snapshot.step:  # not those of a step beside it
            others = weights[snapshot.step - 1], weights[snapshot.step + 1]
            distances = [distance(snapshot.read(kept.model), each) for each in (weights[snapshot.step], *others)]
            assert distances[0] < 0.5 * min(distances[1:])


def distance(first, second):
    return sum(np.square(array - other).sum() for array, other in zip(first, second, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_last_is_the_trained_network(digits, tmp_path, precision):
    """Batch normalisation and normalised pixels are in it."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 5, 2), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    layers += [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers])
    small = [subset(split, 200) for split in digits]
    run = fit(
        model,
        *small,
        recipe=Recipe(epochs=2, batch_size=20, precision=precision),
        out=tmp_path / "run",
        progress=False,
        snapshots=True,
    )
    loaded = load_run(run.path)
    assert steps(loaded) == [0, 1, 2, 4, 8, 16, 20]
    expected = predict_probabilities(run.model, small[1].images)
    for network in (run.model, loaded.model):  # Keras names the weights of the two differently
        weights = run.snapshots[-1].read(network)
        for array, own in zip(weights, run.model.get_weights(), strict=True):
            np.testing.assert_allclose(array, own, atol=0 if own.ndim == 1 else np.abs(own).max() / 2048)
        network.set_weights(weights)
        np.testing.assert_allclose(predict_probabilities(network, small[1].images), expected, atol=2e-3)
    assert np.abs(run.snapshots[0].read(model)[4]).max() == 0  # the moving mean, before the first step


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 2, 3])  # of the second epoch; the third ends it
def test_a_resumed_run_has_those_of_one_that_was_never_interrupted(kept, tmp_path, calls):
    out = tmp_path / "run"

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.left = calls if epoch == 1 else 0

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if not self.left:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="which is saved"):
        train("lenet5", out=out, snapshots=True, callbacks=Stop(), progress=False, **OPTIONS)
    before = {path: path.stat().st_mtime_ns for path in (out / "snapshots").iterdir()}
    assert len(before) == len([step for step in STEPS if step <= 70 + min(32 * calls, 70)])
    resumed = resume(out, progress=False)
    same(resumed, kept)
    assert steps(resumed) == STEPS
    assert contents(out) == contents(kept.path)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_a_run_that_was_killed_does_not_rewrite_what_it_has(kept, tmp_path):
    """Killed after the snapshot of step 128, which the checkpoint before does not know."""
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train("lenet5", out=out, snapshots=True, callbacks=stop_after(1), progress=False, **OPTIONS)
    later = out / "snapshots" / "00000128.npz"
    later.write_bytes((kept.path / "snapshots" / later.name).read_bytes())
    (out / "snapshots" / ".partial-00000210.npz").write_bytes(b"half")
    written = later.stat().st_mtime_ns
    assert steps(resume(out, progress=False)) == STEPS
    assert later.stat().st_mtime_ns == written
    assert contents(out) == contents(kept.path)


@pytest.mark.slow
def test_whether_they_are_kept_is_recorded_and_stays(kept, tmp_path):
    assert kept.record.snapshots
    assert kept.record.command[-1] == "--snapshots"
    for asked in (True, False):
        out = tmp_path / str(asked)
        with pytest.raises(KeyboardInterrupt):
            train("lenet5", out=out, snapshots=asked, callbacks=stop_after(1), progress=False, **OPTIONS)
        message = f"it began with snapshots={asked}. Received: snapshots={not asked}"
        with pytest.raises(ValueError, match=message):
            resume(out, snapshots=not asked)
        data = cnnzoo.data.load_dataset("digits")
        data = replace(data, train=subset(data.train, OPTIONS["limit"], seed=0), image_size=(32, 32))
        recipe = kept.record.recipe
        with pytest.raises(ValueError, match="A resumed run keeps its settings"):
            fit(cnnzoo.models.lenet5(), data, recipe=recipe, out=out, resume=True, snapshots=not asked)


@pytest.mark.slow
def test_with_patience_the_best_epoch_is_kept_and_the_last(small, tmp_path):
    keras.utils.set_random_seed(0)
    recipe = Recipe(epochs=20, batch_size=20, learning_rate=0.05, schedule="constant", patience=2)
    run = fit(cnnzoo.models.lenet5(), *small, recipe=recipe, out=tmp_path / "run", progress=False, snapshots=True)
    best, last = 9 * run.record.weights_of_epoch, 9 * len(run.history["loss"])
    assert best < last
    assert {best, last} <= set(steps(run))
    assert max(steps(run)) == last
    for snapshot in run.snapshots:
        if snapshot.step in (best, last):
            arrays = snapshot.read(run.model)
            is_own = all(
                np.allclose(array, own, atol=1e-3 * np.abs(own).max() + 1e-9)
                for array, own in zip(arrays, run.model.get_weights(), strict=True)
            )
            assert is_own == (snapshot.step == best)


@pytest.mark.slow
def test_weights_that_are_not_finite_are_not_kept(small, tmp_path):
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[-1].bias.assign(np.full(10, np.nan))

    out = tmp_path / "run"
    with pytest.raises(ArithmeticError):
        fit(
            cnnzoo.models.lenet5(),
            *small,
            recipe=Recipe(epochs=2, batch_size=20),
            out=out,
            progress=False,
            snapshots=True,
            callbacks=Spoil(),
        )
    run = load_run(out)
    assert steps(run) == [0, 1, 2, 4, 8, 10]
    assert all(np.isfinite(array).all() for snapshot in run.snapshots for array in snapshot.read(run.model))


@pytest.mark.slow
@pytest.mark.parametrize(("step", "epochs"), [(8, 0), (16, 1)])
def test_a_full_disk_says_so_and_leaves_the_checkpoint(small, tmp_path, monkeypatch, step, epochs):
    def start(**options):
        keras.utils.set_random_seed(0)
        recipe = Recipe(epochs=2, batch_size=20)
        return fit(cnnzoo.models.lenet5(), *small, recipe=recipe, progress=False, **options)

    out, own = tmp_path / "run", np.savez

    def savez(file, **arrays):
        if f"{step:08}" in file.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        own(file, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    name = rf"snapshots/{step:08}\.npz' cannot be written \(No space left on device\)\. Make room\."
    then = "Resume it with the same call of `fit`" if epochs else "Nothing was saved yet: train again"
    with pytest.raises(OSError, match=f"{name} {then}"):
        start(out=out, snapshots=True)
    monkeypatch.undo()
    if not epochs:
        assert not out.exists()
        return
    assert sorted(path.name for path in out.iterdir()) == [CHECKPOINT, "run.json", "snapshots"]
    assert len(contents(out)) == 5
    resumed = start(out=out, resume=True, snapshots=True)
    same(resumed, start())
    assert steps(resumed) == [0, 1, 2, 4, 8, 16, 20]


def test_they_need_a_run_folder(small):
    with pytest.raises(ValueError, match="`snapshots` needs `out`: they lie in the run folder"):
        fit(cnnzoo.models.lenet5(), *small, snapshots=True)
    with pytest.raises(ValueError, match=r"`snapshots` must be True or False\. Received: snapshots='all'"):
        train("lenet5", snapshots="all")
