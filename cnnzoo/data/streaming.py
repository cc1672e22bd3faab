"""Images batch by batch, in constant memory: read, augmented, resized and scaled when needed."""

from __future__ import annotations

import collections
import contextlib
import itertools
import math
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cnnzoo._keras.late import has_tensorflow
from cnnzoo._keras.late import tensorflow as tf
from cnnzoo._keras.scale import LARGEST, Scale, check_scale
from cnnzoo._support.arguments import check_integer, check_seed
from cnnzoo.data import augment as augmentation
from cnnzoo.data.resize import check_image_size, resize_bilinear
from cnnzoo.data.split import Split, as_split

IN_FLIGHT = 192 << 20  # bytes of batches prepared in advance, at least one batch

_FAILURES: collections.deque[Exception] = collections.deque(maxlen=8)  # read errors, newest last

if TYPE_CHECKING:
    Augmentation: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass
class Start:
    """The position at which the next iteration of a stream starts.

    Attributes:
        epoch: Number of the epoch, which determines order and augmentations, together with the seed.
        batch: First batch of that epoch.
    """

    epoch: int = 0
    batch: int = 0


@dataclass(frozen=True)
class Shard:
    """A part of every batch, for one of several processes that train together.

    Attributes:
        index: Number of the part, from 0.
        count: Number of parts.
        multiple: The last batch of an epoch is cut to a multiple of this number, itself a multiple of ``count``.
    """

    index: int = 0
    count: int = 1
    multiple: int = 1


def stream(
    split: Split,
    *,
    batch_size: int,
    image_size: int | tuple[int, int] | None = None,
    shuffle: bool = False,
    augment: str | Iterable[str] = (),
    seed: int = 0,
    start: Start | None = None,
    shard: Shard | None = None,
    scale: Scale = "unit",
) -> tf.data.Dataset:
    """Stream ``split`` in batches.

    The original pixels stay in memory or on disk, at their own size. Batches are scaled to [0, 1], augmented and
    resized (bilinear) in advance, several in parallel. The memory does not depend on the number of images;
    ``ImageFiles`` are decoded in the first epoch only. Without shuffling and augmentation, the batches equal what the
    loaders return at that ``image_size``, bit for bit.

    Args:
        split: Images, float32 in [0, 1] or uint8, as an array or ``ImageFiles``, with class numbers or one-hot rows.
        batch_size: Images per batch, at least 1; the last batch of an epoch may be smaller.
        image_size: Side, or height and width, in pixels; None keeps the images' own size.
        shuffle: Whether to shuffle in every epoch; otherwise the order is that of the split.
        augment: Names of ``AUGMENTATIONS``, or one comma-separated string, applied in this order.
        seed: Seed for shuffling and augmentation: the same seed gives the same batches, epoch by epoch.
        start: Where the next iteration starts, so that training can resume within an epoch; None: the first batch of
            epoch 0. It advances to the next epoch automatically; an iteration that starts within an epoch covers the
            rest of it.
        shard: The part of every batch for this process, if several processes train together; None: all of it.
        scale: "unit" scales uint8 images to [0, 1], "byte" keeps them in [0, 255]. Floats are not scaled.

    Returns:
        A dataset of pairs; each iteration is an epoch. Images are float32 of shape (batch, height, width, channels),
        labels are those of the split.

    Raises:
        ValueError: An argument is out of range, the split does not hold images with one label each, or TensorFlow is
            not installed.

    >>> from cnnzoo.data import load_digits
    >>> train, _ = load_digits()
    >>> images, labels = next(iter(stream(train, batch_size=8, image_size=64)))
    >>> images.shape, labels.shape
    (TensorShape([8, 64, 64, 1]), TensorShape([8]))
    """
    check_can_stream()
    check_integer("batch_size", batch_size, least=1)
    check_seed(seed)
    check_scale(scale)
    names = augmentation.check_augment(augment)
    split = as_split(split, "split")
    images, labels = split
    if len(images.shape) != 4 or len(images) < 1 or len(images) != len(labels):
        raise ValueError(
            "`split` must hold at least one image, of shape (n, height, width, channels), and a label for each. "
            f"Received: images of shape {tuple(images.shape)}, {len(labels)} labels"
        )
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"`split.images` must be float in [0, 1] or uint8. Received: {images.dtype}")
    size = check_image_size(image_size) if image_size is not None else tuple(images.shape[1:3])
    changes = [_AUGMENTATIONS[name](split) for name in names]
    start, shard = start or Start(), shard or Shard()
    steps = steps_per_epoch(len(labels), batch_size, shard)

    parallel = _parallel_calls(batch_size, size, images)
    number = tf.TensorSpec((), tf.int32)
    batches = tf.data.Dataset.from_generator(_iterations(start), output_signature=(number, number))
    batches = batches.flat_map(_as_it_is(_order(len(labels), batch_size, shuffle, seed, shard)))
    held = [Split(images, labels)]  # TensorFlow never frees the functions below and what they reference
    batches = batches.map(_as_it_is(_maker(held, changes, size, scale)), num_parallel_calls=parallel)
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps - start.batch))
    batches = batches.with_options(_without_tuning())
    weakref.finalize(batches, held.clear)
    return batches


def check_can_stream() -> None:
    """Raise an error where ``stream`` cannot work.

    Raises:
        ValueError: TensorFlow is not installed.
    """
    if not has_tensorflow():
        raise ValueError(
            "TensorFlow makes the batches that networks are trained on, also on other backends of Keras, and is not "
            "installed: `pip install tensorflow`."
        )


def split_off(iterator: Iterator[tuple[tf.Tensor, ...]], count: int) -> Iterator[tuple[tf.Tensor, ...]]:
    """Take the next ``count`` batches of an iterator over a stream, as an iterator of the same kind.

    TensorFlow calls the same compiled function with either.
    """
    batches = list(itertools.islice(iterator, count))
    part = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=iterator.element_spec)  # type: ignore[attr-defined]
    return iter(part.with_options(_without_tuning()))


def plain_batches(
    images: np.ndarray, *, batch_size: int, image_size: tuple[int, int] | None = None, scale: Scale = "unit"
) -> Iterator[np.ndarray]:
    """Yield the batches that ``stream`` gives of unlabelled images, neither shuffled nor augmented, as arrays.

    NumPy makes them, several at a time in threads; TensorFlow is not needed.

    Raises:
        ValueError: ``batch_size`` is out of range, or a file was damaged after it was listed.
    """
    check_integer("batch_size", batch_size, least=1)
    size = image_size or tuple(images.shape[1:3])
    starts = range(0, len(images), batch_size)

    def make(start: int) -> np.ndarray:
        return _plain(_read(images, slice(start, start + batch_size)), size, scale)

    if len(starts) < 2:
        yield from map(make, starts)
        return
    parallel = _parallel_calls(batch_size, size, images)
    with ThreadPoolExecutor(parallel) as pool:
        batches: collections.deque[Future[np.ndarray]] = collections.deque()
        for start in starts:
            batches.append(pool.submit(make, start))
            if len(batches) > parallel:
                yield batches.popleft().result()
        while batches:
            yield batches.popleft().result()


def _plain(pixels: np.ndarray, size: tuple[int, ...], scale: Scale) -> np.ndarray:
    """Scale and resize a batch; image by image where the result is smaller, see ``_shrink``."""
    divides = pixels.dtype == np.uint8 and scale == "unit"
    at_once = len(pixels) if size[0] * size[1] >= math.prod(pixels.shape[1:3]) else 1
    batch = np.empty((len(pixels), *size, pixels.shape[3]), np.float32)
    for start in range(0, len(pixels), at_once):
        floats = pixels[start : start + at_once].astype(np.float32)
        if divides:
            floats /= LARGEST["byte"]
        batch[start : start + at_once] = resize_bilinear(floats, size)
    return batch


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep TensorFlow from converting a function, which would only delay the first batch."""
    unconverted: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return unconverted


def _without_tuning() -> tf.data.Options:
    """Switch off TensorFlow's tuning of streams: nothing here is left to it.

    Its thread sleeps for twice as long each time, up to a minute, and where it misses that the stream is being deleted,
    whoever deletes it waits until it wakes: a training of 3 s took 5.1 s every other time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def steps_per_epoch(images: int, batch_size: int, shard: Shard | None = None) -> int:
    """Return the number of batches per epoch.

    Raises:
        ValueError: There are too few images for the shards.
    """
    usable = _usable(images, batch_size, (shard or Shard()).multiple)
    if not usable:
        raise ValueError(f"There must be at least one image per device. Received: {images} images")
    return -(-usable // batch_size)


def _usable(images: int, batch_size: int, multiple: int) -> int:
    """Return the number of images per epoch when the last batch is cut to a multiple."""
    whole, rest = divmod(images, batch_size)
    return whole * batch_size + rest // multiple * multiple


def _iterations(start: Start) -> Callable[[], Iterator[tuple[int, int]]]:
    """Return a function that yields the current start position and advances it."""

    def begin() -> Iterator[tuple[int, int]]:
        epoch, batch = start.epoch, start.batch
        start.epoch, start.batch = epoch + 1, 0
        return iter([(epoch, batch)])

    return begin


def _order(
    count: int, batch_size: int, shuffle: bool, seed: int, shard: Shard
) -> Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]:
    """Return a function from (epoch, first batch) to the epoch's batches: positions and a seed for each."""
    number = int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1)  # TensorFlow's seeds are int32
    usable = _usable(count, batch_size, shard.multiple)

    def order(epoch: tf.Tensor, first_batch: tf.Tensor) -> tf.data.Dataset:
        positions = tf.range(count, dtype=tf.int64)
        if shuffle:
            positions = tf.random.experimental.stateless_shuffle(positions, seed=[number, epoch])
        batches = tf.data.Dataset.from_tensor_slices(positions[:usable]).batch(batch_size).enumerate()
        batches = batches.skip(tf.cast(first_batch, tf.int64))
        return batches.map(
            _as_it_is(lambda batch, chosen: (_part_of(chosen, shard), _fold_in(number, epoch, batch, shard)))
        )

    return order


def _part_of(chosen: tf.Tensor, shard: Shard) -> tf.Tensor:
    size = tf.shape(chosen)[0] // shard.count
    return chosen[shard.index * size : (shard.index + 1) * size]


def _fold_in(number: int, epoch: tf.Tensor, batch: tf.Tensor, shard: Shard) -> tf.Tensor:
    seed = tf.random.experimental.stateless_fold_in([number, epoch], tf.cast(batch, tf.int32))
    return tf.random.experimental.stateless_fold_in(seed, shard.index) if shard.index else seed


def _parallel_calls(batch_size: int, size: tuple[int, ...], images: np.ndarray) -> int:
    own = math.prod(images.shape[1:]) * images.dtype.itemsize
    batch_bytes = batch_size * (own + size[0] * size[1] * images.shape[3] * 4)
    return int(np.clip(IN_FLIGHT // batch_bytes, 1, os.cpu_count() or 1))


def _maker(
    held: list[Split], changes: list[Augmentation], size: tuple[int, ...], scale: Scale
) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return a function from (positions, seed) to a batch of (images, labels)."""
    images, labels = held[0]
    is_whole = images.dtype == np.uint8
    divides = is_whole and (scale == "unit" or bool(changes))  # augmentations need values in [0, 1]
    multiplies = divides and scale == "byte"
    shrinks = size[0] * size[1] < math.prod(images.shape[1:3])
    pixel_type = tf.uint8 if is_whole else tf.float32
    nothing = np.empty((0, *images.shape[1:]), pixel_type.as_numpy_dtype), labels[:0].copy()

    def gather(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not held:  # the stream was deleted; its threads' results are discarded
            return nothing
        split = held[0]
        return np.asarray(_read(split.images, positions), pixel_type.as_numpy_dtype), split.labels[positions]

    def make(positions: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        pixels, batch_labels = tf.numpy_function(gather, [positions], (pixel_type, tf.as_dtype(labels.dtype)))
        pixels = tf.ensure_shape(pixels, (None, *images.shape[1:]))
        batch = _shrink(pixels, size, divides) if shrinks else _as_floats(pixels, divides)
        for number, change in enumerate(changes):
            batch = change(batch, tf.random.experimental.stateless_fold_in(seed, number))
        if tuple(batch.shape[1:3]) != size:
            batch = tf.image.resize(batch, size)
        if multiplies:
            batch *= LARGEST["byte"]
        return batch, tf.ensure_shape(batch_labels, (None, *labels.shape[1:]))

    return make


def _read(images: np.ndarray, index: Any) -> np.ndarray:
    """Read images, and keep what fails: TensorFlow wraps it."""
    try:
        read: np.ndarray = images[index]
    except (ValueError, OSError) as error:
        _FAILURES.append(error)
        raise
    return read


def _as_floats(pixels: tf.Tensor, divides: bool) -> tf.Tensor:
    floats = tf.cast(pixels, tf.float32)
    return floats / LARGEST["byte"] if divides else floats


def _shrink(pixels: tf.Tensor, size: tuple[int, ...], divides: bool) -> tf.Tensor:
    """Scale and resize image by image, before any augmentation: a batch of large floats would not fit in memory."""
    return tf.map_fn(
        lambda image: tf.image.resize(_as_floats(image, divides), size),
        pixels,
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )


@contextlib.contextmanager
def reraise_read_errors() -> Iterator[None]:
    """Raise the original error if reading an image failed, instead of TensorFlow's wrapper."""
    _FAILURES.clear()
    try:
        yield
    except Exception as error:
        if _FAILURES and "tensorflow" in sys.modules and isinstance(error, tf.errors.OpError):
            raise _FAILURES.pop() from error
        raise


def _flip(split: Split) -> Augmentation:
    return tf.image.stateless_random_flip_left_right  # type: ignore[no-any-return]


def _crop(split: Split) -> Augmentation:
    def change(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        limits = [int(side * augmentation.CROP_REACH) for side in _width_and_height(images)]
        return _move(images, _whole_offsets(images, limits, seed))

    return change


def _shift(split: Split) -> Augmentation:
    def change(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        limits = [side * augmentation.SHIFT_REACH for side in _width_and_height(images)]
        return _move(images, tf.random.stateless_uniform((tf.shape(images)[0], 2), seed, -1, 1) * tf.constant(limits))

    return change


def _width_and_height(images: tf.Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[1]


def _whole_offsets(images: tf.Tensor, limits: list[int], seed: tf.Tensor) -> tf.Tensor:
    """Draw integers uniformly from -limit to limit in each direction."""
    draws = [
        tf.random.stateless_uniform((tf.shape(images)[0],), seed + axis, -limit, limit + 1, tf.int32)
        for axis, limit in enumerate(limits)
    ]
    return tf.cast(tf.stack(draws, axis=1), tf.float32)


def _move(images: tf.Tensor, offsets: tf.Tensor) -> tf.Tensor:
    """Shift each image by its offset (right, down), filling with zeros."""
    one, zero = tf.ones_like(offsets[:, 0]), tf.zeros_like(offsets[:, 0])
    return _transform(images, [one, zero, offsets[:, 0], zero, one, offsets[:, 1]])


def _rotate(split: Split) -> Augmentation:
    def change(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        across, down = ((side - 1) / 2 for side in _width_and_height(images))
        largest = augmentation.LARGEST_ANGLE
        angles = tf.random.stateless_uniform((tf.shape(images)[0],), seed, -largest, largest)
        cos, sin = tf.cos(angles), tf.sin(angles)
        right = across - cos * across + sin * down
        lower = down - sin * across - cos * down
        return _transform(images, [cos, -sin, right, sin, cos, lower])

    return change


def _distort(split: Split) -> Augmentation:
    def change(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        width, height = _width_and_height(images)
        draws = tf.random.stateless_uniform((5, tf.shape(images)[0]), seed, -1, 1)
        scaling, squeeze = draws[0] * augmentation.LARGEST_SCALING, draws[1] * augmentation.LARGEST_SQUEEZE
        across, down = tf.exp(scaling + squeeze), tf.exp(scaling - squeeze)
        shear = draws[2] * augmentation.LARGEST_SHEAR
        # The centre is fixed, except for the shift
        right = (width - 1) / 2 * (1 - across) - (height - 1) / 2 * shear + draws[3] * width * augmentation.SHIFT_REACH
        lower = (height - 1) / 2 * (1 - down) + draws[4] * height * augmentation.SHIFT_REACH
        return _transform(images, [across, shear, right, tf.zeros_like(shear), down, lower])

    return change


def _transform(images: tf.Tensor, rows: list[tf.Tensor]) -> tf.Tensor:
    """Set each pixel (x, y) to the value at (a x + b y + c, d x + e y + f), bilinear, zero outside."""
    zero = tf.zeros_like(rows[0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([*rows, zero, zero], axis=1),
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def _color(split: Split) -> Augmentation:
    components = tf.constant(augmentation.color_components(split))

    def change(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        strengths = tf.random.stateless_normal((tf.shape(images)[0], 3), seed, stddev=augmentation.COLOR_SIGMA)
        shifts = tf.matmul(strengths, components)
        return tf.clip_by_value(images + shifts[:, tf.newaxis, tf.newaxis, :], 0, 1)

    return change


_AUGMENTATIONS: dict[str, Callable[[Split], Augmentation]] = {
    "flip": _flip,
    "crop": _crop,
    "color": _color,
    "shift": _shift,
    "rotate": _rotate,
    "distort": _distort,
}
