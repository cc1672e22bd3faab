import gc
import gzip
import itertools
import os
import shutil
import struct
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Whatever the environment says: tests of other backends start processes of their own
os.environ["KERAS_BACKEND"] = "tensorflow"
if "PYTEST_XDIST_WORKER" in os.environ:  # PyTorch's threads wait for others by spinning, which slows all workers down
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Keras' own answers, except where a test is about others
os.environ["CNNZOO_ENGINE"] = "keras"

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from PIL import Image

import cnnzoo

# Example counts, not deadlines, bound the time: a first example loads TensorFlow.
settings.register_profile("cnnzoo", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("cnnzoo")

collect_ignore = ["models/reference.py", "models/transcribed.py"]  # no tests; they need PyTorch, which is optional

DATASETS = "CNNZOO_TEST_DATASETS"
OTHER_PRECISION = "--other-precision"


def pytest_addoption(parser):
    parser.addoption(
        OTHER_PRECISION,
        action="store_true",
        help="let precision='auto' choose what it does not on this CPU: bfloat16, which is then emulated, or float32",
    )


LOOKED_THROUGH: set[str] = set()  # modules whose objects the garbage collector passes over
HOMES = itertools.count()  # numbers of the folders that hold no cache
MOST_PARAMS = 2_000_000  # of a network whose docstring's example is run by default


@pytest.hookimpl(tryfirst=True)  # before those that are slow are left out
def pytest_collection_modifyitems(items):
    """Make the examples of larger networks slow: those of the small ones show that the docstrings are true."""
    larger = {name for name in cnnzoo.list_models() if cnnzoo.model_card(name).params > MOST_PARAMS}
    for item in items:
        if item.name.startswith("cnnzoo.models.") and item.name.rpartition(".")[2] in larger:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish():
    """Leave what the imports made out of every later look for garbage, which then takes no time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _freed(request):
    """Free the networks of slow tests at once: they lie in circles of references, and are gigabytes."""
    yield
    if request.node.get_closest_marker("slow"):
        gc.collect()
        new = sys.modules.keys() - LOOKED_THROUGH
        if len(new) > 500:  # such as Keras, whose objects take 0.3 s each time
            gc.freeze()
            LOOKED_THROUGH.update(new)


@pytest.fixture(autouse=True, scope="session")
def _other_precision(request, tmp_path_factory):
    """Train in this process as on a CPU of the other kind, where that is asked for."""
    if not request.config.getoption(OTHER_PRECISION):
        yield
        return
    from cnnzoo._keras import hardware as precision

    chosen, _ = precision.choose_precision("auto")
    flags = tmp_path_factory.mktemp("cpu") / "cpuinfo"
    flags.write_text(f"flags\t\t: fpu {'' if chosen == 'mixed_bfloat16' else 'avx512_bf16'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "CPUINFO", flags)
        assert precision.choose_precision("auto")[0] != chosen
        yield


@pytest.fixture(autouse=True)
def _seeded():
    """Let every test draw the same numbers, whichever ran before it, once Keras is there."""
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path_factory):
    """Point every cache at a folder that is not there and every proxy at a closed port: nothing leaves the machine."""
    empty = tmp_path_factory.getbasetemp() / f"home{next(HOMES)}"
    monkeypatch.setenv("KERAS_HOME", str(empty / "keras"))
    if config := sys.modules.get("keras.src.backend.config"):  # has read the variable as Keras was imported
        monkeypatch.setattr(config, "_KERAS_DIR", str(empty / "keras"))
    monkeypatch.setenv("CNNZOO_HOME", str(empty / "cnnzoo"))
    monkeypatch.setenv("TORCH_HOME", str(empty / "torch"))
    monkeypatch.delenv("CNNZOO_DEBUG", raising=False)  # of whoever runs the tests
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    for exempt in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(exempt, "")


@pytest.fixture
def weightless():
    """Build networks whose weights have shapes but no values."""
    from tests.without_weights import without_weights

    with without_weights():
        yield


@pytest.fixture
def eagerly():
    """Compile nothing: of a deep network that takes longer than the few steps of a test."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder with all of MNIST, named by an environment variable."""
    folder = os.environ.get(DATASETS)
    if not folder:
        pytest.skip(f"real data: set {DATASETS} to a folder with mnist.npz")
    return Path(folder)


@pytest.fixture(scope="session")
def digits():
    """(train, test) of the embedded digits."""
    return cnnzoo.data.load_digits()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A function that makes a file or folder, which all workers share: the first that asks for it makes it."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"

    def make_once(name, make):
        path = shared / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                try:
                    make(path)
                except BaseException:
                    shutil.rmtree(path, ignore_errors=True)  # else the next that asks would get a half
                    raise
        return path

    return make_once


@pytest.fixture(scope="session")
def trained_once(made_once):
    """A function that trains a run, by the arguments of ``train``, which all workers share."""

    def train_once(name, *arguments, **options):
        path = made_once(name, lambda out: cnnzoo.training.train(*arguments, out=out, progress=False, **options))
        return cnnzoo.training.load_run(path)

    return train_once


@pytest.fixture(scope="session")
def run(trained_once):
    """A LeNet-5 trained on the embedded digits, with its run folder."""
    return trained_once("lenet5", "lenet5", epochs=5)


@pytest.fixture
def run_of_format0() -> Path:
    """A finished run from before records had a version; Keras 3.15 wrote its network, which older ones cannot read."""
    import keras

    if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15):
        pytest.skip(f"Keras {keras.__version__}, the newest for some versions of Python, cannot read what 3.15 wrote")
    return Path(__file__).parent / "runs" / "format0" / "finished"


@pytest.fixture(scope="session")
def raw_arrays():
    """Eight 28 x 28 training images and four test images with labels, as mnist.npz holds them."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (8, 28, 28), dtype=np.uint8),
        "y_train": np.arange(8, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (4, 28, 28), dtype=np.uint8),
        "y_test": np.arange(4, dtype=np.uint8),
    }


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def idx_folder(tmp_path, raw_arrays):
    """A folder with the four IDX files, the images gzipped, the labels not."""
    folder = tmp_path / "idx"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(raw_arrays["x_train"])))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(raw_arrays["y_train"]))
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(raw_arrays["x_test"])))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(raw_arrays["y_test"]))
    return folder


@pytest.fixture
def small_cifar10(tmp_path):
    """A folder in CIFAR-10's binary layout, with 100 images a batch."""
    from cnnzoo.data.cifar10 import TEST_BATCHES, TRAIN_BATCHES

    rng = np.random.default_rng(0)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in (*TRAIN_BATCHES, *TEST_BATCHES):
        pixels = rng.integers(0, 256, (100, 3072), dtype=np.uint8)
        labels = np.repeat(np.arange(10, dtype=np.uint8), 10)
        (folder / f"{name}.bin").write_bytes(np.hstack([labels[:, None], pixels]).tobytes())
    return folder


@pytest.fixture
def small_photos(tmp_path):
    """A folder with five images of each of two classes, of 20 x 20 pixels."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"
