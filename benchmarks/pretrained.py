"""VGG19 on photographs: Keras Applications as users call it, ours, PyTorch and ONNX Runtime, in turn.

    python benchmarks/pretrained.py CIFAR10 [--repeats 5] [--only CONTENDER ...]

The same ten classes, weights and images, resized to 224 x 224, in all; the weights are drawn at random and the last
layer is scaled so that the classes differ. Each contender runs in a process of its own, which predicts once to warm up:
Keras' does not import cnnzoo, whose settings for TensorFlow it must not profit from. Prints images a second, in batches
of 32 and one by one, medians of the repeats, and how many images get the class that Keras Applications gives them.
The rows in bfloat16 appear where the processor computes it natively. Needs PyTorch, onnx, onnxscript and onnxruntime.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

IMAGES = 96
ONE_BY_ONE = 16
BATCH = 32
KERAS = "Keras Applications, predict"


def measure(predict_batches, predict_one, images):
    """Return images a second in batches and one by one, and the classes."""
    predict_batches(images[:BATCH])
    start = time.perf_counter()
    outputs = predict_batches(images)
    in_batches = len(images) / (time.perf_counter() - start)
    predict_one(images[:1])
    start = time.perf_counter()
    for position in range(ONE_BY_ONE):
        predict_one(images[position : position + 1])
    return in_batches, ONE_BY_ONE / (time.perf_counter() - start), np.argmax(outputs, axis=1).tolist()


def load_inputs(folder):
    with np.load(Path(folder, "weights.npz")) as file:
        weights = [file[f"arr_{number}"] for number in range(len(file.files))]
    return weights, np.load(Path(folder, "images.npy"))


def keras_applications(folder):
    import keras

    weights, images = load_inputs(folder)
    model = keras.applications.VGG19(weights=None, classes=10)
    model.set_weights(weights)
    return measure(
        lambda batch: model.predict(batch, batch_size=BATCH, verbose=0),
        lambda image: model.predict(image, verbose=0),
        images,
    )


def ours(policy):
    def run(folder):
        import cnnzoo  # first: it sets TensorFlow up

        # isort: split

        import keras

        weights, images = load_inputs(folder)
        keras.config.set_dtype_policy(policy)
        model = cnnzoo.pretrained.load("vgg19", weights=None, include_top=True, num_classes=10)
        model.set_weights(weights)
        return measure(
            lambda batch: cnnzoo.pretrained.embed(model, batch, batch_size=BATCH),
            lambda image: model.predict_on_batch(image),
            images,
        )

    return run


def torch_layers(weights):
    """VGG19 of PyTorch's layers, channels last, with weights in Keras' order of axes."""
    import torch
    from torch import nn

    layers, channels = [], 3
    for filters, convolutions in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10)]
    model = nn.Sequential(*layers).eval()
    # Keras flattens (7, 7, 512), PyTorch (512, 7, 7)
    flattened = [values.shape[0] for values in weights].index(25088)
    weights[flattened] = weights[flattened].reshape(7, 7, 512, -1).transpose(2, 0, 1, 3).reshape(25088, -1)
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights, strict=True):
            axes = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[values.ndim]
            parameter.copy_(torch.tensor(np.ascontiguousarray(values.transpose(axes))))
    return model.to(memory_format=torch.channels_last)


def pytorch(dtype_name):
    def run(folder):
        import torch

        weights, images = load_inputs(folder)
        dtype = getattr(torch, dtype_name)
        model = torch_layers(weights).to(dtype)

        @torch.inference_mode()
        def predict(batch):
            outputs = [model(torch.tensor(part).permute(0, 3, 1, 2).to(dtype)) for part in _parts(batch)]
            return torch.cat(outputs).float().numpy()

        return measure(predict, predict, images)

    return run


def onnx_runtime(folder):
    import onnxruntime
    import torch

    weights, images = load_inputs(folder)
    path = Path(folder, "vgg19.onnx")
    if not path.exists():
        torch.onnx.export(
            torch_layers(weights),
            (torch.zeros(2, 3, 224, 224),),
            path,
            dynamo=False,
            input_names=["images"],
            dynamic_axes={"images": {0: "n"}},
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def predict(batch):
        parts = [np.ascontiguousarray(part.transpose(0, 3, 1, 2)) for part in _parts(batch)]
        return np.concatenate([session.run(None, {"images": part})[0] for part in parts])

    return measure(predict, predict, images)


def _parts(images):
    return [images[start : start + BATCH] for start in range(0, len(images), BATCH)]


CONTENDERS = {
    KERAS: keras_applications,
    "cnnzoo": ours("float32"),
    "PyTorch's layers, channels last": pytorch("float32"),
    "ONNX Runtime": onnx_runtime,
}
IN_BFLOAT16 = {
    "cnnzoo, bfloat16": ours("mixed_bfloat16"),
    "PyTorch's layers, channels last, bfloat16": pytorch("bfloat16"),
}


def write_inputs(cifar10, folder):
    """Write images, and weights that tell them apart."""
    import cnnzoo  # first: it sets TensorFlow up

    # isort: split

    import keras

    _, test = cnnzoo.data.load_cifar10(fraction=IMAGES / 10_000, image_size=224, path=cifar10)
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG19(weights=None, classes=10)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))
    last = model.layers[-1]
    values = keras.Model(model.inputs[0], model.layers[-2].output).predict(test.images, verbose=0)
    logits = values @ np.asarray(last.kernel)
    last.kernel.assign(np.asarray(last.kernel) / logits.std(axis=0))
    last.bias.assign(-(logits / logits.std(axis=0)).mean(axis=0))
    np.savez(Path(folder, "weights.npz"), *model.get_weights())
    np.save(Path(folder, "images.npy"), test.images)


def has_bfloat16():
    from cnnzoo._keras.hardware import choose_precision

    return choose_precision("auto")[0] == "mixed_bfloat16"


def in_own_process(step, folder, *more):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, step, "--folder", folder, *more]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout


def main() -> None:
    contenders = {**CONTENDERS, **IN_BFLOAT16}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cifar10", help="a local archive or folder")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=list(contenders))
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        print(json.dumps(contenders[arguments.contender](arguments.folder)))
        return
    if arguments.folder:
        write_inputs(arguments.cifar10, arguments.folder)
        return
    names = arguments.only or list(contenders if has_bfloat16() else CONTENDERS)
    with tempfile.TemporaryDirectory() as folder:
        in_own_process(os.path.abspath(arguments.cifar10), folder)
        runs = {name: [] for name in names}
        for repeat in range(arguments.repeats):
            for name in names:
                output = in_own_process(arguments.cifar10, folder, "--contender", name)
                runs[name].append(json.loads(output.splitlines()[-1]))
                print(f"repeat {repeat}, {name}: {runs[name][-1][0]:.1f} {runs[name][-1][1]:.1f}", flush=True)
    print("| | images/s in batches of 32 | one by one | same class |\n|---|---:|---:|---:|")
    for name, rows in runs.items():
        batches, singles, (classes, *_) = zip(*rows, strict=True)
        same = np.mean(np.equal(classes, runs[names[0]][0][2]))
        print(f"| {name} | {_spread(batches)} | {_spread(singles)} | {same:.1%} |")


def _spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
