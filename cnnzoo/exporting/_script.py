"""The script beside an exported file, which runs it on one picture without cnnzoo."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import cnnzoo
from cnnzoo._keras.parameters import flat_layers
from cnnzoo._support.wording import printable
from cnnzoo.data.mnist import PADDING
from cnnzoo.data.preparing import DIGIT_BOX, DIGIT_FIELD, GRAIN, LARGEST_SIDE, STROKE, shorter_side_of
from cnnzoo.exporting._subject import Subject
from cnnzoo.exporting.formats import METADATA, Format, Options

BILINEAR = "Image.Resampling.BILINEAR"
SHOWN = 3  # classes


@dataclass(frozen=True)
class Runtime:
    """How a file is run in Python.

    Attributes:
        needs: What has to be installed for it, beside NumPy and Pillow.
        modules: The modules of Python that it needs.
        imports: The lines that import the others.
        lines: The lines that open the file ``path``, read ``classes``, and turn ``images`` into ``outputs``.
    """

    needs: str
    modules: tuple[str, ...]
    imports: tuple[str, ...]
    lines: tuple[str, ...]


RUNTIMES = {
    "onnx": Runtime(
        "onnxruntime",
        ("json",),
        ("import onnxruntime",),
        (
            'session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])',
            'classes = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])',
            'outputs = session.run(["output"], {"images": images})[0]',
        ),
    ),
    "litert": Runtime(
        "ai-edge-litert",
        ("json", "zipfile"),
        ("from ai_edge_litert.interpreter import Interpreter",),
        (
            "interpreter = Interpreter(str(path))",
            f'classes = json.loads(json.loads(zipfile.ZipFile(path).read("{METADATA}"))["class_names"])',
            'outputs = interpreter.get_signature_runner()(images=images)["output"]',
        ),
    ),
    "openvino": Runtime(
        "openvino",
        ("json",),
        ("import openvino",),
        (
            "model = openvino.Core().read_model(path)",
            'classes = json.loads(model.get_rt_info(["cnnzoo", "class_names"]).astype(str))',
            'network = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})',
            "outputs = network(images)[0]",
        ),
    ),
    "savedmodel": Runtime(
        "tensorflow",
        ("json",),
        ("import tensorflow as tf",),
        (
            "network = tf.saved_model.load(str(path))",
            f'metadata = json.loads((path / "assets.extra" / "{METADATA}").read_text(encoding="utf-8"))',
            'classes = json.loads(metadata["class_names"])',
            'outputs = network.signatures["serving_default"](images=tf.constant(images))["output"].numpy()',
        ),
    ),
    "keras": Runtime(
        "keras with a backend",
        ("json", "zipfile"),
        ("import keras",),
        (
            "network = keras.saving.load_model(path, compile=False)",
            f'classes = json.loads(json.loads(zipfile.ZipFile(path).read("{METADATA}"))["class_names"])',
            "outputs = network.predict(images, verbose=0)",
        ),
    ),
    "torch": Runtime(
        "torch, safetensors",
        ("json",),
        ("import torch", "from safetensors import safe_open", "from safetensors.torch import load_file"),
        (
            "network.load_state_dict(load_file(path), strict=True)",
            "network.eval()",
            'with safe_open(path, "pt") as file:',
            '    classes = json.loads(file.metadata()["class_names"])',
            "outputs = network(torch.tensor(images)).detach().numpy()",
        ),
    ),
}


def script_of(subject: Subject, form: Format, options: Options, path: Path, metadata: dict[str, str]) -> str | None:
    """Return the text of the script for the file ``path``.

    None where a picture cannot be prepared for the network: of one size, and one or three channels, in a known range.
    """
    classifier = subject.classifier
    shape = (*(classifier.image_size or (None, None)), subject.model.input_shape[3])
    if classifier.scale == "raw" or None in shape or shape[2] not in (1, 3):
        return None
    module = metadata.get("module")
    head, body = _head(subject, form, path, metadata), _body(subject, form, options, path, metadata)
    if module is None:
        return _joined([*head, *body])
    main = ['if __name__ == "__main__":', indent(_joined(body), "    ").rstrip()]
    return _joined([*head, "", module, "", "", *main])


def _head(subject: Subject, form: Format, path: Path, metadata: dict[str, str]) -> list[str]:
    """Return the lines that say what the script is, and import what it needs."""
    runtime = RUNTIMES[form.name]
    needs, imports = [runtime.needs], [*runtime.imports]
    if "torchvision" in metadata:
        needs.append("torchvision")
        imports.append("import torchvision")
    if "module" in metadata:
        imports += ["import torch.nn.functional as F", "from torch import nn"]
    for module in _modules_of_layers(subject) if form.name == "keras" else ():
        needs.append(module.partition(".")[0])
        imports.append(f"import {module}  # layers of this network that Keras does not have")
    return [
        f'"""{_plain(subject.card.title if subject.card else subject.name)}: the class of a picture.',
        "",
        f"    python {_plain(script_name(path, form))} PICTURE",
        "",
        f"Needs {', '.join(needs)}, numpy and pillow. Written by cnnzoo {cnnzoo.__version__}.",
        '"""',
        "",
        *sorted(f"import {each}" for each in {*runtime.modules, "sys"}),
        "from pathlib import Path",
        "",
        "import numpy as np",
        *sorted(imports),
        "from PIL import Image, ImageOps",
        "",
    ]


def _body(subject: Subject, form: Format, options: Options, path: Path, metadata: dict[str, str]) -> list[str]:
    """Return the lines that open the file and predict the picture."""
    torchvision = metadata.get("torchvision")
    build = f"torchvision.models.{torchvision}" if torchvision else "Network()"
    return [
        "if len(sys.argv) != 2:",
        f'    sys.exit("usage: python {_plain(script_name(path, form))} PICTURE")',
        f"path = Path(__file__).with_name({json.dumps(path.name)})",
        *_prepared(subject, options.layout, metadata),
        *([f"network = {build}"] if form.name == "torch" else []),
        *RUNTIMES[form.name].lines,
        *PROBABILITIES["logits" if torchvision else subject.kind],
        f"for number in np.argsort(-probabilities)[:{SHOWN}]:",
        '    print(f"{classes[number]}: {probabilities[number]:.1%}")',
    ]


def script_name(path: Path, form: Format) -> str:
    """Return the name of the script for the file ``path``."""
    return f"{path.name.removesuffix(form.suffix).removesuffix(f'_{form.name}')}_{form.name}.py"


# From `outputs`, of each kind, to those of the classes of the one image
PROBABILITIES = {
    "softmax": ("probabilities = outputs[0]",),
    "logits": ("probabilities = np.exp(outputs[0] - outputs[0].max())", "probabilities /= probabilities.sum()"),
    "sigmoid": ("probabilities = np.array([1 - outputs[0, 0], outputs[0, 0]])",),
    "logit": ("probabilities = 1 / (1 + np.exp([outputs[0, 0], -outputs[0, 0]]))",),
}


def _prepared(subject: Subject, layout: str, metadata: dict[str, str]) -> Iterable[str]:
    """Yield the lines that read a picture and make ``images`` of it, as cnnzoo does."""
    classifier = subject.classifier
    height, width = classifier.image_size or (0, 0)
    channels = subject.model.input_shape[3]
    mode = "L" if channels == 1 or classifier.preparation == "digit" else "RGB"
    yield 'picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGBA")'
    yield f'picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("{mode}")'
    factor = "" if classifier.scale == "byte" else " / 255"
    if classifier.preparation == "digit":
        yield from _digit(height, width)
        factor = " * 255" if classifier.scale == "byte" else ""
    elif classifier.preparation == "crop":
        length = classifier.shorter_side or shorter_side_of((height, width))
        yield f"sides = [{length} * side // min(picture.size) for side in picture.size]  # the shorter one has {length}"
        yield f"picture = picture.resize(sides, {BILINEAR})"
        yield f"left, top = round((sides[0] - {width}) / 2), round((sides[1] - {height}) / 2)"
        yield f"picture = picture.crop((left, top, left + {width}, top + {height}))"
    else:
        yield f"picture = picture.resize(({width}, {height}), {BILINEAR})"
    pixels = f"np.asarray(picture, np.float32).reshape(1, {height}, {width}, {1 if mode == 'L' else 3}){factor}"
    yield f"images = {pixels}"
    if mode == "L" and channels == 3:
        yield "images = images.repeat(3, axis=3)"
    if "torchvision" in metadata:
        mean, std = (metadata[key] for key in ("mean", "std"))
        yield f"images = (images - np.float32({mean})) / np.float32({std})"
    if layout == "nchw":
        yield "images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))"


def _digit(height: int, width: int) -> Iterable[str]:
    """Yield the lines that place a digit as MNIST's are: light on dark, in a box, centred by mass."""
    yield f"picture.thumbnail(({LARGEST_SIDE}, {LARGEST_SIDE}))"
    yield "pixels = np.asarray(picture, np.float32) / 255"
    yield "paper = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]))"
    yield "if pixels.min() == pixels.max():"
    yield '    sys.exit("The picture shows no digit: it has a single colour.")'
    yield "ink = pixels - paper if paper <= (pixels.min() + pixels.max()) / 2 else paper - pixels"
    yield f"ink = np.clip((ink / ink.max() - {GRAIN}) / {1 - GRAIN}, 0, 1)"
    yield f"rows, columns = (np.flatnonzero((ink > {STROKE}).any(axis)) for axis in (1, 0))"
    yield "box = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])"
    yield f"sides = [max(1, round({DIGIT_BOX} * side / max(box.size))) for side in box.size]"
    yield f"box = np.asarray(box.resize(sides, {BILINEAR}))"
    yield f"field = np.zeros(({DIGIT_FIELD}, {DIGIT_FIELD}), np.float32)"
    yield "centre = [(np.indices(box.shape)[axis] + 0.5).ravel() @ box.ravel() / box.sum() for axis in (0, 1)]"
    yield (
        f"top, left = (int(np.clip(round({DIGIT_FIELD // 2} - centre[axis]), 0, {DIGIT_FIELD} - box.shape[axis])) "
        "for axis in (0, 1))"
    )
    yield "field[top : top + box.shape[0], left : left + box.shape[1]] = box / box.max()"
    resized = f".resize(({width}, {height}), {BILINEAR})"
    whole = DIGIT_FIELD + 2 * PADDING
    yield f"picture = Image.fromarray(np.pad(field, {PADDING})){'' if (height, width) == (whole, whole) else resized}"


def _modules_of_layers(subject: Subject) -> list[str]:
    """Return the modules with layers that Keras does not have; none for those of a script or a notebook."""
    modules = {type(layer).__module__ for layer in flat_layers(subject.model)}
    return sorted(each for each in modules if not each.startswith("keras.") and each != "__main__")


def _plain(name: str) -> str:
    """Return a name that can stand in a docstring."""
    return "".join(each for each in printable(name) if each.isprintable() and each not in '"\\')


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
