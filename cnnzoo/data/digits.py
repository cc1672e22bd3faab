"""5,000 digits of MNIST that ship with the package; see DIGITS-LICENSE.md for their origin."""

from pathlib import Path

from cnnzoo.data._npz import read_npz
from cnnzoo.data.mnist import padded_splits
from cnnzoo.data.split import Split

DIGITS_NPZ = Path(__file__).with_name("digits.npz")


def load_digits(one_hot: bool = False) -> tuple[Split, Split]:
    """Load the embedded digits, without a network connection: 400 per class for training and 100 for testing.

    All 5,000 are training images of MNIST; none is among its 10,000 test images.

    Args:
        one_hot: Whether labels are one-hot rows of shape (10,) instead of class numbers.

    Returns:
        4,000 training and 1,000 test images, padded as in ``load_mnist``: images float32 in [0, 1] of shape
        (n, 32, 32, 1), labels int64 of shape (n,), or float32 of shape (n, 10) with ``one_hot``. The split is fixed,
        and both parts cycle through the classes: 0, 1, ... 9, 0, 1, ...

    >>> train, test = load_digits()
    >>> train.images.shape, test.images.shape
    ((4000, 32, 32, 1), (1000, 32, 32, 1))
    """
    return padded_splits(read_npz(DIGITS_NPZ), one_hot)
