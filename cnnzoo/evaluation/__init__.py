"""How well a network does: what it predicts, how often that is right, and what it takes for what."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
