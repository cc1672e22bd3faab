"""Networks as files of other frameworks: seconds, peak memory, size, and how their outputs compare with those of Keras.

    python benchmarks/exports.py [--networks lenet5 alexnet vgg19 ...] [--ways onnx "model.export" ...] [--unsure]

Each row is a process of its own, one after the other. Random weights where none ship, at the size of the paper. Seconds
and memory are from the built network to the file in its place: of cnnzoo with its verification on up to 1,000 images;
of ``model.export`` (Keras with tf2onnx) and ``torch.onnx`` (the same network of torchvision, with onnxscript) without
any. Memory is how much the process grows at its peak, as a multiple of the weights in float32, and in GB. A row that
takes more than ``--limit`` GB or ``--seconds`` is ended.
"""

import argparse
import contextlib
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETWORKS = (
    *("lenet5", "alexnet", "alexnet_2012", "vgg19", "googlenet"),
    *("resnet20", "resnet50", "densenet121", "mobilenet_v2", "inception_v3"),
)
WAYS = {
    "onnx": (),
    "onnx, float16": (),
    "litert": ("ai_edge_litert",),
    "openvino": ("openvino",),
    "savedmodel": (),
    "torch": ("torch",),
    "keras": (),
    "model.export": ("tf2onnx",),
    "torch.onnx": ("torchvision", "onnxscript"),
}
WITHIN = "/proc/self/status"


def grown(line: str) -> float:
    """Return the memory of this process, or its peak, in bytes."""
    return 1024 * int(Path(WITHIN).read_text().split(line)[1].split()[0])


def start() -> tuple[float, float]:
    """Return the time and the memory of this process, and let its peak begin anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return time.perf_counter(), grown("VmRSS:")


def network(name: str, *, unsure: bool = False) -> object:
    import keras

    import cnnzoo

    keras.utils.set_random_seed(0)
    shipped = cnnzoo.model_card(name).weights
    weights = next((each for each in ("mnist", "cifar10") if each in shipped), None)
    model = cnnzoo.create_model(name, weights=weights)
    if unsure and weights is None:
        make_unsure(model)
    return model if len(model.outputs) == 1 else keras.Model(model.inputs, model.outputs[0])


def make_unsure(model: object) -> None:
    """Divide the classifier's kernel by the spread of its outputs, so that they differ between images."""
    import keras
    import numpy as np

    head = next(layer for layer in reversed(model.layers) if hasattr(layer, "kernel"))
    images = np.random.default_rng(0).random((4, *model.input_shape[1:]), np.float32)
    values = keras.ops.convert_to_numpy(keras.Model(model.inputs, head.input)(images, training=False))
    kernel = keras.ops.convert_to_numpy(head.kernel)
    head.kernel.assign(kernel / np.std(values.reshape(-1, kernel.shape[-2]) @ kernel.reshape(-1, kernel.shape[-1])))


def by_cnnzoo(name: str, way: str, path: Path, *, unsure: bool) -> tuple[float, float, int, str]:
    import cnnzoo

    to, _, precision = way.partition(", ")
    model = network(name, unsure=unsure)
    begin, before = start()
    exported = cnnzoo.export(
        model, path.with_suffix(cnnzoo.exporting.FORMATS[to].suffix), to=to, float16=bool(precision)
    )
    seconds = time.perf_counter() - begin
    seen = exported.verification
    return seconds, grown("VmHWM:") - before, exported.size, f"{seen.difference:.1e} | {seen.agreement:.0%}"


def by_keras(name: str, path: Path) -> tuple[float, float, int, str]:
    model = network(name)
    model(model.inputs[0])
    begin, before = start()
    model.export(path, format="onnx", verbose=False)
    return time.perf_counter() - begin, grown("VmHWM:") - before, path.stat().st_size, "not compared"


def by_torch(name: str, path: Path) -> tuple[float, float, int, str]:
    import cnnzoo
    from tests.models.reference import torch, torchvision

    card = cnnzoo.model_card(name)
    options = {"init_weights": False} if card.torchvision.auxiliary_prefixes else {}  # which takes minutes
    model = getattr(torchvision.models, card.torchvision.network)(num_classes=10, **options).eval()
    images = torch.zeros(2, card.input_shape[2], *card.input_shape[:2])
    begin, before = start()
    settings = {"dynamo": True, "external_data": False, "verbose": False}
    torch.onnx.export(model, (images,), path, dynamic_shapes=[{0: torch.export.Dim("n")}], **settings)
    return time.perf_counter() - begin, grown("VmHWM:") - before, path.stat().st_size, "not compared"


def measure(name: str, way: str, *, unsure: bool) -> None:
    """Print the figures of one row."""
    import cnnzoo

    weights = 4 * (cnnzoo.model_card(name).params + cnnzoo.model_card(name).buffers)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(None):
        path = Path(folder) / "network.onnx"
        if way == "model.export":
            figures = by_keras(name, path)
        elif way == "torch.onnx":
            figures = by_torch(name, path)
        else:
            figures = by_cnnzoo(name, way, path, unsure=unsure)
    seconds, memory, size, compared = figures
    sizes = f"{size / 1e6:.1f} | {seconds:.1f} | {memory / 1e9:.2f} | {memory / weights:.1f}"
    print(f"| {name} | {way} | {sizes} | {compared} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--limit", type=float, default=16, help="GB of memory that a row may take")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--unsure", action="store_true", help="scale random classifiers, so that outputs differ")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        resource.setrlimit(resource.RLIMIT_DATA, (int(given.limit * 1e9),) * 2)
        measure(*given.row, unsure=given.unsure)
        return
    print("| network | way | MB | seconds | peak, GB | x weights | largest difference | same class |")
    print("|---|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name in given.networks:
        for way in given.ways:
            row(name, way, given)


def row(name: str, way: str, given: argparse.Namespace) -> None:
    """Print the figures of one row, or why there are none."""
    import cnnzoo

    missing = [package for package in WAYS[way] if importlib.util.find_spec(package) is None]
    if missing or (way == "torch.onnx" and cnnzoo.model_card(name).torchvision is None):
        return
    command = [sys.executable, __file__, "--limit", str(given.limit), "--row", name, way, *["--unsure"][: given.unsure]]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=given.seconds, env=environment)
    except subprocess.TimeoutExpired:
        print(f"| {name} | {way} | more than {given.seconds:.0f} s |", flush=True)
        return
    if ended.returncode:
        lines = [line for line in ended.stderr.splitlines() if line.strip() and not line.startswith(("I0", "W0"))]
        reason = f"by signal {-ended.returncode}" if ended.returncode < 0 else (lines or ["no message"])[-1][:120]
        print(f"| {name} | {way} | failed within {given.limit:g} GB: {reason} |", flush=True)
    else:
        print(ended.stdout.splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
