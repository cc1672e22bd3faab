"""Asking a network for its outputs: by Keras, or by OpenVINO, which is several times as fast on a CPU."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import keras
import numpy as np

from cnnzoo._keras._changes import Watch
from cnnzoo._keras.hardware import choose_precision, list_gpus
from cnnzoo._support.lookup import look_up

Engine: TypeAlias = Literal["auto", "keras", "openvino"]

ENGINES = {
    "auto": "OpenVINO on a CPU where `cnnzoo[fast]` is installed and the network can be converted, otherwise Keras",
    "keras": "Keras, in the precision of the network's layers",
    "openvino": "OpenVINO, or an error that says why not",
}
DEFAULT = "CNNZOO_ENGINE"  # the variable of the environment that says what "auto" is
NEEDED = ("onnx", "openvino")
TELEMETRY = "openvino_telemetry"
# Largest difference from Keras for one image of noise, relative to the largest output
TOLERANCES = {"float32": 1e-3, "mixed_bfloat16": 0.1}
HINTS = {"float32": "f32", "mixed_bfloat16": "bf16"}

Ask: TypeAlias = Callable[[np.ndarray], np.ndarray]


def check_engine(engine: str) -> Engine:
    """Return ``engine``, or what the environment has for "auto".

    Raises:
        ValueError: There is none of that name, or it is not installed.
    """
    look_up(ENGINES, engine, "engine")
    if engine == "auto":
        engine = os.environ.get(DEFAULT) or engine
        look_up(ENGINES, engine, f"engine in {DEFAULT}")
    if engine == "openvino" and not _is_installed():
        raise ValueError("The engine 'openvino' is not installed: `pip install 'cnnzoo[fast]'`.")
    return engine  # type: ignore[return-value]  # one of ENGINES


def ask_batch(model: keras.Model, images: np.ndarray, engine: str = "auto") -> np.ndarray:
    """Return the outputs of ``model`` for a batch of floats, in inference mode; see ``asker``."""
    ask = asker(model, engine)
    return np.asarray(keras.ops.convert_to_numpy(model.predict_on_batch(images)) if ask is None else ask(images))


def asker(model: keras.Model, engine: str = "auto", *, exactly: bool = False) -> Ask | None:
    """Return what asks OpenVINO for the outputs of ``model`` for a batch of floats; None where Keras is to be asked.

    A converted network is kept with its model, and converted anew where its weights have changed. Before it is used, it
    has answered as Keras does for an image of noise.

    Args:
        model: A functional model with one input and one output.
        engine: One of ``ENGINES``.
        exactly: Whether OpenVINO computes in float32 also where the hardware supports bfloat16.

    Raises:
        ValueError: The engine is unknown or not installed, or "openvino" cannot take the network; the message says why.
    """
    engine = check_engine(engine)
    if engine == "keras" or (engine == "auto" and (not _is_installed() or list_gpus())):
        return None
    precision = "float32" if exactly else choose_precision("auto")[0]
    kept = _KEPT.setdefault(model, {})
    found = kept.get(precision)
    if found is None or found.watch.has_changed():
        found = kept[precision] = _converted(model, precision)
    if found.problem is None:
        return found.ask
    if engine == "openvino":
        raise ValueError(f"OpenVINO cannot take {model.name}. {found.problem} Use `engine='keras'`.")
    return None


@dataclass(frozen=True)
class _Conversion:
    """A network of OpenVINO, or the problem why there is none; and what tells whether the weights are the same."""

    watch: Watch
    ask: Ask | None
    problem: str | None


_KEPT: weakref.WeakKeyDictionary[keras.Model, dict[str, _Conversion]] = weakref.WeakKeyDictionary()


def _is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def _converted(model: keras.Model, precision: str) -> _Conversion:
    """Convert ``model``, and compare its answer with that of Keras."""
    from cnnzoo._keras._onnx_graph import UnknownLayerError, write_onnx  # needs a package of the extra

    watch = Watch(model)
    try:
        ask = _compiled(write_onnx(model).SerializeToString(), precision)
        problem = _difference(model, ask, TOLERANCES[precision])
    except UnknownLayerError as error:
        ask, problem = None, str(error)
    except (ValueError, RuntimeError) as error:  # what OpenVINO raises
        ask, problem = None, f"Its conversion failed: {error}"
    if problem is not None:
        warnings.warn(f"{model.name} is asked by Keras, not by OpenVINO. {problem}", stacklevel=4)
    return _Conversion(watch, ask, problem)


def _compiled(content: bytes, precision: str) -> Ask:
    core = _import_openvino().Core()
    hints = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(content), "CPU", hints).create_infer_request()

    def ask(images: np.ndarray) -> np.ndarray:
        results = request.infer([np.ascontiguousarray(images, np.float32)], share_inputs=True)
        return np.array(results[0], copy=True)

    return ask


def _import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which would report the import over the network."""
    with _hidden(TELEMETRY):
        return importlib.import_module("openvino")


@contextlib.contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Let imports of ``module`` fail, unless it has been imported before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # Python's own way to forbid an import
    try:
        yield
    finally:
        del sys.modules[module]


def _difference(model: keras.Model, ask: Ask, tolerance: float) -> str | None:
    """Say how far the answers for an image of noise are from those of Keras, if they are too far."""
    shape = [side or 64 for side in model.inputs[0].shape[1:]]
    image = np.random.default_rng(0).random((1, *shape), np.float32)
    wanted = np.asarray(keras.ops.convert_to_numpy(model(image, training=False)), np.float32)
    difference = float(np.abs(ask(image) - wanted).max() / max(np.abs(wanted).max(), 1e-30))
    if difference <= tolerance:
        return None
    return f"Its answer differs by {difference:.1e} of the largest output."
