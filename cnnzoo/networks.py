"""A network that a user names: one of this zoo, one of Keras Applications, a run, or a file."""

from pathlib import Path

import keras

from cnnzoo.lookup import look_up
from cnnzoo.models.catalog import create_model, list_models
from cnnzoo.pretrained.catalog import list_pretrained
from cnnzoo.pretrained.load import load
from cnnzoo.training.folder import read_model
from cnnzoo.training.run import load_run


def open_network(name: str) -> keras.Model:
    """Return the network called ``name``, to be looked at: its weights are of no account, unless it is trained.

    Args:
        name: A name of ``list_models`` or of ``list_pretrained``, in any case, a run folder, or a ``.keras`` file.

    Raises:
        ValueError: There is no such network, or the file is damaged; the message suggests the nearest name.
        FileNotFoundError: The folder is not that of a finished run.

    >>> open_network("lenet5").count_params()
    61706
    """
    if name.lower() in list_models():
        return create_model(name, kernel_initializer="zeros")
    if name.lower() in list_pretrained():
        return load(name, weights=None, include_top=True)
    if Path(name).is_dir():
        return load_run(name).model
    if Path(name).is_file():
        return read_model(Path(name))
    return look_up(dict.fromkeys([*list_models(), *list_pretrained()]), name, "network, run folder or file")
