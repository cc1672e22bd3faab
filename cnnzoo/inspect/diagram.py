"""Diagrams of networks as in papers: feature maps as blocks, to scale, with their shapes below."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

import keras

from cnnzoo._keras.graph import Tensor, graph_inputs, walk
from cnnzoo._support.files import check_target, write_whole
from cnnzoo.inspect.layers import LayerRow, layer_table

LARGEST = 170.0  # height of the largest map, in units of the diagram, which is at least WIDTH wide
SMALLEST = 5.0
WIDTH = 1000.0
MARGIN = 16.0
OBLIQUE = 0.32  # offset of a block's depth to the right and up, as a fraction of its length
THICKEST = 30.0
THINNEST = 2.5
GAP = 3.0  # between the blocks of a stage
BETWEEN = 14.0  # stages
TIMES = "\u00d7"
TEXT, LETTER = 15.0, 8.2  # text height and character width
MOST_BLOCKS = 6  # drawn individually per stage

# Colours of M. Okabe, K. Ito (2008): front, top, side
FILLS = {
    "image": ("#f2f2f2", "#fafafa", "#d9d9d9"),
    "convolution": ("#56b4e9", "#9ad2f2", "#2f86b8"),
    "pooling": ("#e69f00", "#f3c76b", "#b27a00"),
    "dense": ("#009e73", "#5cc4a6", "#00734f"),
}


@dataclass(frozen=True)
class _Block:
    """One or several layers with the same output shape, drawn as one block."""

    kind: str
    shape: tuple[int, ...]
    kernel: str
    layers: int = 1


class Diagram(str):
    """An SVG document, which notebooks show as a drawing."""

    def __repr__(self) -> str:
        """Show what it is, not the whole document."""
        return f"<Diagram: SVG of {len(self):,} characters>"

    def _repr_svg_(self) -> str:
        return str(self)


def diagram(model: keras.Model, *, input_shape: tuple[int, ...] | None = None) -> Diagram:
    """Draw ``model`` as SVG: one block per convolution, pooling and dense layer.

    The height and depth of a block are the size of its feature maps, and its thickness is their number; both are to
    scale, except for very small blocks. Dense layers have their own scale. Cheap layers (activations, normalisation,
    dropout) are left out, and branches are drawn one after the other. Of more than six consecutive layers of the same
    size, only a few are drawn, with the number of layers below.

    Args:
        model: A built functional or sequential Keras model of images.
        input_shape: Height, width and channels of an image, for a model with an open input size.

    Returns:
        A complete SVG document, at least 1,000 units wide; text, which notebooks show as a drawing.

    Raises:
        ValueError: The input of ``model`` is not images, its input size is open and ``input_shape`` is missing or does
            not fit, or ``model`` is subclassed.

    >>> import cnnzoo
    >>> diagram(cnnzoo.models.lenet5()).startswith("<svg")
    True
    """
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(
            f"`model` must accept images of shape (n, height, width, channels). Received: {model.input_shape}"
        )
    table = layer_table(model, input_shape=input_shape)
    (taken,) = graph_inputs(model)
    taken.shape = tuple(input_shape or taken.shape)
    shapes = [_channels_last(call.outputs[0]) for call in walk(model, [taken])]
    image = _Block("image", _channels_last(taken), "")
    stages = [[image], *_stages(zip(table.rows, shapes, strict=True))]
    description = f"{model.name}: {table.params:,} parameters, {table.macs:,} multiply-accumulates per image"
    return Diagram(_Drawing(stages).draw(description))


def write_diagram(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    input_shape: tuple[int, ...] | None = None,
    force: bool = False,
) -> None:
    """Write the ``diagram`` of ``model`` to a file, completely or not at all.

    Args:
        model: The model to draw.
        path: The file, with the suffix .svg.
        input_shape: See ``diagram``.
        force: Whether to overwrite an existing file.

    Raises:
        ValueError: ``path`` does not end in .svg; or as for ``diagram``.
        FileExistsError: ``path`` exists and ``force`` is false.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".svg":
        raise ValueError(f"`path` must end in .svg. Received: '{path}'")
    check_target(path, force=force)
    drawing = diagram(model, input_shape=input_shape)
    write_whole(path, lambda temporary: temporary.write_text(drawing, encoding="utf-8"))


def _channels_last(tensor: Tensor) -> tuple[int, ...]:
    return (*tensor.spatial, tensor.shape[tensor.channels])


def _stages(rows: Iterable[tuple[LayerRow, tuple[int, ...]]]) -> list[list[_Block]]:
    """Return the stages: consecutive blocks of one map size, or one dense layer."""
    blocks = [block for row, shape in rows if (block := _block(row, shape)) is not None]
    grouped = groupby(blocks, key=lambda block: block.shape[:2] if len(block.shape) == 3 else (block,))
    return [_thinned(list(stage)) for _, stage in grouped]


def _block(row: LayerRow, shape: tuple[int, ...]) -> _Block | None:
    kernel = "" if row.kernel_size is None else TIMES.join(map(str, row.kernel_size))
    if row.strides is not None and max(row.strides) > 1:
        kernel += f" /{max(row.strides)}"
    if len(shape) == 3 and row.kernel_size is not None:
        return _Block("convolution" if row.macs else "pooling", shape, kernel)
    if len(shape) == 1 and row.macs:
        return _Block("dense", shape, "")
    return None


def _thinned(stage: list[_Block]) -> list[_Block]:
    """Draw a long stage as few blocks: one per run of layers of the same kind and shape."""
    if len(stage) <= MOST_BLOCKS:
        return stage
    runs = [list(run) for _, run in groupby(stage, key=lambda block: (block.kind, block.shape))]
    if len(runs) > MOST_BLOCKS:  # alternating, as in a residual network: one block of the largest thickness
        convolutions = [block for block in stage if block.kind == "convolution"]
        thickest = max(convolutions or stage, key=lambda block: block.shape[2])
        return [_Block(thickest.kind, thickest.shape, "", len(convolutions or stage))]
    return [_Block(run[0].kind, run[0].shape, _common(run), len(run)) for run in runs]


def _common(blocks: Sequence[_Block]) -> str:
    kernels = {block.kernel for block in blocks}
    return kernels.pop() if len(kernels) == 1 else ""


class _Drawing:
    """Places the stages from left to right."""

    def __init__(self, stages: list[list[_Block]]) -> None:
        blocks = [block for stage in stages for block in stage]
        maps = [block.shape for block in blocks if len(block.shape) == 3]
        self._stages = stages
        self._per_pixel = LARGEST / max(max(shape[:2]) for shape in maps)
        self._per_map = THICKEST / max(shape[2] for shape in maps)
        self._per_unit = LARGEST / max([block.shape[0] for block in blocks if block.kind == "dense"] or [1])
        self._parts: list[str] = []

    def draw(self, description: str) -> str:
        floor = MARGIN + 2 * TEXT + LARGEST * (1 + OBLIQUE)
        left = MARGIN
        for stage in self._stages:
            left = self._draw_stage(stage, left, floor)
        width = max(WIDTH, left + MARGIN - BETWEEN)
        height = floor + 7.5 * TEXT
        self._draw_legend(floor + 6.5 * TEXT)
        title = (
            f'<text x="{MARGIN}" y="{MARGIN}" font-size="{TEXT + 2}" font-weight="bold">{escape(description)}</text>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'font-family="Helvetica, Arial, sans-serif" font-size="{TEXT}" fill="#1a1a1a">\n'
            f"<title>{escape(description)}</title>\n"
            f'<rect width="100%" height="100%" fill="white"/>\n{title}\n' + "\n".join(self._parts) + "\n</svg>\n"
        )

    def _draw_stage(self, stage: list[_Block], left: float, floor: float) -> float:
        """Draw the blocks and the text below them; return where the next stage starts."""
        sizes = [self._size(block) for block in stage]
        extent = sum(thickness + GAP for thickness, _, _ in sizes) + max(depth for _, _, depth in sizes) * OBLIQUE
        lines = self._lines(stage)
        width = max(extent, max(map(len, lines)) * LETTER)
        at = left + (width - extent) / 2
        for block, (thickness, height, depth) in zip(stage, sizes, strict=True):
            self._draw_block(block.kind, at, floor, thickness, height, depth * OBLIQUE)
            at += thickness + GAP
        for number, line in enumerate(lines, start=1):
            self._text(line, left + width / 2, floor + number * (TEXT + 3) + 2)
        return left + width + BETWEEN

    def _size(self, block: _Block) -> tuple[float, float, float]:
        """Return the thickness, height and depth of a block."""
        if block.kind == "dense":
            return 8.0, max(SMALLEST, block.shape[0] * self._per_unit), 8.0
        high, deep, maps = block.shape
        thickness = max(THINNEST, maps * self._per_map)
        return thickness, max(SMALLEST, high * self._per_pixel), max(SMALLEST, deep * self._per_pixel)

    def _lines(self, stage: list[_Block]) -> list[str]:
        last = stage[-1]
        shape = TIMES.join(map(str, last.shape))
        if last.kind in ("image", "dense"):
            return [shape, f"{len(stage)} dense" if len(stage) > 1 else last.kind]
        lines = [shape]
        for kind, short in (("convolution", "conv"), ("pooling", "pool")):
            members = [block for block in stage if block.kind == kind]
            layers = sum(block.layers for block in members)
            if members:
                lines.append(f"{f'{layers} ' if layers > 1 else ''}{short} {_common(members)}".strip())
        return lines

    def _draw_block(self, kind: str, left: float, floor: float, thickness: float, height: float, lean: float) -> None:
        front, top, side = FILLS[kind]
        right, ceiling = left + thickness, floor - height
        faces = (
            (front, [(left, floor), (right, floor), (right, ceiling), (left, ceiling)]),
            (top, [(left, ceiling), (right, ceiling), (right + lean, ceiling - lean), (left + lean, ceiling - lean)]),
            (side, [(right, floor), (right + lean, floor - lean), (right + lean, ceiling - lean), (right, ceiling)]),
        )
        for fill, corners in faces:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
            self._parts.append(f'<polygon points="{points}" fill="{fill}" stroke="#333" stroke-width="0.6"/>')

    def _draw_legend(self, y: float) -> None:
        left = MARGIN
        kinds = {block.kind for stage in self._stages for block in stage}
        for kind in (kind for kind in FILLS if kind in kinds and kind != "image"):
            square = f'x="{left:.1f}" y="{y - 11:.1f}" width="12" height="12"'
            self._parts.append(f'<rect {square} fill="{FILLS[kind][0]}"/>')
            self._text(kind, left + 16, y, "start")
            left += 34 + len(kind) * LETTER

    def _text(self, text: str, x: float, y: float, anchor: str = "middle") -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')
