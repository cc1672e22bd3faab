"""The classic convolutional networks, exactly as specified, that really learn, on the machine you have.

Importing the package is cheap: the names below, which ``__init__.pyi`` lists for type checkers, load on first use.
"""

import os
import sys

import lazy_loader

__version__ = "0.1.0"

# TensorFlow, which somebody has imported already, has read its settings: training is slower than need be, and says so
TENSORFLOW_CAME_FIRST = "tensorflow" in sys.modules and "TF_ENABLE_ONEDNN_OPTS" not in os.environ

# For TensorFlow, which reads them as it starts; what the environment sets already stays. oneDNN's kernels, which
# TensorFlow leaves off on many CPUs, halve an epoch of LeNet-5; the pooling allocator keeps the memory of one batch for
# the next, where the system's maps it anew, page by page (benchmarks/README.md).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
