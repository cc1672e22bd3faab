"""Feature vectors of images."""

import os
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from cnnzoo._keras.engine import Predictor, check_engine, compiled_predictor, predict_on_batch
from cnnzoo._keras.graph import graph_inputs, graph_outputs
from cnnzoo._keras.layout import check_channels_last
from cnnzoo._keras.origin import origin_of
from cnnzoo._keras.scale import Scale, check_scale, scale_of
from cnnzoo._support.arguments import shape_fits
from cnnzoo._support.files import check_target, write_whole
from cnnzoo.data.folder import DigitFiles, ImageFiles, list_image_files, passed_over, passed_over_lines
from cnnzoo.data.pixels import check_pixels
from cnnzoo.data.preparing import shorter_side_of
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.streaming import plain_batches, reraise_read_errors
from cnnzoo.evaluation.evaluator import batch_size_for
from cnnzoo.inspect.features import features as features
from cnnzoo.pretrained.networks import DEFAULT, Network, open_backbone

Images = np.ndarray | ImageFiles | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

VECTORS, FILES = "features", "files"  # the arrays of an .npz file


def embed(
    model: Network,
    images: Images,
    *,
    weights: str | os.PathLike[str] | None = DEFAULT,
    image_size: int | tuple[int, int] | None = None,
    out: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    skip_broken: bool = False,
    scale: Scale | None = None,
    crop: bool | None = None,
    force: bool = False,
    engine: str = "auto",
) -> np.ndarray | Path:
    """Return a vector for each image; the images are read, and predicted, batch by batch.

    Args:
        model: What to embed with: a Keras model that gives vectors, or maps, which are averaged; see ``features`` for
            another layer. A name, a run, a run folder or a file stands for its backbone, see ``cnnzoo.backbone``;
            a network of Keras Applications then takes plain images in [0, 255]. One that ``load`` built without
            preprocessing takes arrays of floats that its own ``preprocess_input`` made.
        images: An array of shape (n, height, width, channels), uint8, or float in the range that ``model`` takes; or an
            image file, several, or a folder of them, searched with its subfolders; a warning tells what else lies
            there. Files are resized to the network's size.
        weights: Of a network given by name: see ``classifier``.
        image_size: Side, or height and width, in pixels, that images are resized to, batch by batch; a network given by
            name is built for it. None resizes files to the network's size, and leaves those of an array.
        out: File to write, ``.npz``, with the arrays ``features`` and, for image files, ``files``: their names,
            relative to the folder. The memory needed does not depend on the number of images. None writes nothing.
        batch_size: Images at a time; None takes what bounds the memory.
        skip_broken: Whether to skip files that are not readable images instead of raising.
        scale: The range of pixels that ``model`` takes, to which files and uint8 images are brought: "unit" for [0, 1],
            "byte" for [0, 255]. None takes what its graph tells, or that this package built or trained it.
        crop: Whether files keep their proportions and their middle is seen, instead of the whole image without them.
            None prepares files as those that the network was trained on, where that is known: of runs, and of weights
            that ship or that torchvision and timm publish. Of digits, the stroke is placed as MNIST's are.
        force: Whether ``out`` is overwritten where it exists; otherwise it is left as it is.
        engine: The inference engine, one of ``cnnzoo.evaluation.ENGINES``.

    Returns:
        Float32 of shape (n, d), in the order of ``images``, files sorted by name; the path where ``out`` is given.

    Raises:
        ValueError: There is no image, one cannot be read or is not finite, the images do not fit the network, or
            nothing tells what range of pixels it takes; or the engine is unknown, not installed or cannot run the
            network.
        FileNotFoundError: ``model``, ``weights`` or ``images`` names what is not there.
        FileExistsError: ``out`` exists, and no ``force``.
        ConnectionError: Published weights are not in the cache and cannot be downloaded.
    """
    engine = check_engine(engine)
    target = None if out is None else _check_target(Path(out), force)
    size = None if image_size is None else check_image_size(image_size)
    if not isinstance(model, keras.Model):
        model = open_backbone(model, weights=weights, image_size=size, scale="byte")
    _check_graph(model)
    if image_size is not None or not isinstance(images, np.ndarray):
        check_channels_last(model, "to be given files, or images to resize")
    pixels, names = _pixels(images, model, size, skip_broken=skip_broken, preparation=_preparation(model, crop))
    scale = scale_of(model) if scale is None else check_scale(scale)
    check_pixels(pixels, scale, "images")
    channels = graph_outputs(model)[0].channels + 1
    batches = _batches(
        model, pixels, scale or "raw", size, batch_size, channels, compiled_predictor(model, engine, images=len(pixels))
    )
    width = model.output_shape[channels]
    if target is None:
        vectors = np.empty((len(pixels), width), np.float32)
        for start, batch in batches:
            vectors[start : start + len(batch)] = batch
        return vectors
    _write(target, (len(pixels), width), batches, names)
    return target


def _check_target(path: Path, force: bool) -> Path:
    if path.suffix != ".npz":
        raise ValueError(f"`out` must be a file that ends in .npz. Received: '{path}'")
    return check_target(path, force=force)


def _check_graph(model: keras.Model) -> None:
    graph_inputs(model)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(f"`model` must take images alone. Received one that takes: {model.input_shape}")
    if len(model.outputs) != 1:
        raise ValueError(f"`model` must give one output. Received one that gives several: {model.output_shape}")
    if len(model.outputs[0].shape) not in (2, 4):
        raise ValueError(f"`model` must give vectors or maps. Received one that gives: {model.output_shape}")


def _pixels(
    images: Images,
    model: keras.Model,
    image_size: tuple[int, int] | None,
    *,
    skip_broken: bool,
    preparation: str,
) -> tuple[np.ndarray, list[str]]:
    """Return the images, unread where they are files, and the files' names."""
    height, width, channels = model.input_shape[1:]
    if isinstance(images, np.ndarray | ImageFiles):
        expected = (height, width, channels)
        shape = images.shape[1:] if image_size is None else (*image_size, *images.shape[3:])
        if images.ndim != 4 or not shape_fits(expected, shape) or not len(images):
            raise ValueError(
                f"`images` must be of shape (n, {height}, {width}, {channels}), n at least 1; `image_size` resizes "
                f"others, and `images[None]` makes one image an array of one. Received: {tuple(images.shape)}"
            )
        return cast(np.ndarray, images), []
    height, width = image_size or (height, width)
    if height is None or width is None:
        raise ValueError("Files are resized to the network's size: give `image_size`, as `model` takes any.")
    if not shape_fits(model.input_shape[1:3], (height, width)):
        raise ValueError(f"`model` takes images of {model.input_shape[1:3]}. Received: image_size={image_size}")
    if not isinstance(images, str | os.PathLike) and not all(isinstance(each, str | os.PathLike) for each in images):
        raise ValueError("`images` must be one array of shape (n, height, width, channels), image files, or a folder.")
    if isinstance(images, str | os.PathLike) and Path(images).is_file():
        images = [images]
    files, names = list_image_files(images, skip_broken=skip_broken)
    if isinstance(images, str | os.PathLike):
        for line in passed_over_lines(passed_over(images)):
            warnings.warn(line, stacklevel=4)
    shorter_side = shorter_side_of((height, width)) if preparation == "crop" else None
    kind = DigitFiles if preparation == "digit" else ImageFiles
    read = kind(files, (height, width), channels, cached=False, shorter_side=shorter_side)
    return cast(np.ndarray, read), names


def _preparation(model: keras.Model, crop: bool | None) -> str:
    """Return how files become images: as is asked for, or as the network was trained, where that is known."""
    origin = origin_of(model)
    known = "resize" if origin is None else origin.preparation
    if crop and known == "digit":
        raise ValueError("`crop` is for photographs, and this network was trained on digits. Received: crop=True")
    return known if crop is None else "crop" if crop else "resize"


def _batches(
    model: keras.Model,
    images: np.ndarray,
    scale: Scale,
    image_size: tuple[int, int] | None,
    batch_size: int | None,
    channels: int,
    predictor: Predictor | None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Predict batch by batch: the position of the first image, and the vectors; ``channels`` is the axis of those."""
    if batch_size is None:
        batch_size = batch_size_for(image_size or images.shape[1:3])
    start = 0
    with reraise_read_errors():
        for batch in plain_batches(images, batch_size=batch_size, image_size=image_size, scale=scale):
            vectors = predict_on_batch(model, batch, predictor)
            if vectors.ndim == 4:  # here, not by a layer: a new model would be traced anew at each call
                vectors = np.moveaxis(vectors, channels, -1).mean(axis=(1, 2), dtype=np.float32)
            yield start, vectors.astype(np.float32, copy=False)
            start += len(vectors)


def _write(path: Path, shape: tuple[int, int], batches: Iterator[tuple[int, np.ndarray]], names: Sequence[str]) -> None:
    """Write the vectors as they come."""

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            with archive.open(f"{VECTORS}.npy", "w", force_zip64=True) as member:
                header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(member, header)
                for _, batch in batches:
                    member.write(np.ascontiguousarray(batch, "<f4").tobytes())
            if names:
                with archive.open(f"{FILES}.npy", "w") as member:
                    np.lib.format.write_array(member, np.array(names), allow_pickle=False)

    write_whole(path, write)
