"""Networks as OpenVINO's intermediate representation: an ``.xml`` file with a ``.bin`` file beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnnzoo._keras.engine import Predictor, open_core
from cnnzoo.exporting import _onnx
from cnnzoo.exporting._subject import Subject, Writer
from cnnzoo.exporting.formats import Options

SECTION = "cnnzoo"  # of the metadata
IN_FULL = {"INFERENCE_PRECISION_HINT": "f32"}  # else it computes in bfloat16 where the CPU has that


def write(subject: Subject, path: Path, options: Options, calibrating: np.ndarray | None) -> dict[str, str]:
    """Write the network into ``path``, an ``.xml`` file, and the ``.bin`` file of that name, by way of ONNX."""
    core = open_core()  # which imports the package without its telemetry
    import openvino

    interchange = path.with_suffix(".onnx")
    in_full = Options(options.layout, int8=options.int8)  # OpenVINO stores float16 in its own way
    _onnx.write(subject, interchange, in_full, calibrating)
    network = core.read_model(interchange)
    openvino.save_model(network, path, compress_to_fp16=options.float16)
    del network  # which holds the file
    interchange.unlink()
    return {}


def describe(path: Path, metadata: dict[str, str]) -> None:
    """Add metadata, which OpenVINO gives as ``model.get_rt_info(["cnnzoo", key])``."""
    core = open_core()
    import openvino

    network = core.read_model(path)
    for key, value in metadata.items():
        network.set_rt_info(value, [SECTION, key])
    described = path.with_name(f"described-{path.name}")
    openvino.serialize(network, described)
    del network
    for suffix in (".xml", ".bin"):
        described.with_suffix(suffix).replace(path.with_suffix(suffix))


def open_file(path: Path, options: Options) -> Predictor:
    """Return a function from images, with their channels last, to the outputs of the file."""
    network = open_core().compile_model(str(path), "CPU", IN_FULL)

    def predict(images: np.ndarray) -> np.ndarray:
        return np.array(network(_onnx.as_layout(images, options.layout))[0], copy=True)

    return predict


WRITER = Writer(write, describe, open_file)
