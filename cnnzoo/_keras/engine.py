"""Inference by Keras, or by OpenVINO, which is faster on a CPU."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import keras
import numpy as np

from cnnzoo._keras._monitor import WeightMonitor
from cnnzoo._keras.graph import computes_in_half
from cnnzoo._keras.hardware import cpu_precision, list_gpus
from cnnzoo._keras.reading import UnsupportedError
from cnnzoo._keras.scale import LARGEST, scale_of
from cnnzoo._support.callers import level_of_the_user
from cnnzoo._support.differences import relative_difference
from cnnzoo._support.lookup import look_up
from cnnzoo._support.wording import how_to_install

Precision: TypeAlias = Literal["auto", "float32"]
Predictor: TypeAlias = Callable[[np.ndarray], np.ndarray]

ENGINES = {
    "auto": "OpenVINO for many images on a CPU, where it is installed and can run the network; otherwise Keras",
    "keras": "Keras, in the precision of the network's layers",
    "openvino": "OpenVINO; an error where it cannot run the network",
}
DEFAULT = "CNNZOO_ENGINE"  # the environment variable that says what "auto" means
NEEDED = ("onnx", "openvino")
TELEMETRY = "openvino_telemetry"
HINTS = {"float32": "f32", "mixed_bfloat16": "bf16"}
UNPINNED = {"ENABLE_CPU_PINNING": False}  # else its threads wait for cores that others use
TOLERANCES = {"float32": 1e-3, "mixed_bfloat16": 0.1}  # relative to the largest output, see `_difference`
MANY = 64  # images from which on a conversion pays
OPEN_SIDE = 224  # pixels, where a network takes images of any size
LEAST_PROBABILITY = 1e-30


def check_engine(engine: str) -> str:
    """Return ``engine``, or what the environment has for "auto".

    Raises:
        ValueError: There is none of that name, or it is not installed.
    """
    if not isinstance(engine, str):
        raise ValueError(f"`engine` must be one of {', '.join(ENGINES)}. Received: engine={engine!r}")
    look_up(ENGINES, engine, "engine")
    if engine == "auto":
        engine = os.environ.get(DEFAULT) or engine
        look_up(ENGINES, engine, f"engine in {DEFAULT}")
    if engine == "openvino" and not _is_installed():
        raise ValueError(f"The engine 'openvino' is not installed: {how_to_install('fast')}.")
    return engine


def predict_on_batch(model: keras.Model, images: np.ndarray, predictor: Predictor | None = None) -> np.ndarray:
    """Return the outputs of ``model`` for a batch of floats in inference mode, by ``predictor`` or else by Keras."""
    if predictor is not None:
        return predictor(images)
    with without_retracing_warnings():
        return np.asarray(keras.ops.convert_to_numpy(model.predict_on_batch(images)))


@contextlib.contextmanager
def without_retracing_warnings() -> Iterator[None]:
    """Silence TensorFlow's warning that a function is traced again and again.

    TensorFlow counts traces by the function's name. Each network has its own function, which is traced once or twice,
    but all share the name, so a few networks in one process are enough for the warning.
    """
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_another_warning)
    try:
        yield
    finally:
        logger.removeFilter(_is_another_warning)


def _is_another_warning(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


def compiled_predictor(
    model: keras.Model, engine: str = "auto", *, images: int = MANY, precision: Precision = "auto"
) -> Predictor | None:
    """Return a function from a batch of floats to the outputs of ``model`` by OpenVINO; None where Keras is to be used.

    The converted network is kept while the model lives, and converted anew when its weights or layers have changed.
    Before it is used, its outputs for random images are compared with those of Keras. The function may be called from
    several threads; it keeps the weights that the model had when it was returned.

    Args:
        model: A functional or sequential model with one input, images with their channels last, and one output.
        engine: One of ``ENGINES``. "auto" converts a network only when it is asked for many images, together with those
            that it was asked for before, as the conversion takes seconds.
        images: How many images the network is asked for.
        precision: "auto" for bfloat16 where the CPU supports it natively; "float32".

    Raises:
        ValueError: The engine is unknown or not installed, or "openvino" cannot run the network; the message says why.
    """
    engine = check_engine(engine)
    if engine == "keras" or (engine == "auto" and (not _is_installed() or list_gpus())):
        return None
    with _LOCK:
        kept = _KEPT.setdefault(model, _Kept({}))
        kept.images += images
        if engine == "auto" and kept.images < MANY:
            return None
        computed_in = "float32" if precision == "float32" else cpu_precision()[0]
        found = kept.conversions.get(computed_in)
        if found is None or found.has_changed(model):
            found = kept.conversions[computed_in] = _converted(model, computed_in)
        if found.predictor is not None:
            return found.predictor
        if engine == "openvino":
            raise ValueError(
                f"OpenVINO cannot run {model.name}. {found.problem} Use `engine='keras'` (--engine keras)."
            )
        if not kept.has_warned:
            kept.has_warned = True
            message = f"{model.name} runs in Keras instead of OpenVINO. {found.problem}"
            warnings.warn(message, stacklevel=level_of_the_user())
        return None


def used_engine(model: keras.Model, engine: str, images: int) -> str:
    """Return which engine runs ``model`` on so many images where ``engine`` is asked for: "openvino" or "keras"."""
    return "keras" if compiled_predictor(model, engine, images=images) is None else "openvino"


@dataclass(frozen=True)
class _Conversion:
    """A converted network, or the problem why there is none; and what tells whether the model is still the same."""

    monitor: WeightMonitor | None  # None where the problem stays, whatever the weights
    predictor: Predictor | None
    problem: str = ""

    def has_changed(self, model: keras.Model) -> bool:
        return self.monitor is not None and self.monitor.has_changed(model)


@dataclass
class _Kept:
    """What is kept for a model: its conversions by precision, its images so far, and whether a problem was told."""

    conversions: dict[str, _Conversion]
    images: int = 0
    has_warned: bool = False


_LOCK = threading.RLock()
_KEPT: weakref.WeakKeyDictionary[keras.Model, _Kept] = weakref.WeakKeyDictionary()


@functools.cache
def _is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def _converted(model: keras.Model, precision: str) -> _Conversion:
    """Convert ``model``, and compare its outputs with those of Keras."""
    from cnnzoo._keras.onnx_graph import write_onnx  # needs a package of the extra

    monitor = WeightMonitor(model)
    if not monitor.is_reliable:
        return _Conversion(None, None, "Its weights were changed in part, so later changes could not be noticed.")
    try:
        content = write_onnx(model).SerializeToString()
        predictor = _compiled(content, "float32")
        difference = _difference(model, predictor, "float32")
        if difference is None and precision != "float32":
            predictor = _compiled(content, precision)
            difference = _difference(model, predictor, precision)
    except UnsupportedError as error:
        return _Conversion(None, None, str(error))
    except Exception as error:  # of OpenVINO, of ONNX, of the backend: whatever it is, Keras can run the network
        return _Conversion(monitor, None, f"The conversion failed: {str(error).strip().partition(chr(10))[0]}")
    return _Conversion(monitor, predictor) if difference is None else _Conversion(monitor, None, difference)


def _compiled(content: bytes, precision: str) -> Predictor:
    core = open_core()
    hints = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "LATENCY", **UNPINNED}
    network = core.compile_model(core.read_model(content), "CPU", hints)
    of_thread = threading.local()

    def predict(images: np.ndarray) -> np.ndarray:
        if not hasattr(of_thread, "request"):
            of_thread.request = network.create_infer_request()
        results = of_thread.request.infer([np.ascontiguousarray(images, np.float32)], share_inputs=True)
        return np.array(results[0], copy=True)

    return predict


@functools.cache
def open_core() -> Any:
    """Return OpenVINO's core, imported without its telemetry, which reports the import over the network.

    There is one for the whole process: each sets the stack on which signals are handled, and restores the one before
    when it is destroyed. Where two of them overlap, that stack may be gone, and the next signal ends the process.
    """
    with _import_blocked(TELEMETRY):
        return importlib.import_module("openvino").Core()


@contextlib.contextmanager
def _import_blocked(module: str) -> Iterator[None]:
    """Let imports of ``module`` fail, unless it was imported before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # Python's own way to forbid an import
    try:
        yield
    finally:
        del sys.modules[module]


def _difference(model: keras.Model, predictor: Predictor, precision: str) -> str | None:
    """Say how far the outputs for random images are from those of Keras, if they are too far.

    Probabilities are compared by their logarithms, so that a softmax does not hide what comes before it.
    """
    images = _random_images(model)
    wanted = np.asarray(keras.ops.convert_to_numpy(model(images, training=False)), np.float32)
    found = predictor(images)
    if wanted.ndim == 2 and wanted.min() >= 0 and np.allclose(wanted.sum(axis=1), 1, atol=0.01):
        wanted, found = (np.log(np.maximum(each, LEAST_PROBABILITY)) for each in (wanted, found))
    difference = relative_difference(found, wanted)
    if difference <= TOLERANCES["mixed_bfloat16" if computes_in_half(model) else precision]:
        return None
    return f"Its outputs in {precision} differ by {difference:.1e} of the largest."


def sides_of(model: keras.Model) -> tuple[int, int, int]:
    """Return height, width and channels of the images on which what was made of ``model`` is compared with it."""
    height, width, channels = model.inputs[0].shape[1:]
    return height or OPEN_SIDE, width or OPEN_SIDE, channels


def _random_images(model: keras.Model) -> np.ndarray:
    """Return images of noise in the range that ``model`` takes, as far as known, and one beyond it."""
    shape = sides_of(model)
    try:
        largest = LARGEST.get(scale_of(model) or "unit", 1.0)
    except ValueError:
        largest = 1.0
    random = np.random.default_rng(0)
    images = random.random((2, *shape), np.float32)
    beyond = 2 * random.standard_normal((1, *shape), np.float32)
    noise: np.ndarray = np.concatenate([images, beyond]) * np.float32(largest)
    return noise
