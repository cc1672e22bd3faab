"""How to train, as data. Imports no Keras."""

from dataclasses import dataclass

from cnnzoo.arguments import check_integer, check_number
from cnnzoo.data.augment import check_augment

MOST = 2**31 - 1  # what TensorFlow takes as a count


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: Adam, whose learning rate rises linearly to its peak and falls to zero by a cosine.

    Attributes:
        epochs: Passes over the training images, at least 1.
        batch_size: Images a step, at least 1.
        learning_rate: Peak of the learning rate, above 0.
        warmup: Share of all steps over which the learning rate rises, in [0, 1).
        augment: Names of ``cnnzoo.data.AUGMENTATIONS``, applied to the training images in this order.

    Raises:
        ValueError: A value is out of range.

    >>> Recipe(epochs=5).batch_size
    128
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 5e-3
    warmup: float = 0.25
    augment: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values, and keep them as plain Python's."""
        checked = {
            "epochs": check_integer("epochs", self.epochs, least=1, most=MOST),
            "batch_size": check_integer("batch_size", self.batch_size, least=1, most=MOST),
            "learning_rate": check_number("learning_rate", self.learning_rate, "(0, inf)"),
            "warmup": check_number("warmup", self.warmup, "[0, 1)"),
            "augment": check_augment(self.augment),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)


_DEFAULTS = {
    "alexnet": Recipe(batch_size=64, learning_rate=4e-4),
    "lenet5": Recipe(batch_size=64),
    "vgg19": Recipe(batch_size=64, learning_rate=2e-4),
}


def default_recipe(name: str) -> Recipe:
    """Return the recipe for the network called ``name``; ``Recipe()`` for a network that has none of its own.

    >>> default_recipe("alexnet").learning_rate
    0.0004
    """
    return _DEFAULTS.get(name, Recipe())
