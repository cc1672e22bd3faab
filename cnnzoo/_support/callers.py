"""Who calls this package: where in a user's code, and whether in a notebook."""

import os
import sys
from pathlib import Path

PACKAGE = str(Path(__file__).parents[1]) + os.sep


def level_of_the_user() -> int:
    """Return the ``stacklevel`` at which a warning of the caller points to the first line outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


def is_notebook() -> bool:
    """Tell whether the code runs in the kernel of a notebook: Jupyter, Colab or VS Code."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None
