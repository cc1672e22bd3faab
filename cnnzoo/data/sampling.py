"""Seeded, stratified subsets."""

import numpy as np

from cnnzoo.arguments import check_integer, check_seed
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.split import Split, take


def sample_indices(labels: np.ndarray, size: int, *, seed: int = 0, stratified: bool = True) -> np.ndarray:
    """Draw ``size`` positions without replacement, the same ones for the same seed.

    Args:
        labels: Class numbers of shape (n,).
        size: How many to draw, from 1 to n.
        seed: Seed of the draw.
        stratified: Keep the proportions of the classes: each class gives its share, rounded down or up.

    Returns:
        Ascending positions, int64 of shape (size,), so that a subset keeps the order of the whole.

    Raises:
        ValueError: ``size`` is out of range.

    >>> sample_indices(np.array([0, 0, 1, 1]), 2).shape
    (2,)
    """
    check_integer("size", size, least=1, most=len(labels))
    check_seed(seed)
    rng = np.random.default_rng(seed)
    if not stratified:
        return np.sort(rng.permutation(len(labels))[:size])
    classes, counts = np.unique(labels, return_counts=True)
    quotas = _quotas(counts, size, rng)
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:q] for c, q in zip(classes, quotas, strict=True)]
    return np.sort(np.concatenate(drawn))


def subset(split: Split, size: int, *, seed: int = 0) -> Split:
    """Return ``size`` images of ``split`` with their labels, stratified; see ``sample_indices``."""
    return take(split, sample_indices(class_numbers(split.labels), size, seed=seed))


def sample_fraction(split: Split, fraction: float, *, seed: int = 0, stratified: bool = True) -> Split:
    """Return a share of ``split``, at least one image; stratified, the same share of each class, rounded."""
    if fraction == 1:
        return split
    labels = class_numbers(split.labels)
    counts = np.unique(labels, return_counts=True)[1] if stratified else [len(labels)]
    size = max(1, sum(round(fraction * int(count)) for count in counts))
    return take(split, sample_indices(labels, size, seed=seed, stratified=stratified))


def hold_out(split: Split, share: float, *, seed: int = 0) -> tuple[Split, Split]:
    """Return ``split`` in two parts, without and with a stratified ``share`` of it, at least one image each.

    Raises:
        ValueError: There is one image only.
    """
    count = len(split.labels)
    if count < 2:
        raise ValueError(f"To hold out a share takes at least two images. Received: {count}")
    size = min(max(round(share * count), 1), count - 1)
    held_out = sample_indices(class_numbers(split.labels), size, seed=seed)
    return take(split, np.setdiff1d(np.arange(count), held_out)), take(split, held_out)


def _quotas(counts: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Share ``size`` among classes of ``counts`` images by largest remainder; ties fall by lot."""
    total = int(counts.sum())
    quotas, remainders = np.divmod(counts * size, total)
    lot = rng.permutation(len(counts))
    largest_first = lot[np.argsort(-remainders[lot], kind="stable")]
    quotas[largest_first[: size - int(quotas.sum())]] += 1
    return quotas
