"""torchvision's networks, with weights and running statistics drawn at random, and how far ours are from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import keras
import numpy as np
import torch

import cnnzoo
from cnnzoo._keras.parameters import flat_layers
from cnnzoo.models._torch_layout import torch_state
from cnnzoo.models.cards import Counterpart
from cnnzoo.models.weights import load_state
from tests.models.transcribed import randomized


def _import_torchvision():
    """Import torchvision, also where its compiled operators, which no classifier needs, don't suit this PyTorch."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision


torchvision = _import_torchvision()


def reference(name: str, num_classes: int = 7) -> torch.nn.Module:
    """Build the counterpart of ``name`` with weights and statistics drawn at random."""
    counterpart = cnnzoo.model_card(name).torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of changes in initialisation
        options = {"aux_logits": False, "init_weights": False} if counterpart.network in WITH_HEADS_BESIDE else {}
        model = getattr(torchvision.models, counterpart.network)(weights=None, num_classes=num_classes, **options)
    # Drawn for ReLUs, MobileNetV3 is ill-conditioned: PyTorch's own float32 is then 4e-4 from its float64
    return randomized(model, "linear")


WITH_HEADS_BESIDE = ("googlenet", "inception_v3")


def state_of(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def is_returned(ours: keras.Model, model: torch.nn.Module, module: Callable[[str], str]) -> bool:
    """Tell whether the weights of ``model``, which ``ours`` has loaded, come back as the same bytes."""
    state, back = state_of(model), torch_state(ours, module)
    return back.keys() == state.keys() and all(
        (values.shape, values.dtype) == (back[name].shape, back[name].dtype)
        and np.array_equal(values.reshape(-1).view(np.uint8), back[name].reshape(-1).view(np.uint8))
        for name, values in state.items()
    )


def sizes(card):
    """Give three sizes: the paper's own, a larger one that is not square, and the smallest that is worth a look.

    Of a counterpart that equals ours at some sizes only, the last one is of the largest and the least side.
    """
    side, small = card.input_shape[0], max(card.smallest_size, 64)
    least, largest = card.torchvision.sides or (small + 6, small)
    return (side, side), (side + 7, side + 16), (largest, least)


def pictures(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, *shape), dtype="float32")


def network(name: str, size: tuple[int, int]) -> keras.Model:
    """Build our network ``name``, to compare its logits of 7 classes."""
    options = {"num_classes": 7, "input_shape": (*size, 3), "classifier_activation": None}
    return cnnzoo.create_model(name, kernel_initializer="zeros", **options)  # what is loaded needs no drawing


def differences(ours: keras.Model, model: torch.nn.Module, module: Callable[[str], str]) -> Iterator[tuple[str, float]]:
    """Load the weights of ``model``; yield the largest difference of each layer, relative to its largest value.

    Args:
        ours: Our network; its layers with weights are compared, in order, then the logits.
        model: The same in PyTorch.
        module: What turns names of our layers into those of its modules.
    """
    load_state(ours, state_of(model), Counterpart("", module))
    modules, found = dict(model.named_modules()), {}
    names = {layer.name: module(layer.name) for layer in flat_layers(ours) if layer.weights}
    hooks = [
        modules[theirs].register_forward_hook(
            lambda _, __, maps, own=own: found.__setitem__(own, maps.detach().numpy().copy())
        )
        for own, theirs in names.items()
    ]
    images = pictures(ours.input_shape[1:])
    with torch.no_grad():
        logits = model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    for hook in hooks:
        hook.remove()
    probe = keras.Model(ours.inputs[0], [ours.get_layer(own).output for own in names] + [ours.output])
    if keras.config.backend() == "jax":  # compiled at once, which is quicker there than layer by layer
        *maps, own_logits = probe.predict(images, verbose=0)
    else:
        *maps, own_logits = map(keras.ops.convert_to_numpy, probe(images, training=False))
    for own, values in zip(names, maps, strict=True):
        wanted = found[own].transpose(0, 2, 3, 1) if found[own].ndim == 4 else found[own]
        activation = getattr(ours.get_layer(own), "activation", keras.activations.linear)
        wanted = keras.ops.convert_to_numpy(activation(wanted))  # which is a module of its own there
        yield own, _relative(values, wanted) if values.shape == wanted.shape else np.inf
    yield "logits", _relative(own_logits, logits)


def _relative(values: np.ndarray, wanted: np.ndarray) -> float:
    if not (np.isfinite(values).all() and np.isfinite(wanted).all()):
        return np.inf
    return float(np.abs(values - wanted).max() / np.abs(wanted).max())
