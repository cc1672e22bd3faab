"""Matplotlib figures from arrays. Nothing is displayed, and no global state changes.

A notebook shows a figure that is the last line of a cell.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
