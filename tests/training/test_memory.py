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
from cnnzoo.training import Recipe, fit, memory
from cnnzoo.training.team import ALONE, Team

BATCH = Recipe(epochs=1, batch_size=4096, precision="float32")
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

watcher = threading.Thread(target=watch)
watcher.start()
fit(model, split, test, recipe=Recipe(epochs=2, batch_size=8192, precision="float32"), progress=False)
done.set()
watcher.join()
print(max(held) - held[0])
"""


@pytest.fixture
def free(monkeypatch):
    """Set how many bytes are free, and how many the process holds."""

    def set_free(size, held=0):
        monkeypatch.setattr(memory, "free_memory", lambda: int(size))
        monkeypatch.setattr(memory, "held_memory", lambda: int(held))

    return set_free


def kept(model):
    """Bytes of the outputs of layers with weights, for an image."""
    return sum(4 * int(np.prod(layer.output.shape[1:])) for layer in model.layers if layer.weights)


def test_a_batch_that_cannot_fit_is_refused_with_one_that_does(free):
    model = cnnzoo.models.lenet5()
    least = 2 * PARAMS + 4096 * kept(model)
    free(least - 1)
    with pytest.raises(MemoryError, match=re.escape("A batch of 4,096 images takes at least 1")) as caught:
        memory.check_memory(model, BATCH, 60_000, ALONE)
    advised = int(re.search(r"Try `batch_size=(\d+)`", str(caught.value))[1])
    assert memory.check_memory(model, Recipe(batch_size=advised), 60_000, ALONE) == ""
    assert memory.check_memory(model, Recipe(batch_size=2 * advised), 60_000, ALONE)


def test_what_an_earlier_training_left_in_the_backend_s_pool_counts_as_free(free):
    model = cnnzoo.models.lenet5()
    free(0, held=2 * PARAMS + 4096 * kept(model))
    assert memory.check_memory(model, BATCH, 60_000, ALONE).startswith("a batch of")


def test_where_nothing_fits_smaller_images_are_advised(free):
    free(2 * PARAMS)
    with pytest.raises(MemoryError, match="Try smaller images, or a smaller network"):
        memory.check_memory(cnnzoo.models.lenet5(), BATCH, 60_000, ALONE)


def test_a_batch_that_may_not_fit_is_warned_of(free):
    model = cnnzoo.models.lenet5()
    most = 5 * PARAMS + 4096 * 2 * layer_table(model).activation_bytes
    free(most - 1)
    assert re.match(
        r"a batch of 4,096 images takes up to .* Try `batch_size=2048`",
        memory.check_memory(model, BATCH, 60_000, ALONE),
    )
    free(most)
    assert memory.check_memory(model, BATCH, 60_000, ALONE) == ""


@pytest.mark.parametrize(
    ("images", "team"), [(4095, ALONE), (60_000, Team(processes=2, devices=2))], ids=["fewer images", "a team"]
)
def test_a_batch_has_no_more_images_than_there_are_and_is_shared(free, images, team):
    model = cnnzoo.models.lenet5()
    free(2 * PARAMS + 4096 * kept(model) - 1)
    assert memory.check_memory(model, BATCH, images, team).startswith("a batch of")


def test_half_the_bytes_are_enough_in_bfloat16(free):
    model = cnnzoo.models.lenet5()
    free(2 * PARAMS + 4096 * kept(model) - 1)
    assert memory.check_memory(model, Recipe(batch_size=4096, precision="mixed_bfloat16"), 60_000, ALONE)


def test_nothing_is_said_where_what_a_step_takes_is_not_known(free, monkeypatch):
    free(0)
    model = cnnzoo.models.lenet5()
    opened = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    assert memory.check_memory(opened, BATCH, 60_000, ALONE) == ""
    assert memory.check_memory(keras.Sequential([keras.Input((32, 32, 1)), model]), BATCH, 60_000, ALONE) == ""
    monkeypatch.setattr(memory, "list_gpus", lambda: ["gpu:0"])
    assert memory.check_memory(model, BATCH, 60_000, ALONE) == ""
    monkeypatch.undo()
    free(0)
    model.layers[1].trainable = False
    assert memory.check_memory(model, BATCH, 60_000, ALONE) == ""


def test_fit_refuses_before_anything_is_written(digits, free, tmp_path):
    free(0)
    with pytest.raises(MemoryError, match="A batch of 128 images"):
        fit(cnnzoo.models.lenet5(), *digits, recipe=Recipe(), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_fit_warns_in_its_first_lines_and_trains(digits, free, capsys):
    train, test = (Split(split.images[:64], split.labels[:64]) for split in digits)
    free(2 * PARAMS + 64 * kept(cnnzoo.models.lenet5()))
    fit(cnnzoo.models.lenet5(), train, test, recipe=Recipe(epochs=1, batch_size=64))
    assert "a batch of 64 images takes up to" in capsys.readouterr().out


def test_training_takes_what_is_said_of_it():
    model = cnnzoo.models.lenet5()
    found = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
    taken = int(found.stdout)
    assert 8192 * kept(model) < taken
    assert taken < 8192 * 2 * layer_table(model).activation_bytes + 0.4e9  # TensorFlow itself


def test_free_memory_is_the_machine_s_or_its_container_s(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "LIMITS", ())
    machine = memory.free_memory()
    assert 0 < machine <= psutil.virtual_memory().total + psutil.swap_memory().total
    with monkeypatch.context() as patched:
        patched.setattr(memory.sys, "platform", "darwin")
        assert memory.free_memory() >= psutil.virtual_memory().total
    unlimited, limited = tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"
    unlimited.write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (unlimited, limited))
    assert memory.free_memory() > 0.5 * machine
    limited.write_text(f"{psutil.Process().memory_info().rss + 50_000_000}\n")
    assert memory.free_memory() < 60_000_000
    limited.write_text("1\n")
    assert memory.free_memory() == 0


def test_a_full_disk_is_not_taken_for_a_full_memory():
    import tensorflow as tf

    full = tf.errors.ResourceExhaustedError(None, None, "/logs/events.v2; No space left on device")
    assert not memory.is_out_of_memory(full)
