"""Checkpoints of PyTorch: what is in them is read, and what is not a dict of tensors is refused, never run."""

import importlib.util
import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from cnnzoo._support.checkpoints import open_checkpoint
from tests.torch_checkpoints import KINDS, Tensor, write_row, write_zip

WRITERS = pytest.mark.parametrize("write", [write_zip, write_row])


def drawn(*shape, kind="f4"):
    return (np.random.default_rng(0).standard_normal(shape) * 50).astype(kind)


def read(path):
    with open_checkpoint(path) as tensors:
        return {name: np.array(tensor) for name, tensor in tensors.items()}


@WRITERS
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bfloat16"])
def test_elements_of_every_kind_are_read(tmp_path, write, kind):
    values = drawn(3, 4, kind=kind)
    found = read(write(tmp_path / "a.pth", {"a": values, "b": values[:0]}))
    assert found["a"].dtype == values.dtype
    np.testing.assert_array_equal(found["a"], values)
    assert found["b"].shape == (0, 4)


@WRITERS
def test_bfloat16_becomes_float32(tmp_path, write):
    values = np.array([1.0, -2.5, 3e38, np.inf], "f4")
    bits = (values.view("u4") >> 16).astype("u2")
    found = read(write(tmp_path / "a.pth", {"a": Tensor(bits, kind="bfloat16")}))["a"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values, rtol=2**-7)


@WRITERS
def test_strides_offsets_shared_storages_and_parameters_are_followed(tmp_path, write):
    base = drawn(24)
    tensors = {
        "transposed": Tensor(base, (4, 6), (1, 4)),
        "part": Tensor(base, (2, 3), (3, 1), offset=10),
        "scalar": Tensor(base, (), (), offset=5),
        "parameter": Tensor(base, (24,), is_parameter=True),
        "oldest": Tensor(base, (2, 12), is_old=True),
    }
    found = read(write(tmp_path / "a.pth", OrderedDict(tensors)))
    np.testing.assert_array_equal(found["transposed"], base.reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], base[10:16].reshape(2, 3))
    assert found["scalar"] == base[5]
    np.testing.assert_array_equal(found["parameter"], base)
    np.testing.assert_array_equal(found["oldest"], base.reshape(2, 12))


@WRITERS
@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_weights_beside_a_trainers_own_state_are_found_and_prefixes_removed(tmp_path, write, wrapper):
    inner = {"module._orig_mod.a.weight": drawn(2), "module._orig_mod.b.weight": drawn(3)}
    path = write(
        tmp_path / "a.pth", {"epoch": 3, "best": drawn(1), "rate": 0.1, "notes": [None, True, "x"], wrapper: inner}
    )
    assert list(read(path)) == ["a.weight", "b.weight"]


@WRITERS
@pytest.mark.parametrize(
    ("tree", "names"),
    [
        ({"model": {"state_dict": {"a": drawn(2)}}, "losses": [drawn(3)]}, ["a"]),
        ({"net": {"a": drawn(2)}, "epoch": 1}, ["a"]),
        ({"state_dict": {}, "weights": {"a": drawn(2)}}, ["a"]),
    ],
)
def test_weights_are_found_wherever_they_are(tmp_path, write, tree, names):
    assert list(read(write(tmp_path / "a.pth", tree))) == names


@WRITERS
def test_weights_that_may_be_either_are_refused(tmp_path, write):
    with pytest.raises(ValueError, match="has tensors under 'generator', 'critic', and nothing tells which"):
        read(write(tmp_path / "a.pth", {"generator": {"a": drawn(2)}, "critic": {"a": drawn(2)}}))


def test_big_endian_files_are_read(tmp_path):
    path = write_zip(tmp_path / "a.pth", {"a": drawn(2, kind=">f4")}, extra={"byteorder": "big"})
    np.testing.assert_array_equal(read(path)["a"], drawn(2))


def test_rows_are_read_alone(tmp_path):
    values = drawn(5, 3)
    save_file({"a": values}, tmp_path / "a.safetensors")
    for path in (write_zip(tmp_path / "a.pth", {"a": values}), tmp_path / "a.safetensors"):
        with open_checkpoint(path) as tensors:
            np.testing.assert_array_equal(tensors["a"].read((1, 3)), values[1:3])
            np.testing.assert_array_equal(tensors["a"].read((4, 9)), values[4:])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@WRITERS
def test_pickles_of_every_protocol_are_read(tmp_path, write, protocol):
    assert list(read(write(tmp_path / "a.pth", {"a": drawn(2)}, protocol=protocol))) == ["a"]


def test_dicts_and_strings_of_python_2_are_read(tmp_path):
    """A dict is made of a list of lists there, and strings are bytes."""
    storage = b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    )
    content = b"\x80\x02ccollections\nOrderedDict\n](](U\x01a" + tensor + b"ee\x85R."
    found = read_bytes(tmp_path, zipped(content, ("archive/data/0", np.array([1, 2], "<f4").tobytes())))
    np.testing.assert_array_equal(found["a"], [1, 2])


def read_bytes(folder, content, name="a.pth"):
    (folder / name).write_bytes(content)
    return read(folder / name)


def test_safetensors_are_read(tmp_path):
    arrays = {"module.a": drawn(3, 2), "module.b": drawn(2, kind="f2"), "module.c": np.arange(3)}
    save_file(arrays, tmp_path / "a.safetensors")
    found = read(tmp_path / "a.safetensors")
    assert sorted(found) == ["a", "b", "c"]
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name.removeprefix("module.")], values)


def test_bfloat16_of_safetensors_becomes_float32(tmp_path):
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    content = struct.pack("<Q", len(header)) + header + np.array([0x3F80, 0xC020], "<u2").tobytes()
    np.testing.assert_array_equal(read_bytes(tmp_path, content, "a.safetensors")["a"], np.array([1, -2.5], "f4"))


class Trick:
    """Would run ``function`` if it were unpickled."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def tricks(mark):
    """Pickles that would create the file ``mark``, each in another known way."""
    command = f"touch {mark}"
    code = f"open({str(mark)!r}, 'w')"
    yield pickle.dumps(Trick(os.system, command))
    yield pickle.dumps(Trick(eval, code))
    yield pickle.dumps(Trick(exec, code))
    yield pickle.dumps(Trick(__import__, "os"))
    yield pickle.dumps({"a": Trick(os.system, command)}, 0)
    yield f"cos\nsystem\n(S'{command}'\ntR.".encode()
    yield f"(S'{command}'\nios\nsystem\n.".encode()  # INST
    yield f"(cos\nsystem\nS'{command}'\no.".encode()  # OBJ
    yield b"\x80\x02c__builtin__\neval\nX" + struct.pack("<I", len(code)) + code.encode() + b"\x85R."
    yield b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(command)]) + command.encode() + b"\x85R."
    yield b"\x80\x02cbuiltins\ngetattr\ncos\nX\x06\x00\x00\x00system\x86R."
    yield b"\x80\x02ccollections\nOrderedDict\n)Rcos\nsystem\nb."  # BUILD with a function as state
    yield b"\x80\x02cos\nsystem\n)\x81."  # NEWOBJ
    yield b"\x80\x02\x82\x01."  # EXT1


@pytest.mark.parametrize("number", range(14))
def test_nothing_is_run_whatever_the_trick(tmp_path, number):
    mark = tmp_path / "ran"
    content = list(tricks(mark))[number]
    row = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + content
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("archive/data.pkl", content)
    for path in ("zip.pth", "row.pth", "alone.pth"):
        if path != "zip.pth":
            (tmp_path / path).write_bytes(row if path == "row.pth" else content)
        with pytest.raises(ValueError, match="cannot be read as a checkpoint: it "):
            read(tmp_path / path)
    assert not mark.exists()


def zipped(content, *more):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for name, text in more:
            archive.writestr(name, text)
    return stream.getvalue()


def laughs(levels):
    """A dict whose dicts contain the one before twice: two to the power of ``levels`` when walked through."""
    content = b"\x80\x02}q\x00"
    for level in range(levels):
        content += b"}q" + bytes([level + 1]) + b"(K\x00h" + bytes([level]) + b"K\x01h" + bytes([level]) + b"u"
    return content + b"."


def growing(levels):
    """A name of tuples of tuples, which would double in length at each level if it were written out."""
    return b"\x80\x04\x8c\x01a\x8c\x01b" + b"q\x00h\x00\x86" * levels + b"\x93."


def pairs(entries, times):
    """A list of pairs, of which a dict is made again and again."""
    items = b"](" + b"".join(b"](K\x01X\x01\x00\x00\x00ae" for _ in range(entries)) + b"eq\x00"
    again = b"h\x01h\x02R" * times
    return b"\x80\x02ccollections\nOrderedDict\nq\x01" + items + b"h\x00\x85q\x02" + again + b"."


def colliding(entries):
    """A dict of integers that all have the same hash."""
    keys = b"".join(
        b"\x8a\x10" + ((2**61 - 1) * number).to_bytes(16, "little") + b"K\x00" for number in range(1, entries)
    )
    return b"\x80\x02}(" + keys + b"u."


HOSTILE = {
    "name that would grow": (zipped(growing(200)), "a name that is no string"),
    "type that would grow": (
        zipped(b"\x80\x02(U\x07storage" + b"K\x01" + b"q\x00h\x00\x86" * 100 + b"U\x010U\x03cpuK\x02tQ."),
        "has elements of 'tuple'",
    ),
    "dicts of many pairs": (zipped(pairs(30_000, 200)), "more than 2,000,000 operations"),
    "many operations": (zipped(b"\x80\x02" + b"}" * 3_000_000 + b"."), "more than 2,000,000 operations"),
    "keys that collide": (zipped(colliding(20_000)), "has keys other than names and small integers"),
    "empty": (b"", "is empty"),
    "text": (b"this is not a checkpoint\n", "is neither of PyTorch"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(100), "is neither of PyTorch"),
    "zip of others": (zipped(b"")[:0] + b"PK\x05\x06" + bytes(18), "is neither of PyTorch"),
    "zip without a pickle": (zipped(b".", ("x", "y")).replace(b"data.pkl", b"data.txt"), "without PyTorch's data.pkl"),
    "pickle that ends early": (zipped(b"\x80\x02}"), "is damaged or truncated"),
    "a list": (zipped(b"\x80\x02]."), "contains a list, where a state_dict was expected"),
    "no tensors": (zipped(b"\x80\x02}X\x01\x00\x00\x00aK\x01s."), "has no tensors"),
    "stack underflow": (zipped(b"\x80\x020."), r"has the operation POP"),
    "unknown memo": (zipped(b"\x80\x02h\x05."), r"\(unknown memo\)"),
    "huge memo": (zipped(b"\x80\x02}r\xff\xff\xff\x7f."), "has no tensors"),
    "huge string": (zipped(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f."), "is damaged"),
    "huge frame": (zipped(b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f}."), "has no tensors|is damaged"),
    "many dicts in dicts": (zipped(laughs(200)), "has no tensors"),
    "itself within": (zipped(b"\x80\x02}q\x00K\x01h\x00s."), "has no tensors"),
    "deep": (zipped(b"\x80\x02" + b"}K\x01" * 100_000 + b"N" + b"s" * 100_000 + b"."), "nests too deeply"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_checkpoint_is_refused(tmp_path, name):
    content, message = HOSTILE[name]
    with pytest.raises(ValueError, match=f"'.*a.pth' cannot be read as a checkpoint: it .*({message})"):
        read_bytes(tmp_path, content)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor(np.zeros(4, "f4"), (5,)), "more elements than its storage"),
        (Tensor(np.zeros(4, "f4"), (2, 2), (3, 1)), "extends beyond its storage"),
        (Tensor(np.zeros(4, "f4"), (2,), offset=3), "extends beyond its storage"),
        (Tensor(np.zeros(1, "f4"), (1 << 40,), (0,)), "more elements than its storage"),
        (Tensor(np.zeros(1, "f4"), (0, 1 << 70)), "more elements than its storage"),
        (Tensor(np.zeros(1, "f4"), (-1,)), "without a valid shape"),
        (Tensor(np.zeros(1, "f4"), (1,), (1, 1)), "without a valid shape"),
        (Tensor(np.zeros(1, "f4"), (1,) * 40), "without a valid shape"),
        (Tensor(np.zeros(1, "f4"), (1,), offset=-1), "without a valid shape"),
    ],
)
@WRITERS
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, write, tensor, message):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path / "a.pth", {"a": tensor}))


def test_a_compressed_file_is_refused(tmp_path):
    """A zip bomb is one."""
    path = write_zip(tmp_path / "a.pth", {"a": np.zeros(1 << 20, "f4")}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="has compressed or encrypted files in it"):
        read(path)


def test_a_whole_model_is_refused_with_what_to_do(tmp_path):
    content = zipped(b"\x80\x02ctorchvision.models.resnet\nResNet\n)\x81}b.")
    with pytest.raises(
        ValueError, match=r"object of 'torchvision\.models\.resnet\.ResNet'.*torch\.save\(model\.state_dict"
    ):
        read_bytes(tmp_path, content)


@WRITERS
@given(data=st.data())
@settings(max_examples=60)
def test_a_changed_file_gives_arrays_or_one_error(tmp_path_factory, write, data):
    folder = tmp_path_factory.mktemp("changed")
    content = bytearray(write(folder / "a.pth", {"a.weight": drawn(2, 3), "a.bias": drawn(2)}).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(1, len(content))) :]
    try:
        found = read_bytes(folder, bytes(content))
    except ValueError as error:
        found = {}
        message = str(error)
    assert all(isinstance(values, np.ndarray) for values in found.values())
    assert found or "cannot be read as a checkpoint" in message


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="PyTorch is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("is_zip", [True, False])
def test_what_pytorch_writes_is_read(tmp_path, is_zip):
    import torch

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2).half())
    state = {
        **network.state_dict(),
        "b": torch.arange(6).bfloat16().reshape(2, 3).T,
        "c": torch.nn.Parameter(torch.ones(2)),
    }
    torch.save({"state_dict": state, "epoch": 1}, tmp_path / "a.pth", _use_new_zipfile_serialization=is_zip)
    found = read(tmp_path / "a.pth")
    assert list(found) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.detach().to(torch.float32).numpy())
