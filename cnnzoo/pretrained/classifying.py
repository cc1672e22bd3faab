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
    has_imagenet = name in PRETRAINED_CARDS or (name in MODEL_CARDS and IMAGENET in MODEL_CARDS[name].weights)
    if name is not None and has_imagenet and not (name in MODEL_CARDS and list_weights(name)):
        classifier = _of_imagenet(name)
    else:
        classifier = load_run(network).classifier
    if crop is None:
        return classifier
    if classifier.preparation == "digit":
        raise ValueError(f"`crop` is for photographs, and '{network}' was trained on digits. Received: crop={crop}")
    return replace(classifier, preparation="crop" if crop else "resize")


def _of_imagenet(name: str) -> Classifier:
    """Return a network with the weights for ImageNet that are published for it, and what their accuracies assume."""
    names = tuple(each.name for each in imagenet_classes())
    if name in PRETRAINED_CARDS:
        model = load(name, include_top=True, preprocess=True, scale="unit")
        return Classifier(model, names, model.input_shape[1:3], "crop")
    published = MODEL_CARDS[name].weights[IMAGENET]
    shorter_side = published.resize if isinstance(published, TorchWeights) else None
    model = create_model(name, weights=IMAGENET)
    return Classifier(model, names, model.input_shape[1:3], "crop", shorter_side=shorter_side)
