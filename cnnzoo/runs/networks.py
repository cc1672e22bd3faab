"""A network that a user names: one of this zoo, one of Keras Applications, a run, or a file."""

from pathlib import Path

import keras

from cnnzoo._keras.saved import read_model
from cnnzoo._support.lookup import look_up
from cnnzoo.models.catalog import create_model, list_models, model_card
from cnnzoo.pretrained.builders import load
from cnnzoo.pretrained.catalog import list_pretrained
from cnnzoo.runs.run import load_run

SAVED_MODEL = "saved_model.pb"


def open_network(name: str, *, image_size: tuple[int, int] | None = None) -> keras.Model:
    """Return the network called ``name``, to be looked at: its weights are of no account, unless it is trained.

    Args:
        name: A name of ``list_models`` or of ``list_pretrained``, in any case, a run folder, or a ``.keras`` or ``.h5``
            file.
        image_size: Height and width that a network given by its name is built for; None takes its own. Files and runs
            keep theirs.

    Raises:
        ValueError: There is no such network, it cannot be built for ``image_size``, or the file cannot be read; the
            message suggests the nearest name, or says why.
        FileNotFoundError: The folder is not that of a finished run.

    >>> open_network("lenet5").count_params()
    61706
    """
    if name.lower() in list_models():
        card = model_card(name)
        shape = (*(image_size or card.input_shape[:2]), card.input_shape[2])
        return create_model(name, kernel_initializer="zeros", input_shape=shape)
    if name.lower() in list_pretrained():
        return load(name, weights=None, include_top=True, input_shape=None if image_size is None else (*image_size, 3))
    if Path(name, SAVED_MODEL).is_file():
        raise ValueError(
            f"'{name}' is a SavedModel of TensorFlow: it holds computations, not the layers of a Keras model. Give the "
            ".keras file that the network was saved in."
        )
    if Path(name).is_dir():
        return load_run(name).model
    if Path(name).is_file():
        return read_model(Path(name))
    return look_up(dict.fromkeys([*list_models(), *list_pretrained()]), name, "network, run folder or file")


def image_shape(model: keras.Model, image_size: tuple[int, int]) -> tuple[int, ...]:
    """Return the shape of an image of that height and width as ``model`` takes it, without the batch."""
    return (*image_size, *model.inputs[0].shape[3:])
