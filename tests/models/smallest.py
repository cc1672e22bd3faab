"""The networks that stand for all, in tests of what every builder must do."""

import cnnzoo

# Of each builder that a paper's variants share, the one with the fewest parameters
LARGEST_FIRST = reversed(cnnzoo.list_models(sort="params"))
SMALLEST = sorted({getattr(cnnzoo.models, name).__wrapped__: name for name in LARGEST_FIRST}.values())
