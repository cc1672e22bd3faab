"""The classic convolutional networks, exactly as specified, that really learn, on the machine you have.

Importing the package is cheap: the names below, which ``__init__.pyi`` lists for type checkers, load on first use.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
