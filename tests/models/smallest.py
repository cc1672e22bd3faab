"""The networks that stand for all, in tests of what every builder must do."""

import cnnzoo

CARDS = [cnnzoo.model_card(name) for name in cnnzoo.list_models(sort="params")]
# Of each builder that papers' variants share, the one with the fewest parameters
SMALLEST = sorted({getattr(cnnzoo.models, card.name).__wrapped__: card.name for card in reversed(CARDS)}.values())
