"""The recipes for fine-tuning: for the new head, and for the unfrozen layers."""

from dataclasses import replace

from cnnzoo.recipes.recipe import Recipe

DROPOUT_RATE = 0.2  # on the features before the dense layer

# The head alone, on features that are computed only once
HEAD = Recipe(epochs=30, batch_size=32, learning_rate=3e-3, schedule="cosine", weight_decay=1e-4)
# The last layers of the backbone with it, from where the head has learned already
UNFROZEN = replace(HEAD, epochs=5, learning_rate=1e-5)
