"""Writing a trained network in a format of another framework, and checking what was written."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

import cnnzoo
from cnnzoo._keras.ending import find_ending
from cnnzoo._keras.engine import predict_on_batch, sides_of
from cnnzoo._keras.graph import computes_in_half
from cnnzoo._keras.parameters import count_parameters
from cnnzoo._keras.reading import IMAGES, ONNX_EXPORT, UnsupportedError
from cnnzoo._keras.scale import scale_of
from cnnzoo._support.files import check_target, put_in_place
from cnnzoo._support.wording import printable
from cnnzoo.data.given import Images as Given
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.evaluation.evaluator import batch_size_for
from cnnzoo.exporting._images import Images, find_images
from cnnzoo.exporting._script import script_name, script_of
from cnnzoo.exporting._subject import Subject, Writer
from cnnzoo.exporting._verification import Verification, outputs_of, verify
from cnnzoo.exporting.formats import FORMATS, Format, Options, check_options
from cnnzoo.models.cards import ModelCard
from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.pretrained.networks import network_name
from cnnzoo.pretrained.opening import Trained, name_of, open_trained
from cnnzoo.runs.run import Run

WRITERS = {  # the module of each format, and what writes it there
    "onnx": ("_onnx", "WRITER"),
    "litert": ("_tensorflow", "LITERT"),
    "openvino": ("_openvino", "WRITER"),
    "savedmodel": ("_tensorflow", "SAVED_MODEL"),
    "torch": ("_torch", "WRITER"),
    "keras": ("_keras_file", "WRITER"),
}
MOST_CHARACTERS = 300  # of the messages of other packages
SAVED_MODEL_FILE = "saved_model.pb"
RANGES = {"unit": "pixels in [0, 1]", "byte": "pixels in [0, 255]", "raw": "in the range of its training"}


@dataclass(frozen=True, repr=False)
class Exported:
    """What was exported.

    Attributes:
        path: The file; for SavedModel, the folder.
        size: Its size in bytes, with that of a file of weights beside it.
        script: A script that runs it on a picture without cnnzoo; None where pictures cannot be prepared for the
            network, as their size or range is unknown.
        verification: How its outputs compare with those of Keras; None for weights of torchvision's networks where
            torchvision cannot be imported.
        metadata: What is written into it: the classes, what the images have to be, the paper, how it was verified.
    """

    path: Path
    size: int
    script: Path | None
    verification: Verification | None
    metadata: dict[str, str]

    def __repr__(self) -> str:
        """Say what was written, and how it compares."""
        return f"<Exported {self.path}, {self.size:,} bytes. {self.verification or 'Not verified.'}>"


def export(
    network: Trained,
    path: str | os.PathLike[str] | None = None,
    *,
    to: str = "onnx",
    float16: bool = False,
    int8: bool = False,
    layout: str | None = None,
    opset: int | None = None,
    images: Given | None = None,
    force: bool = False,
) -> Exported:
    """Write a trained network for another framework, with a script beside it that runs it on a picture.

    Before the file gets its name, it is run on up to 1,000 images and compared with Keras: on the run's test images
    where they are at hand, on the digits that ship for networks of digits, otherwise on random images. Nothing is left
    where they differ.

    The file takes any number of images, as the network does in Keras: float32, usually pixels in [0, 1], with the
    network's preprocessing within. Weights of torchvision's own networks are the exception: these take images that are
    normalised first, and give logits.

    Args:
        network: A run folder, or a name, as ``cnnzoo predict`` takes them; a ``Run``; a ``Classifier``; or a Keras
            model, or the file that Keras saved it in. Where this package did not train or load the model, its classes
            have numbers as names, pictures are resized, and if its graph does not show what pixels it takes, there is
            no script: a ``Classifier`` says all that.
        path: The file to write, with the suffix of the format, or for SavedModel the folder; None: the name of the
            network, or of the run's folder, in the working directory, with "_float16" or "_int8".
        to: One of ``cnnzoo.exporting.FORMATS``: "onnx", "litert", "openvino", "savedmodel", "torch", "keras".
        float16: Whether to store weights as float16, in half the space. Most frameworks compute in float32 with them.
        int8: Whether to quantise weights and maps to 8 bits, calibrated on 200 training images, or on ``images``.
        layout: The order of the axes of images, "nhwc" or "nchw". None: "nchw" for PyTorch, otherwise "nhwc".
        opset: For ONNX, the version of its operators, 17 to 22; None: 18.
        images: Images to compare and to calibrate on, as ``Run.predict`` takes them, in place of the run's. Files in
            folders with the names of classes show how accuracy changes.
        force: Whether to overwrite existing files.

    Returns:
        The file, its size, and how it compares with Keras.

    Raises:
        ValueError: An option is unknown, a package is missing, the format does not have a layer, or the file does not
            give what Keras gives; the message says which.
        FileNotFoundError: ``network`` names nothing, or the folder to write to does not exist.
        FileExistsError: The file, or one beside it, exists and ``force`` is false.
        OSError: The file cannot be written.
    """
    form, options = check_options(to, float16=float16, int8=int8, layout=layout, opset=opset)
    _check_backend(form)
    if path is not None:
        _check_targets(Path(path), form, force)  # before a network is loaded
    classifier, run = open_trained(network)
    if run is None and not isinstance(network, Classifier) and scale_of(classifier.model) is None:
        classifier = replace(classifier, scale="raw")  # nothing tells what pixels it takes
        _check_no_images_needed(classifier, images, int8=int8)
    name = name_of(classifier, run)
    target = Path(path) if path is not None else _named_target(name, form, options)
    _check_targets(target, form, force)
    found = find_images(classifier, run, images, is_calibrated=int8)
    wanted = outputs_of(lambda batch: predict_on_batch(classifier.model, batch), found.images, _batch(classifier))
    kind = find_ending(classifier.model, lambda: wanted).kind
    subject = Subject(name, classifier, run, _card_of(network, run), kind)
    with _workshop(target) as folder:
        draft = folder / target.name
        writer = _writer(form)
        verification, own = _written(subject, draft, writer, form, options, found, wanted)
        metadata = _metadata(subject, options, verification) | own
        writer.describe(draft, metadata)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        script, text = folder / script_name(target, form), script_of(subject, form, options, target, metadata)
        if text is not None:
            script.write_text(text, encoding="utf-8")
        put_in_place(folder, target)
        if text is None:  # that of a file before
            target.with_name(script.name).unlink(missing_ok=True)
    return Exported(target, size, None if text is None else target.with_name(script.name), verification, metadata)


def _check_no_images_needed(classifier: Classifier, images: Given | None, *, int8: bool) -> None:
    if images is None and not int8:
        return
    sides = ", ".join(map(str, classifier.image_size or ("height", "width")))
    raise ValueError(
        f"The graph of {classifier.model.name} does not show what pixels it takes, so no images can be prepared for "
        f'it. Say it: `cnnzoo.evaluation.Classifier(model, class_names, ({sides}), scale="unit")` for [0, 1], "byte" '
        "for [0, 255]."
    )


def _named_target(name: str, form: Format, options: Options) -> Path:
    """Return the file in the working directory that a network gets where the user gives none."""
    precision = "" if options.precision == "float32" else f"_{options.precision}"
    return Path(f"{name}{precision}{form.suffix or f'_{form.name}'}")


def _check_backend(form: Format) -> None:
    backend = keras.backend.backend()
    if form.of_tensorflow and backend != "tensorflow":
        raise ValueError(
            f"{form.title} is written by TensorFlow, and Keras runs on {backend}. Start again with the environment "
            "variable KERAS_BACKEND=tensorflow; a run or a file opens there, too."
        )


def _check_targets(path: Path, form: Format, force: bool) -> None:
    """Raise an error if one of the files cannot be written there."""
    if path.suffix != form.suffix and form.suffix:
        raise ValueError(f"The file must end in {form.suffix}. Received: '{path}'")
    if not form.suffix and path.suffix in {each.suffix for each in FORMATS.values() if each.suffix}:
        raise ValueError(f"{form.title} is a folder, and '{path.suffix}' is the suffix of files. Received: '{path}'")
    is_replaced = force and not form.suffix and (path / SAVED_MODEL_FILE).is_file()  # no other folder is
    if not is_replaced:
        check_target(path, force=force)
    beside = [path.with_suffix(".bin")] if form.name == "openvino" else []
    for each in (path.with_name(script_name(path, form)), *beside):
        check_target(each, force=force)


def _card_of(network: Trained, run: Run | None) -> ModelCard | None:
    """Return what the network is in this zoo, if it is certain that it is of it."""
    if run is not None:
        name: str | None = run.network
    else:
        name = network_name(network) if isinstance(network, str | os.PathLike) else None
    return MODEL_CARDS.get(str(name))


def _writer(form: Format) -> Writer:
    module, name = WRITERS[form.name]
    writer: Writer = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return writer


def _batch(classifier: Classifier) -> int:
    return batch_size_for(sides_of(classifier.model))


@contextlib.contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """Make a folder beside ``target`` in which all is written first; whatever is left of it is removed."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
        try:
            with _ended_by_exception():
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise OSError(f"'{target}' cannot be written ({error.strerror or error}). Choose another path.") from error


@contextlib.contextmanager
def _ended_by_exception() -> Iterator[None]:
    """Let SIGTERM raise ``SystemExit``, so that what was begun is removed."""
    if threading.current_thread() is not threading.main_thread():  # others cannot set it
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _written(
    subject: Subject, path: Path, writer: Writer, form: Format, options: Options, found: Images, wanted: np.ndarray
) -> tuple[Verification | None, dict[str, str]]:
    """Write the file and run it; return how it compares with Keras, and what belongs into its metadata."""
    mixed = computes_in_half(subject.model)
    if mixed and form.name == "litert":
        raise ValueError(
            f"{form.title} takes networks that compute in float32, and {subject.name} computes in mixed precision. "
            "Build it with the dtype policy 'float32', and give it the weights."
        )
    with _explained(f"{subject.name} cannot be written as {form.title}", form, path.parent):
        own = writer.write(subject, path, options, found.calibrating if options.int8 else None)
    with _explained(f"The file of {form.title} was written, but does not run", form, path.parent):
        predictor = writer.open(path, options)
        if predictor is None:
            return None, own
        outputs = outputs_of(predictor, found.images, _batch(subject.classifier))
    precision = "mixed" if mixed and not options.int8 else options.precision
    return verify(outputs, wanted, found, subject.kind, precision), own


@contextlib.contextmanager
def _explained(what: str, form: Format, folder: Path) -> Iterator[None]:
    """Turn the exceptions of other packages into a sentence, without the temporary folder."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except UnsupportedError as error:
        raise UnsupportedError(str(error).replace(ONNX_EXPORT, f"The export to {form.title}")) from error
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        cause = lines[0].replace(f"{folder}{os.sep}", "")
        raise ValueError(f"{what}: {cause[:MOST_CHARACTERS]}") from error


def _metadata(subject: Subject, options: Options, verification: Verification | None) -> dict[str, str]:
    """Return what is told about the network, in words and as JSON."""
    classifier, card = subject.classifier, subject.card
    *sides, channels = (str(side or "any") for side in subject.model.input_shape[1:])
    axes = ", ".join(["n", *sides, channels] if options.layout == "nhwc" else ["n", channels, *sides])
    known = {
        "network": subject.name,
        "params": str(count_parameters(subject.model).params),
        "class_names": json.dumps([printable(name) for name in classifier.class_names], ensure_ascii=False),
        "input": f"{IMAGES}: float32 of shape ({axes}), {RANGES[classifier.scale]}",
        "layout": options.layout,
        "preparation": classifier.preparation,
        "outputs": subject.kind,
        "precision": options.precision,
        "exported_by": f"cnnzoo {cnnzoo.__version__}",
    }
    if card is not None:
        known["paper"] = f"{', '.join(card.authors)}: {card.paper} ({card.year})"
        known["reference"] = card.reference
    if verification is not None:
        known["verification"] = str(verification)
        known["difference"] = f"{verification.difference:.3g}"
        known["agreement"] = f"{verification.agreement:.6g}"
    return known
