"""Networks as TensorFlow's SavedModel, and as LiteRT, which is written from it. Need TensorFlow as Keras' backend."""

from __future__ import annotations

import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo._keras.engine import Predictor
from cnnzoo._keras.reading import IMAGES, OUTPUT
from cnnzoo.exporting._subject import Subject, Writer
from cnnzoo.exporting.formats import METADATA, Options

SIGNATURE = "serving_default"
EXTRAS = "assets.extra"  # the folder of a SavedModel for files of others
LABELS = "labels.txt"  # as LiteRT's own tools expect them


def write_saved_model(subject: Subject, path: Path, options: Options, calibrating: np.ndarray | None) -> dict[str, str]:
    """Write the network into the folder ``path``, with one signature, from images to outputs."""
    import tensorflow as tf

    model = subject.model

    class Served(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
        def __init__(self) -> None:
            super().__init__()
            self.kept = [variable.value for variable in model.variables]

        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec(model.inputs[0].shape, tf.float32, name=IMAGES)], autograph=False
        )
        def serve(self, images: Any) -> dict[str, Any]:
            return {OUTPUT: tf.cast(model(images, training=False), tf.float32)}

    served = Served()
    tf.saved_model.save(served, str(path), signatures={SIGNATURE: served.serve})
    return {}


def describe_saved_model(path: Path, metadata: dict[str, str]) -> None:
    """Write metadata into ``assets.extra/cnnzoo.json``."""
    (path / EXTRAS).mkdir()
    (path / EXTRAS / METADATA).write_text(json.dumps(metadata, indent=1), encoding="utf-8")


def open_saved_model(path: Path, options: Options) -> Predictor:
    """Return a function from images, with their channels last, to the outputs of the file."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[SIGNATURE]

    def predict(images: np.ndarray, _: Any = loaded) -> np.ndarray:  # which owns the weights
        outputs: np.ndarray = serve(**{IMAGES: tf.constant(images)})[OUTPUT].numpy()
        return outputs

    return predict


def write_litert(subject: Subject, path: Path, options: Options, calibrating: np.ndarray | None) -> dict[str, str]:
    """Write the network into the file ``path``."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        write_saved_model(subject, Path(folder), options, None)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if options.float16 or calibrating is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if options.float16:
            converter.target_spec.supported_types = [tf.float16]
        if calibrating is not None:
            converter.representative_dataset = lambda: _one_by_one(calibrating)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own parts, which are to leave TensorFlow
            path.write_bytes(converter.convert())
    return {}


def describe_litert(path: Path, metadata: dict[str, str]) -> None:
    """Append metadata as files of a zip archive, as LiteRT's own tools do."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(METADATA, json.dumps(metadata, indent=1))
        archive.writestr(LABELS, "\n".join(" ".join(name.split()) for name in json.loads(metadata["class_names"])))


def open_litert(path: Path, options: Options) -> Predictor:
    """Return a function from images, with their channels last, to the outputs of the file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    serve = interpreter.get_signature_runner(SIGNATURE)

    def predict(images: np.ndarray, _: Any = interpreter) -> np.ndarray:  # which owns the network
        outputs: np.ndarray = serve(**{IMAGES: images})[OUTPUT]
        return outputs

    return predict


def _one_by_one(images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    for image in images:
        yield {IMAGES: image[np.newaxis]}


SAVED_MODEL = Writer(write_saved_model, describe_saved_model, open_saved_model)
LITERT = Writer(write_litert, describe_litert, open_litert)
