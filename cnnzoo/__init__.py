"""The classic convolutional networks, exactly as specified, that really learn, on the machine you have.

Importing the package is cheap: the names below, which ``__init__.pyi`` lists for type checkers, load on first use.
"""

import os
import sys

import lazy_loader

from cnnzoo._support.callers import is_notebook

__version__ = "0.1.0"

# If TensorFlow was imported first, it has already read its settings; training is then slower and warns about it
TENSORFLOW_CAME_FIRST = "tensorflow" in sys.modules and "TF_ENABLE_ONEDNN_OPTS" not in os.environ

# TensorFlow reads these when it starts; values set in the environment have priority. oneDNN's kernels, which are off by
# default on many CPUs, halve the time of an epoch of LeNet-5. The pooling allocator reuses the memory of one batch for
# the next, instead of mapping it again page by page (benchmarks/README.md).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

if is_notebook():  # or TensorFlow's start-up messages would stand above the first results
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
