"""Reading snapshots, and what their files hold; how training writes them is in ``tests/training``."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import cnnzoo
from cnnzoo.runs.folder import RunFolder
from cnnzoo.runs.snapshots import Snapshot, _compact, find_snapshots, weight_names, write_snapshot
from cnnzoo.training import load_run


@pytest.fixture
def network():
    return cnnzoo.models.lenet5()


@pytest.fixture
def written(network, tmp_path):
    write_snapshot(RunFolder(tmp_path), 6, weight_names(network), network.get_weights())
    (snapshot,) = find_snapshots(tmp_path, 4)
    return snapshot


def test_what_was_written_is_read(network, written, tmp_path):
    assert written == Snapshot(6, 1.5, tmp_path / "snapshots" / "00000006.npz")
    assert repr(written) == "Snapshot(step=6, epoch=1.5)"
    for array, own in zip(written.read(network), network.get_weights(), strict=True):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, own, atol=np.abs(own).max() / 2048)


def test_a_file_names_its_weights_and_is_small(network, written):
    with np.load(written.path) as held:
        assert held.files == [weight.path for weight in network.weights]
        kinds = {name.rpartition("/")[2]: array.dtype.name for name, array in held.items()}
    assert kinds == {"kernel": "float16", "bias": "float32"}
    assert written.path.stat().st_size < 2.1 * network.count_params()


def test_a_run_without_has_none(run):
    assert run.snapshots == ()
    assert load_run("lenet5").snapshots == ()


def test_a_run_from_before_formats_has_none(run_of_format0):
    assert load_run(run_of_format0).snapshots == ()


def test_other_files_beside_them_are_no_snapshots(run, written, tmp_path):
    folder = Path(shutil.copytree(run.path, tmp_path / "run"))
    shutil.copytree(written.path.parent, folder / "snapshots")
    for name in (".partial-00000008.npz", "notes.txt", "last.npz", "00000123456789.npz"):
        (folder / "snapshots" / name).write_bytes(b"")
    assert [snapshot.step for snapshot in load_run(folder).snapshots] == [6, 123456789]


def test_a_snapshot_that_has_gone_is_named(network, written):
    written.path.unlink()
    with pytest.raises(FileNotFoundError, match=r"no snapshot '.*00000006\.npz' any more"):
        written.read(network)


def test_a_damaged_file_is_named(network, written):
    whole = written.path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for content in (b"", b"half", whole[:middle], whole[middle:], flipped):
        written.path.write_bytes(content)
        with pytest.raises(ValueError, match=r"00000006\.npz' cannot be read as a snapshot: it is damaged"):
            written.read(network)
    with written.path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="cannot be read as a snapshot"):
        written.read(network)
    with written.path.open("wb") as file:
        np.savez(file, **{"c1/kernel": np.array([print], dtype=object)})  # would have to be unpickled
    with pytest.raises(ValueError, match="cannot be read as a snapshot"):
        written.read(network)


def test_a_snapshot_of_another_network_is_refused(network, written):
    with pytest.raises(
        ValueError, match=r"is a snapshot of another network than 'lenet1': the file has no weight 'h1/"
    ):
        written.read(cnnzoo.models.lenet1())
    with pytest.raises(
        ValueError, match=r"'output/kernel' in '.*' must have the shape \(84, 5\)\. Received: \(84, 10\)"
    ):
        written.read(cnnzoo.models.lenet5(num_classes=5))
    small = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Conv2D(6, 5, name="c1")], name="small")
    with pytest.raises(ValueError, match="another network than 'small': the network has no weight 'c3/kernel'"):
        written.read(small)


@pytest.mark.parametrize("other", [np.zeros(6, np.int64), np.zeros(6, np.complex64), np.array(["a"] * 6)])
def test_weights_of_another_type_are_refused(network, written, other):
    with np.load(written.path) as held:
        changed = {**held, "c1/bias": other}
    np.savez(written.path, **changed)
    with pytest.raises(ValueError, match=r"'c1/bias' in '.*' must be of type float32\. Received: "):
        written.read(network)


def test_the_names_are_those_of_the_network_that_is_read_again(tmp_path):
    """A sequential network's paths change, and nested ones may share the names of their layers."""
    nested = [
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="d")], name=f"part{number}")
        for number in range(2)
    ]
    layers = [keras.layers.Flatten(), keras.layers.Dense(4, name="first"), keras.layers.BatchNormalization(name="n")]
    model = keras.Sequential([keras.Input((2, 2, 1)), *layers, *nested])
    names = weight_names(model)
    assert names == [
        *("first/kernel", "first/bias", "n/gamma", "n/beta", "n/moving_mean", "n/moving_variance"),
        *("d/kernel", "d/bias", "d/kernel (2)", "d/bias (2)"),
    ]
    model.save(tmp_path / "model.keras")
    assert weight_names(keras.models.load_model(tmp_path / "model.keras")) == names


@pytest.mark.parametrize("name", ["lenet1", "resnet20", "mobilenet_v2"])
def test_the_names_of_a_zoo_s_network_are_its_paths(name, weightless):
    model = cnnzoo.create_model(name)
    assert weight_names(model) == [weight.path for weight in model.weights]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.full((2, 2), 65504, np.float32), "float16"),
        (np.full((2, 2), 65505, np.float32), "float32"),  # beyond float16
        (np.full((2, 2), 1e-5, np.float32), "float32"),  # float16 has few digits there
        (np.zeros((2, 2), np.float32), "float16"),
        (np.ones((2, 2), np.float64), "float16"),
        (np.zeros((0, 2), np.float32), "float16"),
        (np.ones(2, np.float32), "float32"),
        (np.ones(2, np.float64), "float32"),
        (np.full((2, 2), 3, np.int64), "int64"),
    ],
)
def test_float16_is_taken_where_nothing_is_lost_that_one_could_see(array, kind):
    assert _compact(array).dtype.name == kind
    np.testing.assert_array_equal(_compact(array), array.astype(np.float32))


@given(arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_no_value_of_a_kernel_is_off_by_more_than_a_2048th_of_the_largest(array):
    difference = np.abs(_compact(array).astype(np.float64) - array)
    assert difference.max() <= np.abs(array.astype(np.float64)).max() / 2048
