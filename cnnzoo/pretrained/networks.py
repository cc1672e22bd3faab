"""A network that a user names: one of this zoo, one of Keras Applications, a run, a file, or a model at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import keras

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.heads import without_head
from cnnzoo._keras.origin import note_origin, origin_of
from cnnzoo._keras.preprocessing import with_channels
from cnnzoo._keras.saved import read_model
from cnnzoo._keras.scale import Scale
from cnnzoo._support.checkpoints import is_checkpoint
from cnnzoo._support.files import suggest_path
from cnnzoo._support.lookup import look_up
from cnnzoo.models.catalog import MODEL_CARDS, create_model, in_keras_applications, model_card, named_network
from cnnzoo.models.keras_applications import IMAGENET
from cnnzoo.models.published import TorchWeights
from cnnzoo.pretrained.builders import load
from cnnzoo.pretrained.catalog import list_pretrained, pretrained_card
from cnnzoo.runs.run import load_run

DEFAULT = "default"  # weights: those that are published for a network, or a run's own
SAVED_MODEL = "saved_model.pb"

ImageSize: TypeAlias = "tuple[int | None, int | None]"


class TrainedRun(Protocol):
    """What is asked of a run here, see ``cnnzoo.training.Run``."""

    @property
    def model(self) -> keras.Model:
        """The network."""


Network: TypeAlias = "str | os.PathLike[str] | keras.Model | TrainedRun"


def open_network(
    name: str | os.PathLike[str], *, image_size: tuple[int, int] | None = None, of_keras: bool = False
) -> keras.Model:
    """Return the network called ``name``, for inspection: only runs and files keep their weights.

    Args:
        name: A name of ``list_models`` or of ``list_pretrained``, in any case, a run folder, or a ``.keras`` or ``.h5``
            file. A name that both lists have is that of this zoo; a run folder of that name comes first.
        image_size: Height and width that a network given by its name is built for; None takes its own. Files and runs
            keep theirs.
        of_keras: Whether ``name`` is one of ``list_pretrained``, although ``list_models`` may have it, too.

    Raises:
        ValueError: There is no such network, it cannot be built for ``image_size``, or the file cannot be read; the
            message suggests the nearest name, or says why.
        FileNotFoundError: The folder is not that of a finished run.

    >>> open_network("lenet5").count_params()
    61706
    """
    network = _of_keras(name) if of_keras else network_name(name)
    if network in MODEL_CARDS and not of_keras:
        card = model_card(network)
        size = image_size or card.input_shape[:2]
        return create_model(network, kernel_initializer="zeros", input_shape=(*size, card.input_shape[2]))
    if network in PRETRAINED_CARDS:
        size = image_size or own_size(network)
        return load(network, weights=None, include_top=True, input_shape=(*size, 3))
    return _open_saved(name)


def open_backbone(
    network: Network,
    *,
    weights: str | os.PathLike[str] | None = DEFAULT,
    image_size: ImageSize | None = None,
    channels: int | None = None,
    scale: Scale = "unit",
) -> keras.Model:
    """Return a network without its head, to be trained further or asked for features.

    Args:
        network: A name of ``list_pretrained`` or of ``list_models``, in any case; a run, a run folder, or a ``.keras``
            or ``.h5`` file; or a model. A name that both lists have is that of Keras Applications, but with weights
            such as "imagenet-v1", which only this zoo's has; a run folder of that name comes first.
        weights: Of a network given by its name: "default" for those that are published, a name of published weights, a
            file, a run folder, or None to initialise.
        image_size: Height and width that a network given by its name is built for; None takes its own.
        channels: What images are to have, 1 or 3, where the network takes another number: grey ones are then repeated,
            colours become grey. None leaves the network's own.
        scale: What a network of Keras Applications is to take: "unit" for [0, 1], "byte" for [0, 255].

    Raises:
        ValueError: There is no such network, or nothing is published for it, weights do not fit or are given for
            something that has its own, or the graph does not tell where the head begins.
        FileNotFoundError: A run or a file does not exist.
        ConnectionError: Weights must be downloaded and there is no network.
    """
    name = network_name(network)
    if name in PRETRAINED_CARDS and not are_of_the_zoo(name, weights):
        card = PRETRAINED_CARDS[name]
        shape = (*(image_size or (card.input_size, card.input_size)), channels or 3)
        weights = IMAGENET if weights == DEFAULT else weights
        return load(name, weights=weights, input_shape=shape, preprocess=True, scale=scale)
    if name in MODEL_CARDS:
        return _open_zoo_backbone(name, weights, image_size, channels)
    if weights != DEFAULT:
        raise ValueError(
            "`weights` are for a network that is given by its name: a model, a run or a file has its own. "
            f"Received: weights={weights!r}"
        )
    if isinstance(network, str | os.PathLike):
        model = _open_saved(network)
    else:
        model = network if isinstance(network, keras.Model) else network.model
    backbone = without_head(model)
    return _with_origin_of(model, backbone if channels is None else with_channels(backbone, channels))


def _with_origin_of(model: keras.Model, backbone: keras.Model) -> keras.Model:
    """Return ``backbone``, and record that it was trained for what ``model`` was."""
    if backbone is not model and (origin := origin_of(model)) is not None:
        note_origin(backbone, origin)
    return backbone


def _of_keras(name: str | os.PathLike[str]) -> str:
    """Return the name of a network of Keras Applications, as the list has it."""
    if isinstance(name, str) and name.lower() in PRETRAINED_CARDS:
        return name.lower()
    if Path(name).exists() or network_name(name) is not None:
        raise ValueError(
            f"'{name}' is not a network of Keras Applications, which `--keras` (`of_keras=True`) asks for. Leave that "
            "out, or name one that `cnnzoo pretrained` lists."
        )
    return pretrained_card(os.fspath(name)).name


def network_name(network: Network) -> str | None:
    """Return the name of a network that is given by its name, as the lists have it; None of anything else.

    Raises:
        ValueError: ``network`` is not something that ``open_backbone`` accepts.
    """
    if isinstance(network, str | os.PathLike):
        return named_network(network, {*PRETRAINED_CARDS, *MODEL_CARDS})
    if not isinstance(network, keras.Model) and not isinstance(getattr(network, "model", None), keras.Model):
        raise ValueError(
            "The network must be the name of one, a run, a run folder, a file or a Keras model. "
            f"Received: {type(network).__name__}"
        )
    return None


def place_of(network: Network) -> str | None:
    """Return the path of a file or of the folder of a run, or a name as it is; None of a model without a folder."""
    if isinstance(network, keras.Model):  # its layers have a path, too, of another kind
        return None
    place = network if isinstance(network, str | os.PathLike) else getattr(network, "path", None)
    return None if place is None else os.fspath(place)


def own_size(name: str) -> tuple[int, int]:
    """Return the height and width of the images that a network called ``name`` takes by default."""
    if name in PRETRAINED_CARDS:
        return PRETRAINED_CARDS[name].input_size, PRETRAINED_CARDS[name].input_size
    return MODEL_CARDS[name].input_shape[:2]


def published_weights(name: str, weights: Any) -> Any:
    """Return the name of the weights that "default" means for a network called ``name``; others as they are.

    Raises:
        ValueError: Nothing is published for it.
    """
    if weights != DEFAULT:
        return weights
    names = [IMAGENET] if name in PRETRAINED_CARDS else list(MODEL_CARDS[name].weights)
    if not names:
        other = in_keras_applications(name)
        elsewhere = "" if other is None else f" Keras Applications has ImageNet's for '{other}': take that instead."
        raise ValueError(
            f"There are no published weights of {name}.{elsewhere} Train it first (`cnnzoo train {name}`) and give the "
            "run folder, or give a model; `finetune`, `classifier` and `embed` also take `weights`: a file, a run "
            "folder, or None (on the command line, none) to initialise."
        )
    return names[0]


def are_published(name: str, weights: Any) -> bool:
    """Tell whether ``weights`` of the network called ``name`` are published for ImageNet by torchvision or timm."""
    is_here = name in MODEL_CARDS and (name not in PRETRAINED_CARDS or are_of_the_zoo(name, weights))
    found = MODEL_CARDS[name].weights if is_here else {}
    weights = next(iter(found), None) if weights == DEFAULT else weights
    return isinstance(weights, str) and isinstance(found.get(weights.lower()), TorchWeights)


def are_of_the_zoo(name: str, weights: Any) -> bool:
    """Tell whether ``weights`` of a network that Keras Applications has, too, are meant for this zoo's.

    Both have "imagenet", which is Keras' there; "imagenet-v1" and the like are names of this zoo alone.
    """
    return name in MODEL_CARDS and isinstance(weights, str) and weights.lower().startswith(f"{IMAGENET}-")


def image_shape(model: keras.Model, image_size: tuple[int, int]) -> tuple[int, ...]:
    """Return the shape of an image of that height and width as ``model`` takes it, without the batch."""
    return (*image_size, *model.inputs[0].shape[3:])


def _open_zoo_backbone(
    name: str, weights: str | os.PathLike[str] | None, image_size: ImageSize | None, channels: int | None
) -> keras.Model:
    """Build a network of this zoo without its head: what is published for it takes the channels of its card."""
    card = MODEL_CARDS[name]
    weights = published_weights(name, weights)
    is_published = isinstance(weights, str) and weights.lower() in card.weights
    own = card.input_shape[2] if is_published or channels is None else channels
    shape = (*(image_size or card.input_shape[:2]), own)
    backbone = create_model(name, include_top=False, weights=weights, input_shape=shape)
    return _with_origin_of(backbone, with_channels(backbone, channels or own))


def _open_saved(name: str | os.PathLike[str]) -> keras.Model:
    """Return the network of a run folder or of a file."""
    path = Path(name)
    if (path / SAVED_MODEL).is_file():
        raise ValueError(
            f"'{name}' is a SavedModel of TensorFlow: it holds computations, not the layers of a Keras model. Give the "
            ".keras file that the network was saved in."
        )
    if path.is_dir():
        return load_run(path).model
    if path.is_file() and is_checkpoint(path):
        raise ValueError(
            f"'{name}' is a checkpoint of PyTorch, which has only weights. Name its network, and give the file as "
            "`weights` (--weights): resnet18, for example."
        )
    if path.is_file():
        return read_model(path)
    suggestion = suggest_path(path)
    if suggestion or not isinstance(name, str) or path.name != name:
        raise FileNotFoundError(f"There is no run folder or file '{name}'.{suggestion}")
    return look_up(dict.fromkeys([*MODEL_CARDS, *list_pretrained()]), name, "network, run folder or file")
