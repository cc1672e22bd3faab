"""The formats that a network can be exported to. Imports no Keras."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnzoo._support.lookup import look_up
from cnnzoo._support.wording import how_to_install

if TYPE_CHECKING:
    from cnnzoo._keras.onnx_graph import Layout

METADATA = "cnnzoo.json"  # in formats that are folders or archives
LAYOUTS: dict[str, Layout] = {"nhwc": "nhwc", "nchw": "nchw"}


@dataclass(frozen=True)
class Format:
    """A format of exported networks.

    Attributes:
        name: Its name, as ``to`` takes it.
        title: Its name in print.
        suffix: How its files end; empty for a folder.
        needs: The packages that write and run it, beside TensorFlow.
        extra: The extra of cnnzoo that installs them.
        layouts: The orders of the axes of images that it may take, the default first.
        float16: Whether weights can be stored as float16.
        int8: Whether weights and maps can be quantised to 8 bits.
        of_tensorflow: Whether it can only be written where TensorFlow is the backend of Keras.
    """

    name: str
    title: str
    suffix: str
    needs: tuple[str, ...] = ()
    extra: str = "export"
    layouts: tuple[Layout, ...] = ("nhwc",)
    float16: bool = True
    int8: bool = True
    of_tensorflow: bool = False


FORMATS = {
    each.name: each
    for each in (
        Format("onnx", "ONNX", ".onnx", ("onnx", "onnxruntime"), layouts=("nhwc", "nchw")),
        Format("litert", "LiteRT (TensorFlow Lite)", ".tflite", ("ai_edge_litert",), of_tensorflow=True),
        Format("openvino", "OpenVINO", ".xml", ("onnx", "onnxruntime", "openvino"), layouts=("nhwc", "nchw")),
        Format("savedmodel", "SavedModel", "", float16=False, int8=False, of_tensorflow=True),
        Format("torch", "PyTorch", ".safetensors", ("onnx", "torch"), "torch", ("nchw",), int8=False),
        Format("keras", "Keras", ".keras", float16=False, int8=False),
    )
}


@dataclass(frozen=True)
class Options:
    """How a network is exported, see ``export``."""

    layout: Layout
    float16: bool = False
    int8: bool = False
    opset: int | None = None

    @property
    def precision(self) -> str:
        """The dtype of the weights in the file."""
        return "int8" if self.int8 else "float16" if self.float16 else "float32"


def check_options(
    to: str, *, float16: bool, int8: bool, layout: str | None, opset: int | None
) -> tuple[Format, Options]:
    """Return the format called ``to``, and how it is to be written.

    Raises:
        ValueError: There is no such format, it does not have one of the options, or a package is missing.
    """
    form = look_up(FORMATS, to, "format")
    if float16 and int8:
        raise ValueError("Weights are stored as float16 or as int8. Received both: give one of them.")
    for option, is_given, has_it in (("float16", float16, form.float16), ("int8", int8, form.int8)):
        if is_given and not has_it:
            having = ", ".join(each.name for each in FORMATS.values() if getattr(each, option))
            raise ValueError(f"{form.title} cannot be written as {option}. Formats that can: {having}.")
    order = form.layouts[0] if layout is None else look_up(LAYOUTS, layout, "layout")
    if order not in form.layouts:
        raise ValueError(f"{form.title} takes images in the layout {form.layouts[0]}. Received: layout='{layout}'")
    if opset is not None and form.name != "onnx":
        raise ValueError(f"`opset` is for ONNX. Received: opset={opset} for {form.title}")
    missing = [name for name in form.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"{form.title} needs {' and '.join(missing)}, which is not installed: {how_to_install(form.extra)}."
        )
    return form, Options(order, float16, int8, opset)
