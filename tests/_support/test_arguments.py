import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo._support.arguments import check_integer, check_number, check_seed


@given(st.integers(-5, 5))
def test_integer_is_returned_or_refused(value):
    if 1 <= value <= 3:
        assert check_integer("n", value, least=1, most=3) == value
    else:
        with pytest.raises(ValueError, match="`n` must be an integer of at least 1 and at most 3"):
            check_integer("n", value, least=1, most=3)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(ValueError, match="Received: n="):
        check_integer("n", value, least=0)


def test_an_upper_bound_of_zero_holds():
    with pytest.raises(ValueError, match="at most 0"):
        check_integer("n", 1, least=0, most=0)


@given(st.floats(), st.sampled_from(["(0, 1]", "[0, 1)", "[0, inf)", "(0, inf)"]))
def test_number_is_returned_only_within_its_interval(value, interval):
    low, high = map(float, interval[1:-1].split(","))
    inside = low < value < high or (value == low and interval[0] == "[") or (value == high and interval[-1] == "]")
    if inside:
        assert check_number("x", value, interval) == value
    else:
        with pytest.raises(ValueError, match="`x` must lie in"):
            check_number("x", value, interval)


@pytest.mark.parametrize("value", [True, "0.5", None, math.nan])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="`x` must lie in"):
        check_number("x", value, "[0, 1]")


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_seed_must_suit_numpy_and_keras(seed):
    with pytest.raises(ValueError, match="`seed`"):
        check_seed(seed)
