"""Whether two networks differ by more than chance, asked on the same images."""

from __future__ import annotations

from typing import NamedTuple

import lazy_loader
import numpy as np

from cnnzoo.evaluation.metrics import Evaluation

scipy = lazy_loader.load("scipy")


class PairedTest(NamedTuple):
    """What McNemar's test says of two networks.

    Attributes:
        only_first: Images that the first network alone recognises.
        only_second: Images that the second alone recognises.
        p_value: How probable so uneven a split, or one still more uneven, were if neither was the better, in [0, 1].
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: Evaluation, second: Evaluation) -> PairedTest:
    """Compare two networks on the same images: McNemar's test (1947), in its exact, two-sided form.

    Only images that one network recognises and the other does not tell them apart; if neither was the better, each
    would have half of them.

    Args:
        first: Of one network.
        second: Of the other, on the same images in the same order.

    Returns:
        The counts and the p-value; 1.0 where the networks agree on every image.

    Raises:
        ValueError: The labels differ, so that the images cannot be the same.

    >>> labels, sure = np.zeros(3, int), np.array([[0.9, 0.1]] * 3)
    >>> mcnemar(Evaluation(("cat", "dog"), labels, sure), Evaluation(("cat", "dog"), labels, 1 - sure))
    PairedTest(only_first=3, only_second=0, p_value=0.25)
    """
    if not np.array_equal(first.labels, second.labels):
        raise ValueError(
            "Both networks must be asked about the same images in the same order. "
            f"Received: {len(first.labels)} and {len(second.labels)} images, whose labels differ"
        )
    only_first = int((first.is_right & ~second.is_right).sum())
    only_second = int((second.is_right & ~first.is_right).sum())
    differ = only_first + only_second
    return PairedTest(
        only_first, only_second, float(scipy.stats.binomtest(only_first, differ).pvalue) if differ else 1.0
    )
