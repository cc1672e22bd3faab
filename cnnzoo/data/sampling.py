"""Seeded, stratified subsets."""

import numpy as np

from cnnzoo._support.arguments import check_integer, check_seed
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.split import Split, take


def sample_indices(
    labels: np.ndarray, size: int, *, seed: int = 0, stratified: bool = True, name: str = "size"
) -> np.ndarray:
    """Draw ``size`` positions without replacement, the same ones for the same seed.

    Args:
        labels: Class numbers of shape (n,).
        size: Number of positions to draw, from 1 to n.
        seed: Random seed.
        stratified: Whether to keep the class proportions: each class contributes its fraction, rounded down or up, and
            at least one image; the largest classes compensate.
        name: The name of ``size`` in error messages.

    Returns:
        Ascending positions, int64 of shape (size,), so that a subset keeps the original order.

    Raises:
        ValueError: ``size`` is out of range, or too small to keep every class.

    >>> sample_indices(np.array([0, 0, 1, 1]), 2).shape
    (2,)
    """
    check_integer(name, size, least=1, most=len(labels))
    check_seed(seed)
    rng = np.random.default_rng(seed)
    if not stratified:
        return np.sort(rng.permutation(len(labels))[:size])
    counts = np.unique(labels, return_counts=True)[1]
    if size < len(counts):
        raise ValueError(f"`{name}` must be at least {len(counts)}, one image per class. Received: {name}={size}")
    quotas = _quotas(counts, size, rng)
    lost = quotas == 0
    quotas[lost] = 1
    for _ in range(int(lost.sum())):
        quotas[quotas.argmax()] -= 1
    return _draw(labels, quotas, rng)


def subset(split: Split, size: int, *, seed: int = 0, name: str = "size") -> Split:
    """Return ``size`` images of ``split`` with their labels, stratified; see ``sample_indices``.

    ``name`` is the name of ``size`` in error messages.
    """
    return take(split, sample_indices(class_numbers(split.labels), size, seed=seed, name=name))


def sample_fraction(split: Split, fraction: float, *, seed: int = 0, stratified: bool = True) -> Split:
    """Return a random fraction of ``split``.

    If stratified, the same fraction of each class, rounded, and at least one image per class; otherwise at least one
    image.
    """
    if fraction == 1:
        return split
    labels = class_numbers(split.labels)
    if not stratified:
        size = max(1, round(fraction * len(labels)))
        return take(split, sample_indices(labels, size, seed=seed, stratified=False))
    rng = np.random.default_rng(check_seed(seed))
    counts = np.unique(labels, return_counts=True)[1]
    rounded = np.array([round(fraction * int(count)) for count in counts])
    quotas = _quotas(counts, max(1, int(rounded.sum())), rng)
    if not quotas.all():
        quotas = np.maximum(rounded, 1)
    return take(split, _draw(labels, quotas, rng))


def hold_out(split: Split, fraction: float, *, seed: int = 0) -> tuple[Split, Split]:
    """Return two parts of ``split``: the rest, and a stratified ``fraction`` of it.

    Each class has at least one image in both parts; a class with a single image is not held out.

    Raises:
        ValueError: No class has two images.
    """
    labels = class_numbers(split.labels)
    rng = np.random.default_rng(check_seed(seed))
    counts = np.unique(labels, return_counts=True)[1]
    if counts.max(initial=0) < 2:
        raise ValueError(
            f"Holding out images needs a class with at least two. Received: one per class, {len(labels)} in total"
        )
    size = min(max(round(fraction * len(labels)), 1), len(labels) - 1)
    quotas = _quotas(counts, size, rng)
    least, most = np.minimum(counts - 1, 1), counts - 1
    if (quotas < least).any() or (quotas > most).any():
        quotas = np.clip([round(fraction * int(count)) for count in counts], least, most)
    held_out = _draw(labels, quotas, rng)
    return take(split, np.setdiff1d(np.arange(len(labels)), held_out)), take(split, held_out)


def _draw(labels: np.ndarray, quotas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw ``quotas`` images of each class at random; return their ascending positions."""
    classes = np.unique(labels)
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:q] for c, q in zip(classes, quotas, strict=True)]
    return np.sort(np.concatenate(drawn))


def _quotas(counts: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Distribute ``size`` among classes of ``counts`` images by largest remainder, with random ties."""
    total = int(counts.sum())
    quotas, remainders = np.divmod(counts * size, total)
    lot = rng.permutation(len(counts))
    largest_first = lot[np.argsort(-remainders[lot], kind="stable")]
    quotas[largest_first[: size - int(quotas.sum())]] += 1
    return quotas
