"""Networks that predict the classes of photographs: those of ImageNet, or of a run."""

from __future__ import annotations

import os
from dataclasses import replace

from cnnzoo._keras.applications import PRETRAINED_CARDS
from cnnzoo.data.imagenet import imagenet_classes
from cnnzoo.evaluation.classifier import Classifier
from cnnzoo.models.catalog import MODEL_CARDS, create_model, list_weights
from cnnzoo.models.published import IMAGENET, TorchWeights
from cnnzoo.pretrained.builders import load
from cnnzoo.pretrained.networks import network_name
from cnnzoo.runs.run import load_run


def open_classifier(network: str | os.PathLike[str], *, crop: bool | None = None) -> Classifier:
    """Return what predicts the classes of photographs.

    Args:
        network: A run folder; the name of a network that ships trained, "lenet5"; or of one with weights for ImageNet:
            of ``list_models(weights="imagenet")``, or of ``list_pretrained``, which comes first where both have it. A
            run folder of that name in the working directory comes before all.
        crop: Whether photographs keep their proportions, and their middle is seen, or are squashed to the size of the
            network. None: networks with ImageNet's weights crop, as for their published accuracies; runs prepare images
            as those that they were trained on.

    Raises:
        FileNotFoundError: There is no such run, or it is not finished.
        ValueError: The run is damaged, or ``crop`` is given for one of digits.
        ConnectionError: Weights must be downloaded and there is no network.
    """
    name = network_name(network)
    classifier = _of_imagenet(name) if name and has_imagenet(network) else load_run(network).classifier
    if crop is None:
        return classifier
    if classifier.preparation == "digit":
        raise ValueError(f"`crop` is for photographs, and '{network}' was trained on digits. Received: crop={crop}")
    return replace(classifier, preparation="crop" if crop else "resize")


def has_imagenet(network: str | os.PathLike[str]) -> bool:
    """Tell whether a user means a network by its name that has weights for ImageNet, and none that ship."""
    name = network_name(network)
    if name is None or (name in MODEL_CARDS and list_weights(name)):
        return False
    return name in PRETRAINED_CARDS or IMAGENET in MODEL_CARDS[name].weights


def _of_imagenet(name: str) -> Classifier:
    """Return a network with the weights for ImageNet that are published for it, and what their accuracies assume."""
    identifiers, names = (tuple(column) for column in zip(*imagenet_classes(), strict=True))
    if name in PRETRAINED_CARDS:
        model = load(name, include_top=True, preprocess=True, scale="unit")
        return Classifier(model, names, model.input_shape[1:3], "crop", identifiers=identifiers)
    published = MODEL_CARDS[name].weights[IMAGENET]
    shorter_side = published.resize if isinstance(published, TorchWeights) else None
    model = create_model(name, weights=IMAGENET)
    return Classifier(model, names, model.input_shape[1:3], "crop", "unit", shorter_side, identifiers)
