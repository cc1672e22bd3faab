"""The recipes of each network: the best found here, its paper's, and a first lecture's."""

from cnnzoo._support.lookup import look_up
from cnnzoo.recipes._measured import CARDS as MEASURED
from cnnzoo.recipes._published import CARDS as PUBLISHED
from cnnzoo.recipes.card import RecipeCard, Result
from cnnzoo.recipes.recipe import Recipe

RECIPE_CARDS = {(card.network, card.name): card for card in (*MEASURED, *PUBLISHED)}
NAMES = sorted({name for _, name in RECIPE_CARDS})
OTHER = RecipeCard(
    "",
    "default",
    Recipe(),
    "a general recipe: none was tried with this network, and no accuracy was measured with it",
)


def list_recipes(network: str) -> list[str]:
    """Return the names of the recipes for ``network``, sorted.

    >>> list_recipes("lenet5")
    ['default', 'lecture', 'paper']
    """
    return sorted(_cards(network))


def has_recipes(network: str) -> bool:
    """Tell whether there are recipes for ``network`` beside the general one."""
    return any(owner == network for owner, _ in RECIPE_CARDS)


def note_of_general_recipe(network: str, recipe: str) -> str:
    """Return the note for a network that has no recipe of its own; empty for the others.

    >>> note_of_general_recipe("lenet5", "default")
    ''
    """
    if recipe_card(network, recipe) is not OTHER:
        return ""
    published = ", and its paper's, `--recipe paper`" if (network, "paper") in RECIPE_CARDS else ""
    return (
        f"{network} has no recipe of its own yet that was tried here: it is trained by the general one, which was not "
        f"tuned for it. `cnnzoo recipes {network}` shows it{published}; choose other values with options such as "
        "`--learning-rate`."
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
    cards = _cards(network)
    if name in NAMES and name not in cards:
        raise ValueError(f"{network} has no recipe '{name}'. Available: {', '.join(sorted(cards))}")
    return look_up(cards, name, "recipe")


def _cards(network: str) -> dict[str, RecipeCard]:
    """Return the recipes for ``network`` by name; the general one is the default where it has none of its own."""
    own = {name: card for (owner, name), card in RECIPE_CARDS.items() if owner == network}
    return {OTHER.name: OTHER, **own}
