import os
import re
import subprocess
import sys

import keras
import numpy as np
import psutil
import pytest

import cnnzoo
from cnnzoo.data import Split
from cnnzoo.inspect import layer_table
from cnnzoo.training import Recipe, fit
from cnnzoo.training import _memory as memory
from cnnzoo.training._distribution import Team

PARAMS = 4 * 61_706  # bytes of LeNet-5's

# What the process holds at most while it trains, less what it held before; ru_maxrss would begin with the parent's
PEAK = """
import threading
import cnnzoo
import numpy as np
import psutil
from cnnzoo.data import Split
from cnnzoo.training import Recipe, fit

model = cnnzoo.models.lenet5()
split = Split(np.zeros((8192, 32, 32, 1), np.uint8), np.arange(8192) % 10)
test = Split(split.images[:10], split.labels[:10])
held = [psutil.Process().memory_info().rss]
done = threading.Event()

def watch():
    while not done.wait(0.01):
        held.append(psutil.Process().memory_info().rss)

watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
fit(model, split, test, recipe=Recipe(epochs=2, batch_size=8192, precision="float32"), progress=False)
done.set()
watcher.join()
print(max(held) - held[0])
"""


@pytest.fixture
def machine(monkeypatch):
    """Set how many bytes can be had, and how many the machine has; there is no GPU."""

    def set_machine(reachable, whole=10**12):
        monkeypatch.setattr(memory, "_on_cpu", lambda: True)
        monkeypatch.setattr(memory, "reachable_memory", lambda: int(reachable))
        monkeypatch.setattr(memory, "machine_memory", lambda: int(whole))

    return set_machine


def kept(model):
    """Bytes of the outputs of layers with weights, for an image."""
    return sum(4 * int(np.prod(layer.output.shape[1:])) for layer in model.layers if layer.weights)


def check(model, batch_size=4096, precision="float32", images=60_000, processes=1):
    with Team(processes=processes, devices=processes):
        return memory.check_memory(model, Recipe(batch_size=batch_size, precision=precision), images)


def test_a_batch_larger_than_the_machine_is_refused_with_one_that_fits(machine):
    model = cnnzoo.models.lenet5()
    machine(5 * PARAMS + 4e7, whole=PARAMS + 4096 * kept(model) - 1)
    with pytest.raises(MemoryError, match=r"^A batch of 4,096 images takes at least 107\.0 MB") as caught:
        check(model)
    advised = int(re.search(r"Try `batch_size=(\d+)`", str(caught.value))[1])
    assert check(model, advised) == ""
    assert check(model, 2 * advised)


def test_where_nothing_fits_smaller_images_are_advised(machine):
    machine(2 * PARAMS)
    assert "Try smaller images, or a smaller network" in check(cnnzoo.models.lenet5())


def test_a_batch_that_may_not_fit_is_warned_of(machine):
    model = cnnzoo.models.lenet5()
    most = 5 * PARAMS + 4096 * 2 * layer_table(model).activation_bytes
    machine(most - 1)
    assert re.match(r"memory may run out: a batch of 4,096 images .* Try `batch_size=2048`", check(model))
    machine(most)
    assert check(model) == ""


@pytest.mark.parametrize(
    "changes",
    [{"images": 2048}, {"processes": 2}, {"precision": "mixed_bfloat16"}],
    ids=["fewer images", "a team", "half the bytes"],
)
def test_what_makes_a_batch_smaller_counts(machine, changes):
    model = cnnzoo.models.lenet5()
    machine(5 * PARAMS + 2048 * 2 * layer_table(model).activation_bytes)
    assert check(model)
    assert check(model, **changes) == ""


def open_network():
    layers = [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    return keras.Sequential(layers)


def nested_network():
    return keras.Sequential([keras.Input((32, 32, 1)), cnnzoo.models.lenet5()])


def frozen_network():
    model = cnnzoo.models.lenet5()
    model.layers[1].trainable = False
    return model


@pytest.mark.parametrize("build", [open_network, nested_network, frozen_network])
def test_nothing_is_said_where_what_a_step_takes_is_not_known(machine, build):
    machine(0, whole=0)
    assert check(build()) == ""


@pytest.mark.skipif(keras.config.backend() == "torch", reason="Keras lists no devices on PyTorch")
@pytest.mark.parametrize("device", ["gpu:0", "tpu:0"])
def test_what_is_not_a_cpu_is_left_to_the_backend(machine, monkeypatch, device):
    on_cpu = memory._on_cpu
    machine(0, whole=0)
    monkeypatch.setattr(memory, "_on_cpu", on_cpu)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", device])
    assert check(cnnzoo.models.lenet5()) == ""


@pytest.mark.parametrize(
    ("most", "devices", "advice"), [(100, 1, "64"), (100, 6, "60"), (3, 3, "3")], ids=["alone", "six", "three"]
)
def test_a_smaller_batch_can_be_shared(most, devices, advice):
    with Team(devices=devices):
        assert memory.smaller_batch(most) == f"Try `batch_size={advice}`."


def test_fit_refuses_before_anything_is_written(digits, machine, tmp_path):
    machine(0, whole=0)
    with pytest.raises(MemoryError, match="A batch of 128 images"):
        fit(cnnzoo.models.lenet5(), *digits, recipe=Recipe(), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_fit_warns_and_trains(digits, machine, capsys):
    train, test = (Split(split.images[:64], split.labels[:64]) for split in digits)
    machine(0)
    recipe = Recipe(epochs=1, batch_size=64)
    fit(cnnzoo.models.lenet5(), train, test, recipe=recipe)
    assert "memory may run out: a batch of 64 images" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="memory may run out"):
        fit(cnnzoo.models.lenet5(), train, test, recipe=recipe, progress=False)


def test_training_takes_what_is_said_of_it():
    model = cnnzoo.models.lenet5()
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, "-c", PEAK]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, env=environment)
    taken = int(found.stdout)
    assert 8192 * kept(model) < taken
    assert taken < 8192 * 2 * layer_table(model).activation_bytes + 0.4e9  # TensorFlow itself


def test_what_can_be_had_is_the_machine_s_or_the_container_s(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "LIMITS", ())
    assert psutil.Process().memory_info().rss < memory.reachable_memory() <= memory.machine_memory()
    unlimited, limited, folder = tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes", tmp_path
    unlimited.write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (unlimited, tmp_path / "absent", folder))
    assert memory.reachable_memory() > psutil.Process().memory_info().rss
    limited.write_text("50000000\n")
    monkeypatch.setattr(memory, "LIMITS", (unlimited, limited))
    assert memory.reachable_memory() == 50_000_000


def test_a_system_that_tells_nothing_of_its_swap_has_none(monkeypatch):
    def fail():
        raise RuntimeError("PdhAddEnglishCounterW failed")

    monkeypatch.setattr(psutil, "swap_memory", fail)
    assert memory.machine_memory() == psutil.virtual_memory().total


def test_a_full_disk_is_not_taken_for_a_full_memory():
    import tensorflow as tf

    full = tf.errors.ResourceExhaustedError(None, None, "/logs/events.v2; No space left on device")
    assert not memory.is_out_of_memory(full)
