"""The networks that stand for all, in tests of what every builder must do."""

import cnnzoo

# Of each builder that a paper's variants share, the one with the fewest parameters
LARGEST_FIRST = cnnzoo.list_models(sort="params")[::-1]
SMALLEST = sorted({getattr(cnnzoo.models, name).__wrapped__: name for name in LARGEST_FIRST}.values())
# Of each family, which has a builder or several, the same
OF_FAMILIES = sorted({cnnzoo.model_card(name).family: name for name in LARGEST_FIRST}.values())
