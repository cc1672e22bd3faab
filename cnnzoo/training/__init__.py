"""Training: what to do (recipe), doing it (fit, train), and what it leaves (run)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
