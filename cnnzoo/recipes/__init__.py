"""What to do, as data. Imports no Keras."""
