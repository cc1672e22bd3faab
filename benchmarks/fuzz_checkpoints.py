"""Damaged checkpoints of PyTorch: each must be read, or end in the documented error, and nothing in it may run.

Called by `python benchmarks/fuzz.py --checkpoints 10000`. The files are a zip file, an older row of pickles and a
.safetensors file of one small network. Each is changed in some of these ways: bits flipped, bytes overwritten, a part
cut out, doubled or moved, the end cut off, opcodes or a call of `os.system` put into the pickle, and numbers (lengths,
counts, offsets) set to extreme values.
"""

import random
import resource
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cnnzoo
from cnnzoo._support.checkpoints import normalization_of, open_checkpoint
from cnnzoo.models._torch_layout import classes_of
from tests.torch_checkpoints import write_row, write_zip

COUNTERPART = cnnzoo.model_card("resnet18").torchvision
LONGEST = 5  # seconds for a file
EXTREME = [0, 1, 127, 128, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]


def originals(folder: Path) -> list[Path]:
    """Write the files that are damaged."""
    draw = np.random.default_rng(0)
    state = {
        "conv1.weight": draw.standard_normal((8, 3, 3, 3)).astype("f4"),
        "bn1.running_var": draw.random(8).astype("f2"),
        "bn1.num_batches_tracked": np.array(3),
        "fc.weight": draw.standard_normal((5, 8)).astype("f4"),
        "fc.bias": np.zeros(5),
    }
    save_file(state, folder / "a.safetensors", {"mean": "[0.5, 0.5, 0.5]", "std": "[0.2, 0.2, 0.2]"})
    return [
        write_zip(folder / "zip.pth", {"state_dict": state, "epoch": 3}),
        write_row(folder / "row.pth", state),
        folder / "a.safetensors",
    ]


def damaged(content: bytes, chance: random.Random, mark: Path) -> bytes:
    """Change a file in one to three ways."""
    data = bytearray(content)
    command = f"touch {mark}".encode()
    call = b"cposix\nsystem\nX" + struct.pack("<I", len(command)) + command + b"\x85R"
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(max(len(data), 1))
        end = min(len(data), start + chance.randint(1, 64))
        way = chance.randrange(9)
        if way == 0 and data:
            data[start % len(data)] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[start:end] = chance.randbytes(end - start)
        elif way == 2:
            del data[start:end]
        elif way == 3:
            data[start:start] = data[start:end]
        elif way == 4:
            piece = data[start:end]
            del data[start:end]
            place = chance.randrange(len(data) + 1)
            data[place:place] = piece
        elif way == 5:
            del data[start:]
        elif way == 6:
            data[start:start] = bytes(chance.choices(range(256), k=chance.randint(1, 4)))
        elif way == 7:
            data[start:start] = call
        else:
            form = chance.choice(["<B", "<H", "<I", "<Q", ">I"])
            size = struct.calcsize(form)
            data[start : start + size] = struct.pack(form, chance.choice(EXTREME) % (1 << 8 * size))
    return bytes(data)


def fuzz(count: int, seed: int) -> bool:
    """Damage and open so many files, print what became of them, and return whether all ended as they should."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contents = {path: path.read_bytes() for path in originals(folder)}
        mark = folder / "ran"
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        for number in range(count):
            path = list(contents)[number % len(contents)]
            target = folder / f"damaged{path.suffix}"
            target.write_bytes(damaged(contents[path], random.Random(f"{seed}.{number}"), mark))
            outcomes[outcome_of(target, f"{seed}.{number}")] += 1
        seconds = time.perf_counter() - begun
        has_run = mark.exists()
    for outcome, files in outcomes.most_common():
        print(f"{files:,} {outcome}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    undocumented = count - outcomes["read"] - outcomes["refused"]
    print(
        f"{count:,} files in {seconds:.0f} s, {undocumented} undocumented exceptions, {int(has_run)} executed, ", end=""
    )
    print(f"memory grew by {grown / 1024:.0f} MB")
    return not undocumented and not has_run


def outcome_of(path: Path, name: str) -> str:
    """Open a file and read its tensors; say what happened."""
    begun = time.perf_counter()
    try:
        normalization_of(path)
        with open_checkpoint(path) as tensors:
            for tensor in tensors.values():
                np.asarray(tensor)
            classes_of(tensors, COUNTERPART, "predictions")
        return "read" if time.perf_counter() - begun < LONGEST else f"UNDOCUMENTED: too slow (file {name})"
    except ValueError as error:
        is_documented = any(words in str(error) for words in ("cannot be read as a checkpoint", "The metadata of"))
        return "refused" if is_documented else f"UNDOCUMENTED: {error} (file {name})"
    except Exception as error:  # what the fuzz looks for
        return f"UNDOCUMENTED: {type(error).__name__}: {error} (file {name})"
