"""What a training keeps when it is stopped, killed, or runs out of disk, and how it goes on."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.data.sampling import subset
from cnnzoo.runs.folder import CHECKPOINT, STOPPED, RunFolder
from cnnzoo.training import Recipe, fit, load_run, resume, train
from cnnzoo.training._state import Position, put, read_checkpoint, take, write_checkpoint

MANY_STEPS = Recipe(epochs=3, batch_size=2, learning_rate=1e-3)  # 100 an epoch: several calls of the backend


@pytest.fixture(scope="module")
def small(digits):
    """200 digits to train on, 100 to test on."""
    return tuple(subset(split, size) for split, size in zip(digits, (200, 100), strict=True))


def network():
    """A small network with dropout, whose seeds must go on as well."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            keras.layers.AveragePooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def uninterrupted(small):
    return fit(network(), *small, recipe=MANY_STEPS, progress=False)


def same(first, second):
    assert first.history == second.history
    assert all(map(np.array_equal, first.model.get_weights(), second.model.get_weights()))


class SignalAt(keras.callbacks.Callback):
    """Sends a signal to this process at the end of a call of the backend within the second epoch."""

    def __init__(self, number, calls):
        super().__init__()
        self.number, self.calls = number, calls

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.seen = epoch, 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if (self.epoch, self.seen) == (1, self.calls):
            signal.raise_signal(self.number)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "calls"),
    [
        (signal.SIGINT, 1),
        (signal.SIGTERM, 2),
        (signal.SIGINT, 4),
    ],
)
def test_a_signal_finishes_the_step_saves_it_and_says_how_to_go_on(
    small, uninterrupted, tmp_path, capfd, number, calls
):
    out = tmp_path / "run"
    message = rf"which is saved\. Resume it with the same call of `fit` and `resume=True`; the run folder is '{out}'"
    with pytest.raises(KeyboardInterrupt, match=message):
        fit(network(), *small, recipe=MANY_STEPS, out=out, progress=False, callbacks=[SignalAt(number, calls)])
    within = [] if calls == 4 else [STOPPED]  # with the fourth call, the epoch is whole
    assert sorted(path.name for path in out.iterdir()) == [CHECKPOINT, "run.json", *within]
    position, _ = read_checkpoint(out / (within or [CHECKPOINT])[0])
    assert (position.epoch, position.step) == {1: (1, 32), 2: (1, 64), 4: (2, 0)}[calls]
    with pytest.raises(FileNotFoundError, match=r"is not finished\. Resume it with the same call of `fit`"):
        load_run(out)
    with pytest.raises(FileExistsError, match=r"It holds an unfinished run\. Resume it with the same call of `fit`"):
        fit(network(), *small, recipe=MANY_STEPS, out=out, progress=False)
    resumed = fit(network(), *small, recipe=MANY_STEPS, out=out, resume=True)
    said = capfd.readouterr()
    assert f"run folder: {out}\nresuming after {position}\n" in said.out
    assert "Stopping after the step under way" in said.err
    same(resumed, uninterrupted)
    assert load_run(out).history == resumed.history
    assert not {CHECKPOINT, STOPPED} & {path.name for path in out.iterdir()}
    (taken_up,) = resumed.record.resumed
    assert resumed.record.created <= taken_up.created


@pytest.mark.slow
def test_a_run_that_diverges_after_a_stop_has_the_weights_of_the_last_whole_epoch(small, tmp_path):
    out, whole = tmp_path / "run", []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            whole.append(self.model.get_weights())

    class Spoil(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.layers[-1].bias.assign(np.full(10, np.nan))

    callbacks = [Note(), SignalAt(signal.SIGINT, 1)]
    with pytest.raises(KeyboardInterrupt):
        fit(network(), *small, recipe=MANY_STEPS, out=out, progress=False, callbacks=callbacks)
    with pytest.raises(
        ArithmeticError, match=r"stopped being finite at one of the steps 33 to 64 of epoch 2"
    ) as caught:
        fit(network(), *small, recipe=MANY_STEPS, out=out, resume=True, progress=False, callbacks=[Spoil()])
    assert all(map(np.array_equal, caught.value.run.model.get_weights(), whole[0]))


def test_a_second_signal_stops_at_once(small, tmp_path):
    class Twice(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(network(), *small, recipe=MANY_STEPS, out=tmp_path / "run", progress=False, callbacks=[Twice()])
    assert "saved" not in str(caught.value)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_patience_goes_on_counting(small, tmp_path):
    recipe = Recipe(epochs=14, batch_size=20, learning_rate=0.05, schedule="constant", patience=2)

    class StopAfterWorse(keras.callbacks.Callback):
        """Stops after the first of two epochs that are worse than the sixth."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 6:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(network(), *small, recipe=recipe, out=tmp_path / "run", progress=False, callbacks=[StopAfterWorse()])
    resumed = fit(network(), *small, recipe=recipe, out=tmp_path / "run", resume=True, progress=False)
    assert len(resumed.history["loss"]) == 8
    same(resumed, fit(network(), *small, recipe=recipe, progress=False))


EPOCHS = 24
OPTIONS = {"epochs": EPOCHS, "limit": 200, "batch_size": 50, "augment": "shift"}


def _train_or_resume(out):
    if Path(out, "run.json").exists():
        resume(out, progress=False)
    else:
        train("lenet5", out=out, progress=False, **OPTIONS)


@pytest.mark.slow
def test_a_run_killed_ten_times_ends_in_the_weights_of_one_that_never_was(tmp_path):
    """Killed at random moments, before the first checkpoint too, and taken up each time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "cnnzoo.training._train"])
    rng = np.random.default_rng(0)
    out, epochs = tmp_path / "run", [0]
    for further in rng.permutation([0, 0, 0, 0, 1, 1, 1, 2, 2, 3]):  # epochs; none: while it starts
        if out.is_dir() and not any(out.iterdir()):  # killed between two calls of the system
            out.rmdir()
        child = context.Process(target=_train_or_resume, args=(out,))
        child.start()
        while further and child.is_alive() and _epochs_kept(out) < epochs[-1] + further:
            time.sleep(0.01)
        child.join(rng.uniform(0, 0.1 if further else 1.5))
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        epochs.append(_epochs_kept(out))
    assert 10 <= epochs[-1] < EPOCHS
    assert epochs == sorted(epochs)
    same(resume(out, progress=False), train("lenet5", out=tmp_path / "whole", progress=False, **OPTIONS))


def _epochs_kept(out):
    return read_checkpoint(out / CHECKPOINT)[0].epoch if (out / CHECKPOINT).exists() else 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, with room for one checkpoint of LeNet-5 but not for two."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(mounted)]
    if os.name != "posix" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.slow
def test_a_full_disk_leaves_the_checkpoint_before(small, small_disk):
    recipe = Recipe(epochs=3, batch_size=50)

    def start(**options):
        keras.utils.set_random_seed(0)
        return fit(cnnzoo.models.lenet5(), *small, recipe=recipe, progress=False, **options)

    out = small_disk / "run"
    with pytest.raises(
        OSError, match=r"checkpoint\.npz' cannot be written \(No space left on device\)\. Make room\. Resume it with"
    ):
        start(out=out)
    assert read_checkpoint(out / CHECKPOINT)[0].epoch == 1
    assert sorted(path.name for path in out.iterdir()) == [CHECKPOINT, "run.json"]
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    same(start(out=out, resume=True), start())


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_any_more_leaves_the_checkpoint_before(small, tmp_path, monkeypatch):
    recipe, out = Recipe(epochs=3, batch_size=50), tmp_path / "run"

    class ReadOnly(keras.callbacks.Callback):
        """Takes the write permission, which root does not mind, so the rename fails as it would."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                monkeypatch.setattr(Path, "replace", _refused)

    with pytest.raises(OSError, match=r"cannot be written \(Read-only file system\)"):
        fit(network(), *small, recipe=recipe, out=out, progress=False, callbacks=[ReadOnly()])
    monkeypatch.undo()
    assert read_checkpoint(out / CHECKPOINT)[0].epoch == 1
    same(
        fit(network(), *small, recipe=recipe, out=out, resume=True, progress=False),
        fit(network(), *small, recipe=recipe, progress=False),
    )


def _refused(self, target):
    raise OSError(30, "Read-only file system")


def test_a_folder_that_is_being_written_is_refused_to_a_second(tmp_path):
    with RunFolder(tmp_path / "run"):
        with (
            pytest.raises(BlockingIOError, match="is being written by another process"),
            RunFolder(tmp_path / "run", resume=True),
        ):
            pytest.fail("entered")
        assert (tmp_path / "run").is_dir()


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "stopped"
    callback = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt, match="Stopped after epoch 1"):
        train("lenet5", epochs=2, limit=100, out=out, progress=False, callbacks=[callback])
    return out


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """A run of `train` that was interrupted after its first epoch."""
    return shutil.copytree(stopped_once, tmp_path / "stopped")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("epochs", 3, r"it began with epochs=2\. Received: epochs=3"),
        ("name", "vgg19", r"it began with name='lenet5'"),
        ("seed", 1, "it began with seed=0"),
        ("limit", 50, "it began with limit=100"),
        ("fraction", 0.5, r"it began with fraction=1\.0"),
        ("recipe", "paper", "it began with recipe=Recipe"),
        ("data", "mnist", r"it began with data='digits'\. Received: data='mnist'"),
        ("image_size", 64, r"it began with image_size=\(32, 32\)"),
        ("epoch", 3, "Unknown option 'epoch'"),
        ("out", "elsewhere", r"stays in its folder\. Received: out='elsewhere'"),
    ],
)
def test_changed_options_are_refused(stopped, option, value, message):
    before = (stopped / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match=message):
        resume(stopped, **{option: value})
    assert (stopped / CHECKPOINT).read_bytes() == before


@pytest.mark.slow
def test_the_same_options_are_taken(stopped):
    options = {"name": "lenet5", "epochs": 2, "limit": 100, "data": "digits", "seed": 0, "image_size": 32}
    assert len(resume(stopped, progress=False, **options).history["loss"]) == 2


def interrupt(epoch, logs):
    signal.raise_signal(signal.SIGINT)


def stop_and_move(tmp_path, parts=("",), **options):
    """Stop a run on a folder after its first epoch, and move the folder: the run, the folder, the run's options."""
    old, new, out = tmp_path / "photos", tmp_path / "elsewhere" / "images", tmp_path / "run"
    rng = np.random.default_rng(0)
    for part in parts:
        for name in ("cat", "dog"):
            (old / part / name / "more").mkdir(parents=True)
            for number in range(6):
                pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(old / part / name / ("more" if number > 3 else "") / f"{number}.png")
    (old / parts[0] / "dog").rename(tmp_path / "dogs")
    (old / parts[0] / "dog").symlink_to(tmp_path / "dogs")
    options |= {"epochs": 2, "batch_size": 4, "image_size": 32, "augment": "flip", "progress": False}
    callback = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        train("lenet5", data=old, out=out, callbacks=[callback], **options)
    new.parent.mkdir()
    old.rename(new)
    return out, new, options


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "options"), [(("",), {}), (("train", "val"), {"limit": 8, "patience": 2, "fraction": 0.9})]
)
def test_a_run_whose_images_have_moved_ends_in_the_same_weights(tmp_path, capsys, parts, options):
    run, new, options = stop_and_move(tmp_path, parts, **options)
    with pytest.raises(FileNotFoundError, match=r"photos' any more\. Say where they lie now: .* --data PATH`"):
        resume(run, progress=False)
    resumed = resume(run, data=new)
    assert capsys.readouterr().out.startswith("layout: ")
    whole = train("lenet5", data=new, out=tmp_path / "whole", **options)
    same(resumed, whole)
    record = load_run(run).record
    assert record.data == whole.record.data
    assert record.data.source.path == str(new)
    assert record.command[:5] == ("cnnzoo", "train", "lenet5", "--data", str(new))
    assert load_run(run).evaluate().accuracy == whole.metrics["test_accuracy"]


@pytest.mark.slow
def test_other_images_are_refused_and_the_run_is_left_as_it_was(tmp_path):
    run, new, _ = stop_and_move(tmp_path)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    image = new / "cat" / "2.png"
    whole, other = image.read_bytes(), image.with_name("22.png")

    def check():
        message = r"are not those that the run began with: names or sizes differ in '.*images'\. Give the folder"
        with pytest.raises(ValueError, match=message):
            resume(run, data=new, progress=False)
        assert {path.name: path.read_bytes() for path in run.iterdir()} == before

    image.write_bytes(whole + b"\0")
    check()
    image.write_bytes(whole)
    shutil.copy(image, other)
    check()
    image.unlink()
    check()


@pytest.mark.slow
def test_a_run_of_an_earlier_release_goes_on_where_the_labels_fit(tmp_path):
    run, new, options = stop_and_move(tmp_path)
    record = json.loads((run / "run.json").read_text())
    began_with = record["data"].pop("files")
    (run / "run.json").write_text(json.dumps(record))
    resumed = resume(run, data=new, progress=False)
    same(resumed, train("lenet5", data=new, out=tmp_path / "whole", **options))
    assert resumed.record.data.files == began_with


@pytest.mark.slow
def test_a_data_set_that_has_moved_is_told_by_its_path(tmp_path):
    archive, callback = tmp_path / "mnist.npz", keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    rng, labels = np.random.default_rng(0), np.arange(20, dtype=np.uint8) % 10
    images = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
    np.savez(archive, x_train=images, y_train=labels, x_test=images, y_test=labels)
    options = {"data": "mnist", "epochs": 2, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        train("lenet5", data_path=archive, out=tmp_path / "run", callbacks=[callback], **options)
    whole = train("lenet5", data_path=archive, **options, out=tmp_path / "whole")
    archive.rename(tmp_path / "moved.npz")
    with pytest.raises(FileNotFoundError, match=r"--data-path PATH`, in Python `resume\(\.\.\., data_path=\.\.\.\)`"):
        resume(tmp_path / "run")
    same(resume(tmp_path / "run", data_path=tmp_path / "moved.npz", progress=False), whole)


@pytest.mark.slow
def test_a_finished_run_is_not_resumed(run, small, tmp_path):
    with pytest.raises(ValueError, match=r"is finished: there is nothing to resume"):
        resume(run.path)
    recipe, out = Recipe(epochs=1, batch_size=50), tmp_path / "run"
    finished = fit(network(), *small, recipe=recipe, out=out, progress=False)
    with pytest.raises(ValueError, match=r"is finished: there is nothing to resume"):
        fit(network(), *small, recipe=recipe, out=out, resume=True, progress=False)
    same(load_run(out), finished)


@pytest.fixture(scope="module")
def stopped_fit_once(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "stopped_fit"
    with pytest.raises(KeyboardInterrupt):
        fit(network(), *small, recipe=MANY_STEPS, out=out, progress=False, callbacks=[SignalAt(signal.SIGINT, 1)])
    return out


@pytest.fixture
def stopped_fit(stopped_fit_once, tmp_path):
    """A run of `fit` that was interrupted in its second epoch."""
    return shutil.copytree(stopped_fit_once, tmp_path / "stopped_fit")


@pytest.mark.slow
def test_what_fit_began_is_not_for_resume(stopped_fit):
    """It cannot know the model and the images that the caller had."""
    with pytest.raises(ValueError, match=r"takes runs that `train` began\. Resume it with the same call of `fit`"):
        resume(stopped_fit)


def test_what_train_began_is_resumed_by_the_command_whoever_asks(small, stopped):
    command = rf"Resume it with `cnnzoo train --resume {stopped}`"
    with pytest.raises(FileNotFoundError, match=command):
        load_run(stopped)
    with pytest.raises(FileExistsError, match=command):
        fit(network(), *small, recipe=MANY_STEPS, out=stopped, progress=False)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no run folder"):
        resume(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"is not a run folder: it has no run\.json"):
        resume(tmp_path)


def test_a_damaged_checkpoint_is_named(stopped):
    whole = (stopped / CHECKPOINT).read_bytes()
    (stopped / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"checkpoint\.npz' is damaged"):
        resume(stopped, progress=False)


def test_fit_refuses_to_resume_with_another_recipe(small, stopped):
    with pytest.raises(ValueError, match="A resumed run keeps its settings"):
        fit(cnnzoo.models.lenet5(), *small, out=stopped, resume=True, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["layers", "labels", "precision", "devices"])
def test_what_decides_the_weights_must_be_the_same(small, stopped_fit, part):
    train_split, test_split = small
    model = network()
    if part == "layers":
        model.layers[3].rate = 0.25
    elif part == "labels":
        train_split = Split(train_split.images[::-1], train_split.labels[::-1])
    else:
        record = json.loads((stopped_fit / "run.json").read_text())
        was = record["computation"]["precision"]
        other = "float32" if was == "mixed_bfloat16" else "mixed_bfloat16"
        record["computation"][part] = {"precision": other, "devices": 4}[part]
        (stopped_fit / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"A resumed run keeps its settings: it began with {part}="):
        fit(model, train_split, test_split, recipe=MANY_STEPS, out=stopped_fit, resume=True, progress=False)


def test_another_keras_is_named_before_the_layers_that_it_describes_otherwise(stopped):
    record = json.loads((stopped / "run.json").read_text())
    record["versions"]["keras"], record["model"]["layers"] = "99.1.0", "other"
    (stopped / "run.json").write_text(json.dumps(record))
    message = rf"it began with keras='99\.1\.0'\. Received: keras='{keras.__version__}'"
    with pytest.raises(ValueError, match=message):
        resume(stopped, progress=False)


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.train_on_batch(np.random.rand(4, 32, 32, 1), np.arange(4))
    variables = [*model.variables, *model.optimizer.variables]
    position = Position().after_epoch({"loss": 0.1 + 0.2, "val_loss": 1.0}, seconds=1.5)
    write_checkpoint(tmp_path / "c.npz", position, take(variables))
    read, state = read_checkpoint(tmp_path / "c.npz")
    assert read == position
    assert all(map(np.array_equal, state, take(variables)))


def test_the_state_of_another_network_is_refused():
    first, second = network(), cnnzoo.models.lenet5()
    with pytest.raises(ValueError, match="other shapes or other types"):
        put(second.variables, take(first.variables))


@pytest.mark.slow
def test_seconds_add_up_over_interruptions(stopped):
    before = read_checkpoint(stopped / CHECKPOINT)[0].seconds
    start = time.perf_counter()
    seconds = resume(stopped, progress=False).metrics["train_seconds"]
    assert before < seconds < before + time.perf_counter() - start
