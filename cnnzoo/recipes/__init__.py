"""Training recipes, as data. Imports no Keras."""
