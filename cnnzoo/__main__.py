"""``python -m cnnzoo`` is ``cnnzoo``."""

from cnnzoo.cli import main

main()
