"""Loading VGG19's checkpoint of 575 MB: time and memory, beside PyTorch's reader and Keras' `set_weights`.

    python benchmarks/checkpoints.py [--network vgg19] [--repeats 3]

A checkpoint with random weights is written as torchvision writes it, in both of PyTorch's formats and as .safetensors.
Each contender runs in a process of its own: ours, `cnnzoo.models.vgg19(weights=FILE)`; theirs, the same network with
initial weights, then `torch.load`, transposed, and `set_weights`. Prints the seconds from the file to the network, and
how far the memory of the process has grown over that before, as a multiple of the file's size. Needs PyTorch.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

OURS = """
model = cnnzoo.create_model(name, weights=path)
"""
THEIRS = """
import torch
model = cnnzoo.create_model(name, num_classes=1000)
state = torch.load(path, weights_only=True)
wanted = {}
for key, value in state.items():
    array = value.numpy()
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    elif array.ndim == 2 and array.shape[1] == 25088:  # VGG's first dense layer
        array = array.reshape(-1, 512, 7, 7).transpose(2, 3, 1, 0).reshape(25088, -1)
    elif array.ndim == 2:
        array = array.T
    wanted[key] = array
model.set_weights(list(wanted.values()))
"""
MEASURED = """
import os, resource, sys, time
sys.path.insert(0, ROOT)
import cnnzoo, keras
name, path = sys.argv[1:]
cnnzoo.create_model("lenet5")  # loads what any network needs
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, begun = peak(), time.perf_counter()
CODE
print(time.perf_counter() - begun, (peak() - before) / os.path.getsize(path))
"""
WRITE = """
import sys
sys.path.insert(0, ROOT)
import torch
from safetensors.torch import save_file
from tests.models.reference import torchvision
name, folder = sys.argv[1:]
state = getattr(torchvision.models, name)(weights=None).state_dict()
torch.save(state, f"{folder}/zip.pth")
torch.save(state, f"{folder}/row.pth", _use_new_zipfile_serialization=False)
save_file(state, f"{folder}/a.safetensors")
"""


def run(code: str, *arguments: str) -> list[float]:
    """Run code in a process of its own and return the numbers that it prints."""
    root = repr(str(Path(__file__).resolve().parents[1]))
    command = [sys.executable, "-c", code.replace("ROOT", root), *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return [float(each) for each in printed]


def main() -> None:
    """Measure each contender and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="vgg19", help="one that is called the same in torchvision")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    contenders = {
        "cnnzoo, .pth (zip)": (OURS, "zip.pth"),
        "cnnzoo, .pth (older)": (OURS, "row.pth"),
        "cnnzoo, .safetensors": (OURS, "a.safetensors"),
        "torch.load, set_weights": (THEIRS, "zip.pth"),
    }
    with tempfile.TemporaryDirectory() as folder:
        run(WRITE, given.network, folder)
        for name, (code, file) in contenders.items():
            rows = [
                run(MEASURED.replace("CODE", code), given.network, f"{folder}/{file}") for _ in range(given.repeats)
            ]
            seconds, memory = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{name:25} {seconds:6.2f} s, memory {memory:.2f} x the file")


if __name__ == "__main__":
    main()
