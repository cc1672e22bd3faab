import math

import numpy as np
import pytest

from cnnzoo.evaluation import Evaluation, mcnemar


def evaluation(is_right):
    probabilities = np.array([[0.9, 0.1] if right else [0.1, 0.9] for right in is_right], np.float32)
    return Evaluation(("cat", "dog"), np.zeros(len(is_right), int), probabilities)


def test_the_p_value_is_that_of_a_fair_coin():
    first, second = [1] * 20 + [1] * 8 + [0] * 2, [1] * 20 + [0] * 8 + [1] * 2
    found = mcnemar(evaluation(first), evaluation(second))
    assert found[:2] == (8, 2)
    assert found.p_value == pytest.approx(2 * sum(math.comb(10, heads) for heads in (0, 1, 2)) / 2**10)
    assert mcnemar(evaluation(second), evaluation(first)).p_value == found.p_value


def test_networks_that_agree_do_not_differ():
    assert mcnemar(evaluation([1, 0]), evaluation([1, 0])) == (0, 0, 1.0)


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=r"the same images in the same order. Received: 2 and 3 images"):
        mcnemar(evaluation([1, 0]), evaluation([1, 0, 1]))
