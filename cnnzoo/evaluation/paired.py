"""A significance test for two networks evaluated on the same images."""

from __future__ import annotations

from typing import NamedTuple

import lazy_loader
import numpy as np

from cnnzoo.evaluation.metrics import Evaluation

scipy = lazy_loader.load("scipy")


class PairedTest(NamedTuple):
    """The result of McNemar's test for two networks.

    Attributes:
        only_first: Number of images that only the first network classifies correctly.
        only_second: Number of images that only the second network classifies correctly.
        p_value: Probability of a split at least as uneven if both networks were equally good, in [0, 1].
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: Evaluation, second: Evaluation) -> PairedTest:
    """Compare two networks on the same images: McNemar's test (1947), in its exact, two-sided form.

    Only images that exactly one of the networks classifies correctly matter. If the networks were equally good, each
    would get half of them.

    Args:
        first: The evaluation of one network.
        second: The evaluation of the other, on the same images in the same order.

    Returns:
        The counts and the p-value, which is 1.0 if the networks agree on every image.

    Raises:
        ValueError: The labels differ, so the images cannot be the same.

    >>> labels, sure = np.zeros(3, int), np.array([[0.9, 0.1]] * 3)
    >>> mcnemar(Evaluation(("cat", "dog"), labels, sure), Evaluation(("cat", "dog"), labels, 1 - sure))
    PairedTest(only_first=3, only_second=0, p_value=0.25)
    """
    if not np.array_equal(first.labels, second.labels):
        raise ValueError(
            "Both networks must be evaluated on the same images in the same order. "
            f"Received: {len(first.labels)} and {len(second.labels)} images with different labels"
        )
    only_first = int((first.is_right & ~second.is_right).sum())
    only_second = int((second.is_right & ~first.is_right).sum())
    differ = only_first + only_second
    return PairedTest(
        only_first, only_second, float(scipy.stats.binomtest(only_first, differ).pvalue) if differ else 1.0
    )
