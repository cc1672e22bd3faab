"""What a network in a file gives on the backend of this process: ``python -m cnnzoo.testing._on_backend FOLDER OUT``.

The process is started by ``_backends.py``. The folder has the network, its inputs, and the modules of its own layers.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

NETWORK, INPUTS, MODULES = "network.keras", "inputs.npz", "modules.json"


def import_module(name: str, file: str | None) -> None:
    """Import a module by its name, or else from its file, as pytest does with tests that are in no package.

    Of one that is not found, Keras says which layer it misses.
    """
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        spec = importlib.util.spec_from_file_location(name, file) if file else None
        if spec is not None and spec.loader is not None:
            sys.modules[name] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)


def main(folder: Path, target: Path) -> None:
    """Read the network, compute its outputs, and write them to ``target``."""
    import keras
    import numpy as np

    from cnnzoo.testing._arrays import outputs_of

    for name, file in json.loads((folder / MODULES).read_text(encoding="utf-8")):
        import_module(name, file)
    model = keras.saving.load_model(folder / NETWORK, compile=False)
    with np.load(folder / INPUTS) as inputs:
        outputs = outputs_of(model, [inputs[name] for name in inputs.files])
    np.savez(target, *outputs)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
