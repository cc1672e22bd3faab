"""The recipes under the names that ``cnnzoo.training`` has for them."""

from cnnzoo.recipes.card import RecipeCard as RecipeCard
from cnnzoo.recipes.card import Result as Result
from cnnzoo.recipes.cards import list_recipes as list_recipes
from cnnzoo.recipes.cards import recipe_card as recipe_card
from cnnzoo.recipes.recipe import Recipe as Recipe
