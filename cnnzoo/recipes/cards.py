"""The recipes of each network, as data: the best found here, the paper's, and a first lecture's."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from cnnzoo._support.lookup import look_up
from cnnzoo.recipes.recipe import Recipe


class Result(NamedTuple):
    """A published result of a recipe.

    Attributes:
        data: Name of the data set.
        accuracy: Test accuracy, in [0, 1].
        source: The source of the figure.
        fraction: Fraction of the data set that was used, in (0, 1].
        image_size: Side of the network's input images, in pixels.
    """

    data: str
    accuracy: float
    source: str
    fraction: float = 1.0
    image_size: int = 32

    def __str__(self) -> str:
        """Return the result in one line."""
        part = "" if self.fraction == 1 else f"{self.fraction:.0%} of "
        return f"{self.accuracy:.1%} on {part}{self.data} at {self.image_size} pixels ({self.source})"


@dataclass(frozen=True)
class RecipeCard:
    """A recipe for a network, with its source and results.

    Attributes:
        network: The network's name.
        name: "default", "lecture" or "paper".
        recipe: How to train.
        source: The source of the values.
        deviations: Differences between the recipe and its source.
        results: Published results of the recipe.
    """

    network: str
    name: str
    recipe: Recipe
    source: str
    deviations: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()


# Keras' defaults, as in a first lecture on these networks
LECTURE = Recipe(
    epochs=10,
    batch_size=128,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    warmup=0.0,
    precision="float32",
    initializer="glorot_uniform",
)
LECTURE_SOURCE = "a classic lecture in Keras: Glorot initialisation, Adam at a constant 1e-3, pixels in [0, 1]"

MEASURED = "measured here: benchmarks/README.md"
PUBLISHED = "published by the lecture"

# The fractions of the training after which the learning rate falls; the papers do not give epochs
QUARTERS = ((0.25, 0.1), (0.5, 0.01), (0.75, 0.001))

# Common to the papers of AlexNet and VGG
IMAGENET = Recipe(
    optimizer="sgd",
    learning_rate=0.01,
    schedule="steps",
    steps=QUARTERS,
    warmup=0.0,
    momentum=0.9,
    weight_decay=5e-4,
    augment=("flip", "crop", "color"),
    precision="float32",
)

_CARDS = (
    RecipeCard(
        "alexnet",
        "default",
        Recipe(epochs=10, batch_size=32, learning_rate=3e-4, label_smoothing=0.1, augment=("flip",), normalize=True),
        "chosen of two on held-out images: benchmarks/README.md",
        results=(Result("cifar10", 0.552, MEASURED, fraction=0.1, image_size=224),),
    ),
    RecipeCard(
        "alexnet",
        "lecture",
        LECTURE,
        LECTURE_SOURCE,
        results=(Result("cifar10", 0.222, PUBLISHED, fraction=0.1, image_size=224),),
    ),
    RecipeCard(
        "alexnet",
        "paper",
        replace(IMAGENET, epochs=90, batch_size=128, initializer="normal_0.01"),
        "Krizhevsky, Sutskever, Hinton 2012, sections 4.1 and 5",
        (
            "the learning rate is divided by 10 after each quarter, in the paper when the validation error stalls",
            "crops shift by up to an eighth of the side, in the paper they are 224 of 256 pixels",
            "all biases start at 0, in the paper some start at 1",
        ),
    ),
    RecipeCard(
        "lenet5",
        "default",
        Recipe(
            epochs=15,
            batch_size=64,
            optimizer="adamw",
            learning_rate=3e-3,
            schedule="cosine",
            weight_decay=0.1,
            label_smoothing=0.1,
            augment=("distort",),
        ),
        MEASURED,
        results=(Result("digits", 0.983, MEASURED), Result("mnist", 0.9951, f"{MEASURED}, 59,000 images")),
    ),
    RecipeCard("lenet5", "lecture", LECTURE, LECTURE_SOURCE, results=(Result("mnist", 0.9903, PUBLISHED),)),
    RecipeCard(
        "lenet5",
        "paper",
        Recipe(
            epochs=20,
            batch_size=1,
            optimizer="sgd",
            learning_rate=0.01,
            schedule="steps",
            # 5e-4 for two passes, 2e-4 for three, 1e-4 for three, 5e-5 for four, 1e-5 for the rest
            steps=((0.1, 0.4), (0.25, 0.2), (0.4, 0.1), (0.6, 0.02)),
            warmup=0.0,
            momentum=0.0,
            precision="float32",
        ),
        "LeCun, Bottou, Bengio, Haffner 1998, sections II.C and III.B, appendices A and C",
        (
            "plain gradient descent; the paper scales each weight's learning rate by a running estimate of its "
            "curvature. The peak is within the range of effective rates that the paper reports, 7e-5 to 0.016",
            "cross-entropy; the paper uses a penalised squared distance",
            "He initialisation; the paper draws uniformly from -2.4 / fan-in to 2.4 / fan-in",
        ),
        (Result("mnist", 0.9905, "the paper, section III.C, without distortions"),),
    ),
    RecipeCard(
        "resnet20",
        "default",
        Recipe(
            epochs=30,
            batch_size=128,
            optimizer="sgd",
            learning_rate=0.15,
            warmup=0.2,
            weight_decay=5e-4,
            augment=("flip", "crop"),
        ),
        MEASURED,
        results=(Result("cifar10", 0.8711, f"{MEASURED}, a JPEG copy"),),
    ),
    RecipeCard(
        "resnet20",
        "paper",
        Recipe(
            epochs=164,  # 64,000 steps
            batch_size=128,
            optimizer="sgd",
            learning_rate=0.1,
            schedule="steps",
            steps=((0.5, 0.1), (0.75, 0.01)),  # after 32,000 and 48,000 steps
            warmup=0.0,
            weight_decay=1e-4,
            augment=("flip", "crop"),
            precision="float32",
        ),
        "He, Zhang, Ren, Sun 2016, section 4.2",
        ("the mean of each pixel is not subtracted",),
        (Result("cifar10", 0.9125, "the paper, table 6"),),
    ),
    RecipeCard(
        "vgg19",
        "default",
        Recipe(
            epochs=10,
            batch_size=16,
            learning_rate=1.4e-4,
            weight_decay=0.0,
            label_smoothing=0.1,
            augment=("flip",),
            normalize=True,
        ),
        "chosen of three on held-out images: benchmarks/README.md",
        results=(Result("cifar10", 0.565, MEASURED, fraction=0.1, image_size=64),),
    ),
    RecipeCard(
        "vgg19",
        "lecture",
        LECTURE,
        LECTURE_SOURCE,
        results=(Result("cifar10", 0.087, PUBLISHED, fraction=0.1, image_size=224),),
    ),
    RecipeCard(
        "vgg19",
        "paper",
        replace(IMAGENET, epochs=74, batch_size=256, initializer="normal_0.1"),
        "Simonyan, Zisserman 2015, section 3.1",
        (
            "the learning rate is divided by 10 after each quarter, in the paper when the validation accuracy stalls "
            "(three times in 74 epochs)",
            "crops shift by up to an eighth of the side, in the paper images are rescaled to 256 pixels or more first",
            "all layers are initialised at random, in the paper some with the weights of its network A",
        ),
    ),
)

RECIPE_CARDS = {(card.network, card.name): card for card in _CARDS}
OTHER = RecipeCard(
    "",
    "default",
    Recipe(),
    "a general recipe: the network has none of its own yet, and no accuracy was measured with it",
)


def list_recipes(network: str) -> list[str]:
    """Return the names of the recipes for ``network``, sorted.

    >>> list_recipes("lenet5")
    ['default', 'lecture', 'paper']
    """
    return sorted(name for owner, name in RECIPE_CARDS if owner == network) or [OTHER.name]


def has_recipes(network: str) -> bool:
    """Tell whether there are recipes for ``network`` beside the general one."""
    return any(owner == network for owner, _ in RECIPE_CARDS)


def note_of_general_recipe(network: str) -> str:
    """Return what to tell who trains ``network`` by a recipe's name: that it is not its own; empty where it is.

    >>> note_of_general_recipe("lenet5")
    ''
    """
    if has_recipes(network):
        return ""
    return (
        f"{network} has no recipe of its own yet: it is trained by the general one, which was not tuned for it. "
        f"`cnnzoo recipes {network}` shows it; choose other values with options such as `--learning-rate`."
    )


def published_results(network: str, data: str, fraction: float, image_size: int) -> dict[str, Result]:
    """Return the published results of the recipes for ``network`` on these data, by recipe name.

    >>> [result.accuracy for result in published_results("lenet5", "mnist", 1.0, 32).values()]
    [0.9951, 0.9903, 0.9905]
    """
    return {
        name: result
        for (owner, name), card in RECIPE_CARDS.items()
        for result in card.results
        if owner == network and (result.data, result.fraction, result.image_size) == (data, fraction, image_size)
    }


def recipe_card(network: str, name: str = "default") -> RecipeCard:
    """Return the recipe ``name`` for ``network``, with its source.

    Args:
        network: A network's name; networks without recipes of their own have a "default", too.
        name: One of ``list_recipes(network)``.

    Raises:
        ValueError: The recipe is unknown; the message suggests the nearest.

    >>> recipe_card("vgg19", "paper").recipe.batch_size
    256
    """
    cards = {card_name: card for (owner, card_name), card in RECIPE_CARDS.items() if owner == network}
    return look_up(cards or {OTHER.name: OTHER}, name, "recipe")
