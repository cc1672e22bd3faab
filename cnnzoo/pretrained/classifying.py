"""Networks that predict the classes of photographs: those of ImageNet, or of a run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo._keras.engine import check_engine
from cnnzoo._support.checkpoints import is_checkpoint
from cnnzoo.data.imagenet import imagenet_classes
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.models.cards import InputShape
from cnnzoo.models.catalog import MODEL_CARDS, create_model, list_weights
from cnnzoo.models.published import IMAGENET, PublishedWeights, TorchWeights
from cnnzoo.models.weights import is_for_grey
from cnnzoo.pretrained.builders import load
from cnnzoo.pretrained.networks import are_of_the_zoo, network_name
from cnnzoo.runs.folder import RECORD
from cnnzoo.runs.run import load_run


def open_classifier(
    network: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    crop: bool | None = None,
    engine: str = "auto",
) -> Classifier:
    """Return what predicts the classes of photographs.

    Args:
        network: A run folder; the name of a network that ships trained, "lenet5"; or of one with weights for ImageNet:
            of ``list_models(weights="imagenet")``, or of ``list_pretrained``, which comes first where both have it. A
            run folder of that name in the working directory comes before all.
        weights: Of a network with weights for ImageNet: their name, a file, or a run of that network, which predicts as
            by itself; None is "imagenet". The classes of a file have ImageNet's names if they are 1,000, and numbers
            otherwise. Of a network that ships trained: their name.
        crop: Whether photographs keep their proportions, and their middle is seen, or are squashed to the size of the
            network. None: networks with ImageNet's weights crop, as for their published accuracies; runs prepare images
            as those that they were trained on.
        engine: The inference engine, one of ``cnnzoo.evaluation.ENGINES``.

    Raises:
        FileNotFoundError: There is no such run, or it is not finished.
        ValueError: The run is damaged, ``weights`` do not fit or are given for a run, or ``crop`` for one of digits.
        ConnectionError: Weights must be downloaded and there is no network.
    """
    engine = check_engine(engine)
    name = network_name(network)
    if name and has_imagenet(network):
        classifier = _of_run(name, weights) or _of_imagenet(name, IMAGENET if weights is None else weights)
    else:
        if weights is not None:
            _check_shipped(network, name, weights)
        classifier = load_run(network).classifier
    classifier = replace(classifier, engine=engine)
    if crop is None:
        return classifier
    if classifier.preparation == "digit":
        raise ValueError(f"`crop` is for photographs, and '{network}' was trained on digits. Received: crop={crop}")
    return replace(classifier, preparation="crop" if crop else "resize")


def _check_shipped(network: str | os.PathLike[str], name: str | None, weights: str | os.PathLike[str]) -> None:
    """Raise ``ValueError`` unless ``weights`` are those that ship with the network called ``name``."""
    shipped = list_weights(name) if name in MODEL_CARDS else []
    if str(weights).lower() not in shipped:
        told = f"are '{shipped[0]}'" if shipped else "are those of the run"
        raise ValueError(f"The weights of '{network}' {told}; it takes no others here. Received: weights='{weights}'")


def has_imagenet(network: str | os.PathLike[str]) -> bool:
    """Tell whether a user means a network by its name that has weights for ImageNet, and none that ship."""
    name = network_name(network)
    if name is None or (name in MODEL_CARDS and list_weights(name)):
        return False
    return name in PRETRAINED_CARDS or IMAGENET in MODEL_CARDS[name].weights


def _of_run(name: str, weights: str | os.PathLike[str] | None) -> Classifier | None:
    """Return what the run at ``weights`` predicts with, if it is a run of the network called ``name``."""
    if weights is None or not Path(weights, RECORD).is_file():
        return None
    run = load_run(weights)
    return run.classifier if run.network == name else None


def _of_imagenet(name: str, weights: str | os.PathLike[str]) -> Classifier:
    """Return a network with weights for ImageNet, and what the accuracies assume that are published for them."""
    identifiers, names = (tuple(column) for column in zip(*imagenet_classes(), strict=True))
    if name in PRETRAINED_CARDS and not are_of_the_zoo(name, weights):
        model, published = load(name, weights=weights, include_top=True, preprocess=True, scale="unit"), None
    else:
        published = MODEL_CARDS[name].weights.get(str(weights).lower())
        model = create_model(name, weights=weights, input_shape=_shape_of(name, weights, published))
    classes = model.output_shape[-1]
    if classes != len(names):
        names, identifiers = tuple(map(str, range(classes))), ()
    shorter_side = published.resize if isinstance(published, TorchWeights) else None
    return Classifier(model, names, model.input_shape[1:3], "crop", "unit", shorter_side, identifiers)


def _shape_of(name: str, weights: str | os.PathLike[str], published: PublishedWeights | None) -> InputShape:
    """Return the shape of the images that weights of a network of this zoo are for."""
    if isinstance(published, TorchWeights):
        return published.crop, published.crop, 3
    path, (height, width, channels) = Path(weights), MODEL_CARDS[name].input_shape
    is_grey = is_checkpoint(path) and path.is_file() and is_for_grey(path)
    return height, width, 1 if is_grey else channels
