"""Training together: real processes that find each other on loopback."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.data.streaming import Shard, Start, steps_per_epoch, stream
from cnnzoo.runs.folder import CHECKPOINT, SNAPSHOTS, read_history
from cnnzoo.training import Team, TensorBoard, fit, join_team, train
from cnnzoo.training._distribution import current_team, is_lost_worker
from cnnzoo.training._state import read_checkpoint
from tests.compiled_quickly import COMPILED_QUICKLY

EPOCHS = 6
# The last batch has 5 images, of which 4 can be shared
WORDS = ["lenet5", "--limit", "205", "--batch-size", "40", "--precision", "float32"]


def environment():
    """This one, for JAX; gRPC would send even what is for this host to a proxy."""
    changes = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3", "no_proxy": "127.0.0.1"}
    kept = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return {**kept, **changes, **COMPILED_QUICKLY}


def start(index, processes, port, *words):
    pytest.importorskip("jax", reason="the extra cnnzoo[jax]")
    team = ["--distributed", "--addresses", f"127.0.0.1:{port}", "--processes", processes, "--process-id", index]
    return subprocess.Popen(
        [sys.executable, "-m", "cnnzoo", "train", *map(str, [*words, *team])],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


TOGETHER_AND_ALONE = """
import os, sys
import keras, numpy
from cnnzoo.data import load_dataset
from cnnzoo.data.sampling import subset
from cnnzoo.training import Recipe, fit, join_team

def trained(name, file):
    train, test = (subset(split, size) for split, size in zip(load_dataset("digits"), (200, 100)))
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 5, 4), keras.layers.ReLU(), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers, keras.layers.Dense(10, "softmax")])
    recipe = Recipe(epochs=2, batch_size=40, precision="float32")
    run = fit(model, train, test, recipe=recipe, out=name, progress=False, snapshots=True)
    numpy.savez(f"{file}.npz", *run.model.get_weights(), losses=run.history["loss"])

os.chdir(sys.argv[1])
children = []
for index in range(2):
    if child := os.fork():
        children.append(child)
        continue
    with join_team(sys.argv[2], 2, index):
        trained("together", f"together-{index}")
    os._exit(0)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
trained("alone", "alone")
"""


@pytest.mark.slow
def test_two_processes_end_with_identical_weights_and_the_losses_of_one(tmp_path):
    pytest.importorskip("jax", reason="the extra cnnzoo[jax]")
    words = [sys.executable, "-c", TOGETHER_AND_ALONE, str(tmp_path), f"127.0.0.1:{free_port()}"]
    with subprocess.Popen(words, env=environment(), start_new_session=True) as process:
        try:
            assert process.wait(timeout=300) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its children, too
    first, second, alone = (np.load(tmp_path / f"{name}.npz") for name in ("together-0", "together-1", "alone"))
    with first, second, alone:
        assert all(np.array_equal(first[name], second[name]) for name in first.files)
        assert first["losses"] == pytest.approx(alone["losses"], abs=1e-4)
    written, expected = ({path.name for path in (tmp_path / name).iterdir()} for name in ("together", "alone"))
    assert written == expected
    kept, by_one = (sorted((tmp_path / name / SNAPSHOTS).iterdir()) for name in ("together", "alone"))
    assert (
        [path.stem for path in kept] == [path.stem for path in by_one] == [f"{step:08}" for step in (0, 1, 2, 4, 8, 10)]
    )
    for path, other in zip(kept, by_one, strict=True):
        with np.load(path) as weights, np.load(other) as expected:
            for name, array in expected.items():
                np.testing.assert_allclose(weights[name], array, atol=2e-3, err_msg=f"{name} of {path}")


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_a_clear_error_and_a_checkpoint_to_go_on_from(tmp_path):
    out, port = tmp_path / "run", free_port()
    words = [*WORDS, "--epochs", EPOCHS, "--out", out]
    leader, follower = (start(index, 2, port, *words) for index in range(2))
    try:
        deadline = time.monotonic() + 200
        while not (out / CHECKPOINT).exists():
            assert time.monotonic() < deadline
            assert leader.poll() is None
            time.sleep(0.02)
        follower.send_signal(signal.SIGKILL)
        printed, _ = leader.communicate(timeout=120)
    finally:
        for process in (leader, follower):
            process.kill()
            process.communicate()
    assert leader.returncode == 2
    assert "error: Another process of this training was lost." in printed
    assert f"--resume {out}" in printed
    kept = read_checkpoint(out / CHECKPOINT)[0]
    assert 0 < kept.epoch < EPOCHS
    port = free_port()
    both = [start(index, 2, port, "--resume", out) for index in range(2)]
    printed = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    history = read_history(out / "history.csv")
    assert len(history["loss"]) == EPOCHS
    assert history["loss"][: kept.epoch] == kept.history["loss"]


@pytest.fixture
def images():
    return Split(np.arange(23, dtype=np.float32).reshape(23, 1, 1, 1), np.arange(23))


def test_shards_make_up_every_batch(images):
    whole = list(stream(images, batch_size=8, shuffle=True, shard=Shard(0, 1, 2)))
    parts = [list(stream(images, batch_size=8, shuffle=True, shard=Shard(index, 2, 2))) for index in range(2)]
    assert [len(labels) for _, labels in whole] == [8, 8, 6]
    assert steps_per_epoch(23, 8, Shard(0, 2, 2)) == 3
    for (_, labels), *shares in zip(whole, *parts, strict=True):
        assert np.array_equal(labels, np.concatenate([share[1] for share in shares]))


def test_shards_draw_their_own_augmentations():
    mark = np.zeros((8, 32, 32, 1), np.float32)
    mark[:, 16, 16] = 1
    alike = Split(mark, np.zeros(8, int))
    first, second = (
        next(iter(stream(alike, batch_size=8, augment="crop", shard=Shard(index, 2, 2))))[0].numpy() for index in (0, 1)
    )
    assert first.shape == second.shape == (4, 32, 32, 1)
    assert not np.array_equal(first, second)


def test_tensorboard_is_refused_to_several_processes(digits, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard`")
    message = r"`TensorBoard` is for a single process\. Received: a team of 2"
    with Team(1, 2, 2), pytest.raises(ValueError, match=message):
        fit(cnnzoo.models.lenet5(), *digits, callbacks=TensorBoard(), out=tmp_path / "run")


def test_what_xla_says_is_a_lost_worker_also_where_jax_raises_a_value_error():
    error = ValueError("UNKNOWN: Gloo AllGather failed: [pair.cc:547] Connection closed by peer [127.0.0.1]:28331")
    assert is_lost_worker(error)


@pytest.mark.parametrize("error", [ValueError("no peer here"), OSError("/home/gloo: No such file")])
def test_another_error_is_no_lost_worker(error):
    assert not is_lost_worker(error)


@pytest.mark.parametrize("epoch", [0, 3])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_a_stream_goes_on_from_any_batch_of_any_epoch(images, epoch, batch):
    def batches(**options):
        return [labels.numpy().tolist() for _, labels in stream(images, batch_size=8, shuffle=True, seed=5, **options)]

    begun = stream(images, batch_size=8, shuffle=True, seed=5)
    for _ in range(epoch):
        list(begun)
    expected = [labels.numpy().tolist() for _, labels in begun]
    assert batches(start=Start(epoch, batch)) == expected[batch:]


def test_too_few_images_for_the_devices_are_refused(images):
    with pytest.raises(ValueError, match=r"at least one image per device\. Received: 23 images"):
        stream(images, batch_size=100, shard=Shard(0, 50, 50))


def test_a_batch_must_be_shared_evenly(digits):
    with Team(devices=3), pytest.raises(ValueError, match="`batch_size` must be a multiple of the 3 devices"):
        fit(cnnzoo.models.lenet5(), *digits)


def test_a_team_trains_what_stands_within_it():
    assert current_team() == Team()
    with Team(devices=2) as team:
        with contextlib.suppress(KeyError), Team(devices=4):
            assert current_team().devices == 4
            raise KeyError
        assert current_team() is team
    assert current_team() == Team()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "needs several processes, named by `addresses`"),
        (("localhost:1", 2, 0), "on the JAX backend only"),
    ],
)
def test_what_cannot_train_together_says_so(arguments, message):
    with pytest.raises(ValueError, match=message):
        join_team(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost:1", 2, 2), "`process_id` must be an integer of at least 0 and at most 1"),
        (("localhost:1", 0, 0), "`processes` must be"),
        (("localhost", 2, 0), "must be HOST:PORT"),
        (("localhost:1",), "set KERAS_DISTRIBUTION_NUM_PROCESSES"),
    ],
)
def test_a_team_s_values_are_checked(monkeypatch, arguments, message):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=message):
        join_team(*arguments)


MIRRORED = """
import sys, tensorflow as tf
cpu, *_ = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.distribute.MirroredStrategy = lambda make=tf.distribute.MirroredStrategy: make(["CPU:0", "CPU:1"])
from cnnzoo.training import Team, train
options = dict(limit=200, batch_size=40, epochs=2, precision="float32", progress=False)
with Team(devices=2):
    run = train("lenet5", out=sys.argv[1], **options)
print(*run.history["loss"])
"""


@pytest.mark.slow
def test_mirrored_devices_of_tensorflow_give_the_losses_of_one(tmp_path):
    """On two logical CPUs, where there are no two GPUs."""
    finished = subprocess.run(
        [sys.executable, "-c", MIRRORED, str(tmp_path / "two")], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    losses = [float(word) for word in finished.stdout.split()]
    options = {"limit": 200, "batch_size": 40, "epochs": 2, "precision": "float32", "progress": False}
    assert train("lenet5", out=tmp_path / "one", **options).history["loss"] == pytest.approx(losses, abs=1e-4)
