"""A recipe with its source and its results, as data."""

from dataclasses import dataclass
from typing import NamedTuple

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


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """Show which recipe it is."""
        return f"<RecipeCard '{self.name}' of {self.network}: {self.source}>"

    def _repr_html_(self) -> str:
        """Return the card for a notebook."""
        from cnnzoo._support.notebook import block, facts, listing

        table = facts(self.recipe.described(), f"{self.network}, recipe '{self.name}'")
        lists = (("Source:", (self.source,)), ("Deviations:", self.deviations), ("Results:", map(str, self.results)))
        return block(table, *(listing(title, items) for title, items in lists))
