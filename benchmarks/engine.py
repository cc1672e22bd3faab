"""Images per second of networks that are only asked: cnnzoo's engine beside Keras, PyTorch, ONNX Runtime and OpenVINO.

    python benchmarks/engine.py [--networks vgg19 alexnet_2014 resnet50_v1_5] [--rounds 3] [--peers ...]

Each row is a process of its own, one after the other, with all cores; its figure is the median of some rounds, each of
at least three seconds, after one that does not count. Random weights, 224 x 224 pixels, 10 classes. "cnnzoo" is what a
user calls: ``Classifier.predict`` on arrays, with its list of predictions. The peers need PyTorch with torchvision, and
onnxruntime; a peer that is not installed is left out.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

NETWORKS = {"vgg19": "vgg19", "alexnet_2014": "alexnet", "resnet50_v1_5": "resnet50"}  # with torchvision's name
BATCHES = (32, 1)
SECONDS = 3.0  # of a round, at least
PEERS = {
    "cnnzoo": ("openvino", "onnx"),
    "cnnzoo, embed": ("openvino", "onnx"),
    "cnnzoo, engine keras": (),
    "Keras": (),
    "OpenVINO directly": ("openvino", "onnx"),
    "ONNX Runtime": ("onnxruntime", "onnx"),
    "PyTorch float32": ("torchvision",),
    "PyTorch bfloat16": ("torchvision",),
    "PyTorch bfloat16, compiled": ("torchvision",),
}
Ask = Callable[[np.ndarray], object]


def classifier(name: str, engine: str) -> Ask:
    from cnnzoo.evaluation import Classifier

    asked = Classifier(network(name), tuple("0123456789"), (224, 224), engine=engine)
    return lambda images: asked.predict(images)


def embedding(name: str) -> Ask:
    import cnnzoo

    backbone = cnnzoo.create_model(name, include_top=False, input_shape=(224, 224, 3))
    return lambda images: cnnzoo.pretrained.embed(backbone, images, engine="openvino", batch_size=len(images))


def network(name: str) -> object:
    import cnnzoo

    return cnnzoo.create_model(name, input_shape=(224, 224, 3))


def by_keras(name: str) -> Ask:
    return network(name).predict_on_batch


def by_openvino(name: str) -> Ask:
    """The shortest way that OpenVINO's documentation has, with its defaults but for the latency hint."""
    from cnnzoo._keras.engine import open_core
    from cnnzoo._keras.onnx_graph import write_onnx

    core = open_core()
    compiled = core.compile_model(core.read_model(write_onnx(network(name)).SerializeToString()), "CPU")
    return lambda images: compiled(images)[0]


def by_onnxruntime(name: str) -> Ask:
    import onnxruntime

    from cnnzoo._keras.onnx_graph import write_onnx

    content = write_onnx(network(name)).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})


def by_torch(name: str, dtype: str, *, is_compiled: bool = False) -> Ask:
    from tests.models.reference import torch, torchvision

    model = getattr(torchvision.models, NETWORKS[name])(num_classes=10).eval().to(memory_format=torch.channels_last)
    model = model.to(getattr(torch, dtype))
    model = torch.compile(model) if is_compiled else model

    def ask(images: np.ndarray) -> object:
        with torch.inference_mode():
            given = torch.from_numpy(images).permute(0, 3, 1, 2).to(getattr(torch, dtype))
            return torch.softmax(model(given).float(), 1).numpy()

    return ask


BUILDERS: dict[str, Callable[[str], Ask]] = {
    "cnnzoo": lambda name: classifier(name, "openvino"),
    "cnnzoo, embed": embedding,
    "cnnzoo, engine keras": lambda name: classifier(name, "keras"),
    "Keras": by_keras,
    "OpenVINO directly": by_openvino,
    "ONNX Runtime": by_onnxruntime,
    "PyTorch float32": lambda name: by_torch(name, "float32"),
    "PyTorch bfloat16": lambda name: by_torch(name, "bfloat16"),
    "PyTorch bfloat16, compiled": lambda name: by_torch(name, "bfloat16", is_compiled=True),
}


def rate(ask: Ask, images: np.ndarray, rounds: int) -> float:
    """Return the images per second, the median of ``rounds``."""
    rates = []
    for _ in range(rounds + 1):
        begin, count = time.perf_counter(), 0
        while time.perf_counter() - begin < SECONDS or not count:
            ask(images)
            count += len(images)
        rates.append(count / (time.perf_counter() - begin))
    return statistics.median(rates[1:])


def measure(name: str, peer: str, rounds: int) -> None:
    """Print the figures of one row."""
    images = np.random.default_rng(0).random((max(BATCHES), 224, 224, 3), np.float32)
    begin = time.perf_counter()
    ask = BUILDERS[peer](name)
    ask(images[:1])
    ready = time.perf_counter() - begin
    rates = [rate(ask, images[:batch], rounds) for batch in BATCHES]
    print(f"| {name} | {peer} | {' | '.join(f'{each:,.1f}' for each in rates)} | {ready:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        measure(*given.row, given.rounds)
        return
    print(f"| network | what | batches of {BATCHES[0]} | one by one | seconds until the first answer |")
    print("|---|---|---:|---:|---:|", flush=True)
    for name in given.networks:
        for peer in given.peers:
            if all(importlib.util.find_spec(needed) for needed in PEERS[peer]):
                words = [sys.executable, __file__, "--row", name, peer, "--rounds", str(given.rounds)]
                subprocess.run(words, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
