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
        size: How many to draw, from 1 to n.
        seed: Seed of the draw.
        stratified: Keep the proportions of the classes: each class gives its share, rounded down or up, and at least
            one image; the largest classes make up for what that adds.
        name: What errors call ``size``.

    Returns:
        Ascending positions, int64 of shape (size,), so that a subset keeps the order of the whole.

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
        raise ValueError(f"`{name}` must be at least {len(counts)}, one image for each class. Received: {name}={size}")
    quotas = _quotas(counts, size, rng)
    lost = quotas == 0
    quotas[lost] = 1
    for _ in range(int(lost.sum())):
        quotas[quotas.argmax()] -= 1
    return _draw(labels, quotas, rng)


def subset(split: Split, size: int, *, seed: int = 0, name: str = "size") -> Split:
    """Return ``size`` images of ``split`` with their labels, stratified; see ``sample_indices``.

    Errors call ``size`` by ``name``, as the user knows it.
    """
    return take(split, sample_indices(class_numbers(split.labels), size, seed=seed, name=name))


def sample_fraction(split: Split, fraction: float, *, seed: int = 0, stratified: bool = True) -> Split:
    """Return a share of ``split``.

    Stratified, the same share of each class, rounded, and at least one image of each; otherwise at least one image.
    """
    if fraction == 1:
        return split
    labels = class_numbers(split.labels)
    if not stratified:
        size = max(1, round(fraction * len(labels)))
        return take(split, sample_indices(labels, size, seed=seed, stratified=False))
    rng = np.random.default_rng(check_seed(seed))
    counts = np.unique(labels, return_counts=True)[1]
    shares = np.array([round(fraction * int(count)) for count in counts])
    quotas = _quotas(counts, max(1, int(shares.sum())), rng)
    if not quotas.all():
        quotas = np.maximum(shares, 1)
    return take(split, _draw(labels, quotas, rng))


def hold_out(split: Split, share: float, *, seed: int = 0) -> tuple[Split, Split]:
    """Return ``split`` in two parts, without and with a stratified ``share`` of it.

    Each class has at least one image in both parts; the image of a class that has only one is not held out.

    Raises:
        ValueError: No class has two images.
    """
    labels = class_numbers(split.labels)
    rng = np.random.default_rng(check_seed(seed))
    counts = np.unique(labels, return_counts=True)[1]
    if counts.max(initial=0) < 2:
        raise ValueError(f"To hold out images takes two of one class. Received: one of each, {len(labels)} in all")
    size = min(max(round(share * len(labels)), 1), len(labels) - 1)
    quotas = _quotas(counts, size, rng)
    least, most = np.minimum(counts - 1, 1), counts - 1
    if (quotas < least).any() or (quotas > most).any():
        quotas = np.clip([round(share * int(count)) for count in counts], least, most)
    held_out = _draw(labels, quotas, rng)
    return take(split, np.setdiff1d(np.arange(len(labels)), held_out)), take(split, held_out)


def _draw(labels: np.ndarray, quotas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the ascending positions of as many images of each class, drawn at random, as ``quotas`` says."""
    classes = np.unique(labels)
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:q] for c, q in zip(classes, quotas, strict=True)]
    return np.sort(np.concatenate(drawn))


def _quotas(counts: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Share ``size`` among classes of ``counts`` images by largest remainder; ties fall by lot."""
    total = int(counts.sum())
    quotas, remainders = np.divmod(counts * size, total)
    lot = rng.permutation(len(counts))
    largest_first = lot[np.argsort(-remainders[lot], kind="stable")]
    quotas[largest_first[: size - int(quotas.sum())]] += 1
    return quotas
