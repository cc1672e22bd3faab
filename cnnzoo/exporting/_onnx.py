"""Networks as ONNX, run by ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cnnzoo._keras.engine import Predictor
from cnnzoo._keras.onnx_graph import OPSET, OPSETS, Form, add_metadata, save_onnx
from cnnzoo._keras.reading import IMAGES, UnsupportedError
from cnnzoo.exporting._subject import Subject, Writer
from cnnzoo.exporting.formats import Options

BATCH = 32  # images, of calibration


def write(subject: Subject, path: Path, options: Options, calibrating: np.ndarray | None) -> dict[str, str]:
    """Write the network into the file ``path``.

    Raises:
        ValueError: It has a layer that ONNX does not have, or the opset is none that can be written.
    """
    opset = OPSET if options.opset is None else options.opset
    if opset not in OPSETS:
        raise UnsupportedError(f"`opset` must be one of {OPSETS[0]} to {OPSETS[-1]}. Received: opset={opset}")
    form = Form(options.layout, options.float16, opset)
    if calibrating is None:
        save_onnx(subject.model, path, form)
        return {}
    whole = path.with_name(f"float32-{path.name}")
    save_onnx(subject.model, whole, form)
    _quantize(whole, path, as_layout(calibrating, options.layout))
    whole.unlink()
    return {}


def describe(path: Path, metadata: dict[str, str]) -> None:
    """Add metadata to a file, which ONNX Runtime gives as ``get_modelmeta().custom_metadata_map``."""
    add_metadata(path, metadata)


def open_file(path: Path, options: Options) -> Predictor:
    """Return a function from images, with their channels last, to the outputs of the file."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])

    def predict(images: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = session.run(None, {IMAGES: as_layout(images, options.layout)})[0]
        return outputs

    return predict


WRITER = Writer(write, describe, open_file)


def as_layout(images: np.ndarray, layout: str) -> np.ndarray:
    """Return images with their channels last in another layout."""
    return images if layout == "nhwc" else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _quantize(whole: Path, path: Path, images: np.ndarray) -> None:
    """Quantise weights and maps to int8: a scale for each channel of the weights, and one for each tensor of maps."""
    from onnxruntime import quantization

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self.batches: Iterator[np.ndarray] = iter(np.split(images, range(BATCH, len(images), BATCH)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {IMAGES: batch}

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a preparation that writes further files
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantization.quantize_static(
                whole,
                path,
                Batches(),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
            )
    finally:
        root.setLevel(level)
