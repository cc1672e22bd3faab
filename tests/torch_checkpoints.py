"""Checkpoints as PyTorch writes them, made without PyTorch, so that tests of them run anywhere."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from unittest import mock

import numpy as np

KINDS = {
    "f8": "DoubleStorage",
    "f4": "FloatStorage",
    "f2": "HalfStorage",
    "i8": "LongStorage",
    "i4": "IntStorage",
    "i2": "ShortStorage",
    "i1": "CharStorage",
    "u1": "ByteStorage",
    "b1": "BoolStorage",
    "bfloat16": "BFloat16Storage",
}


def _fake_torch():
    """Modules of PyTorch's names for what its pickles refer to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in KINDS.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__qualname__, function.__module__ = name, "torch._utils"
        setattr(utils, name, function)
    return {"torch": torch, "torch._utils": utils}


FAKES = _fake_torch()


class Tensor:
    """A tensor to write: any view of ``base``, an array whose elements are the storage.

    Args:
        base: The storage, of one axis.
        shape: Of the tensor.
        strides: In elements; None: contiguous.
        offset: Of its first element.
        kind: Of the storage; None: what the array is. "bfloat16": the array has their bits.
        is_parameter: Whether it is wrapped as older files have it.
        is_old: Whether it is built by the function of the oldest files.
    """

    def __init__(self, base, shape=None, strides=None, offset=0, kind=None, is_parameter=False, is_old=False):
        self.base = base if getattr(base, "ndim", 0) == 1 else np.asarray(base).reshape(-1)
        self.shape = np.asarray(base).shape if shape is None else shape
        self.strides = tuple(int(np.prod(self.shape[axis + 1 :])) for axis in range(len(self.shape)))
        self.strides = self.strides if strides is None else strides
        self.offset, self.is_parameter, self.is_old = offset, is_parameter, is_old
        self.kind = kind or self.base.dtype.str[1:]


class _Pickler(pickle.Pickler):
    def __init__(self, stream, storages, protocol, is_older):
        super().__init__(stream, protocol)
        self.storages, self.is_older = storages, is_older

    def persistent_id(self, value):
        if not isinstance(value, _Storage):
            return None
        kind = getattr(FAKES["torch"], KINDS[value.kind])
        reference = ("storage", kind, value.key, "cpu", len(value.base))
        return (*reference, None) if self.is_older else reference

    def reducer_override(self, value):
        if not isinstance(value, Tensor):
            return NotImplemented
        if value.is_parameter:
            plain = Tensor(value.base, value.shape, value.strides, value.offset, value.kind)
            return FAKES["torch._utils"]._rebuild_parameter, (plain, True, OrderedDict())
        key = next((key for key, other in self.storages.items() if other is value.base), str(len(self.storages)))
        self.storages[key] = value.base
        storage = _Storage(key, value.base, value.kind)
        arguments = (storage, value.offset, tuple(value.shape), tuple(value.strides), False, OrderedDict())
        if value.is_old:
            return FAKES["torch._utils"]._rebuild_tensor, arguments[:4]
        return FAKES["torch._utils"]._rebuild_tensor_v2, arguments


class _Storage:
    def __init__(self, key, base, kind):
        self.key, self.base, self.kind = key, base, kind


def _pickled(value, storages, protocol=2, is_older=False):
    stream = io.BytesIO()
    with mock.patch.dict(sys.modules, FAKES):
        _Pickler(stream, storages, protocol, is_older).dump(value)
    return stream.getvalue()


def with_tensors(tree):
    """Wrap the arrays in nested dicts as tensors."""
    if isinstance(tree, dict):
        return type(tree)((key, with_tensors(value)) for key, value in tree.items())
    if isinstance(tree, list):
        return [with_tensors(value) for value in tree]
    return Tensor(tree) if isinstance(tree, np.ndarray) else tree


def write_zip(path, tree, *, root="archive", protocol=2, compression=zipfile.ZIP_STORED, extra=()):
    """Write what ``torch.save`` writes today; ``extra`` are further files, by name."""
    storages = {}
    content = _pickled(with_tensors(tree), storages, protocol)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{root}/data.pkl", content)
        for key, base in storages.items():
            archive.writestr(f"{root}/data/{key}", base.tobytes())
        for name, text in dict(extra).items():
            archive.writestr(f"{root}/{name}", text)
    return path


def write_row(path, tree, *, protocol=2):
    """Write what ``torch.save`` wrote before, a row of pickles and the storages."""
    storages = {}
    content = _pickled(with_tensors(tree), storages, protocol, is_older=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(value, protocol) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    rows = [struct.pack("<q", len(base)) + base.tobytes() for base in storages.values()]
    path.write_bytes(b"".join([*head, content, pickle.dumps(list(storages), protocol), *rows]))
    return path
