"""Equal outputs of a network and of what should compute the same: in Keras, in PyTorch, or a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np

from cnnzoo._keras.ending import ending_by_graph
from cnnzoo._keras.graph import graph_inputs, run, walk
from cnnzoo._keras.layout import takes_channels_first
from cnnzoo._keras.parameters import flat_layers
from cnnzoo._support.arguments import check_number, shape_fits
from cnnzoo._support.differences import relative_difference
from cnnzoo.models.catalog import list_models, model_card
from cnnzoo.testing._arrays import FLOAT32, as_arrays, outputs_of
from cnnzoo.testing._names import plain_names

Reference: TypeAlias = "keras.Model | Callable[..., Any]"  # PyTorch's modules can be called, too
Pair: TypeAlias = tuple[str, np.ndarray, np.ndarray]  # a layer's name, its outputs, those of the reference


class _Outputs(NamedTuple):
    """What the reference gave; ``pairs`` yields the layers that both have, from input to output."""

    arrays: list[np.ndarray]
    pairs: Callable[[], Iterator[Pair]]


def assert_equal_outputs(model: keras.Model, reference: Reference, images: Any, *, tolerance: float = FLOAT32) -> None:
    """Compare what ``model`` gives for ``images``, in inference mode, with what ``reference`` gives.

    If they differ, the message says where most, and names the first layer that differs: of a Keras model, among the
    layers of the same name, or in order if all names differ; of a PyTorch module, if ``model`` is a network of this zoo
    that torchvision has.

    Args:
        model: A functional or sequential Keras model.
        reference: A Keras model, a PyTorch module, or a function of ``images`` that returns an array. A module is
            called in evaluation mode, with channels first, and its maps are taken with channels first.
        images: A batch as ``model`` takes it, or a list of one for each of its inputs.
        tolerance: The largest difference, relative to the largest value of the reference.

    Raises:
        AssertionError: The outputs differ, or are not finite.
        ValueError: ``images`` do not fit, ``tolerance`` is not above 0, ``reference`` is none of these, or ``model`` is
            subclassed or not built.

    >>> import cnnzoo
    >>> model = cnnzoo.models.lenet5()
    >>> same = keras.models.clone_model(model)
    >>> same.set_weights(model.get_weights())
    >>> assert_equal_outputs(model, same, np.zeros((2, 32, 32, 1), "float32"))
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    check_number("tolerance", tolerance, "(0, inf)")
    inputs = _checked(model, images)
    found, reference_outputs = outputs_of(model, inputs), _given_by(reference, model, inputs)
    message = _difference(found, reference_outputs.arrays, tolerance)
    if message:
        where = _hint(model, found, reference_outputs.arrays, tolerance) or _first(reference_outputs.pairs(), tolerance)
        raise AssertionError("\n".join(filter(None, [message, where])))


def _checked(model: keras.Model, images: Any) -> list[np.ndarray]:
    """Return a batch for each input of ``model``."""
    wanted = [(None, *each.shape) for each in graph_inputs(model)]
    several = list(images) if len(wanted) > 1 and isinstance(images, list | tuple) else [images]
    inputs = [np.asarray(each) for each in several]
    if len(inputs) != len(wanted) or not all(map(shape_fits, wanted, (each.shape for each in inputs))):
        raise ValueError(
            f"`images` must fit the inputs of `model`, {' and '.join(map(str, wanted))}. Received: "
            f"{' and '.join(str(each.shape) for each in inputs)}"
        )
    return inputs


def _given_by(reference: Reference, model: keras.Model, inputs: list[np.ndarray]) -> _Outputs:
    if isinstance(reference, keras.Model):
        arrays = outputs_of(reference, inputs)
        return _Outputs(arrays, lambda: _pairs_in_keras(model, reference, inputs))
    torch = sys.modules.get("torch")  # a module of PyTorch has imported it
    if torch is not None and isinstance(reference, torch.nn.Module):
        arrays, _ = _given_by_torch(reference, model, inputs, {})
        return _Outputs(arrays, lambda: _pairs_in_torch(model, reference, inputs))
    if not callable(reference):
        raise ValueError(
            "`reference` must be a Keras model, a PyTorch module, or a function of images. Received: "
            f"{type(reference).__name__}"
        )
    given = reference(*inputs)
    several = keras.tree.flatten(given) if len(model.outputs) > 1 else [given]
    arrays = [np.asarray(each, np.float32) for each in several]
    return _Outputs(arrays, lambda: iter(()))


def _difference(found: list[np.ndarray], wanted: list[np.ndarray], tolerance: float) -> str | None:
    """Say how outputs differ; None if they do not."""
    if [each.shape for each in found] != [each.shape for each in wanted]:
        shapes = [" and ".join(str(each.shape) for each in arrays) or "nothing" for arrays in (found, wanted)]
        return f"The outputs have the shapes {shapes[0]}, those of the reference {shapes[1]}."
    for number, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        named = f"Output {number}" if len(found) > 1 else "The outputs"
        for whose, values in (("the network", ours), ("the reference", theirs)):
            if wrong := int((~np.isfinite(values)).sum()):
                return f"{named}: {wrong:,} of {values.size:,} values of {whose} are NaN or infinite."
        if (relative := relative_difference(ours, theirs)) > tolerance:
            place = np.unravel_index(np.abs(ours - theirs).argmax(), ours.shape)
            return (
                f"{named} differ by up to {relative:.2g} of the largest value, more than {tolerance:g}: at "
                f"[{', '.join(map(str, place))}], the first number being that of the image, {ours[place]:.6g} is not "
                f"{theirs[place]:.6g}."
            )
    return None


def _hint(model: keras.Model, found: list[np.ndarray], wanted: list[np.ndarray], tolerance: float) -> str | None:
    """Tell whether one gives the logits of the probabilities that the other gives."""
    if len(found) != 1 or len(wanted) != 1 or found[0].shape != wanted[0].shape or found[0].ndim != 2:
        return None
    try:
        ending = ending_by_graph(model)
    except ValueError:
        return None
    for kind, ours, theirs in (("softmax", found[0], wanted[0]), ("logits", wanted[0], found[0])):
        softmax = keras.ops.convert_to_numpy(keras.ops.softmax(theirs))
        if ending and ending.kind == kind and relative_difference(ours, softmax) <= tolerance:
            named = ("the reference", "the network") if kind == "softmax" else ("the network", "the reference")
            return f"They are equal after a softmax: {named[0]} gives logits, {named[1]} probabilities."
    return None


def _first(pairs: Iterator[Pair], tolerance: float) -> str | None:
    """Name the first layer that differs."""
    is_any = False
    for name, ours, theirs in pairs:
        is_any = True
        if ours.shape != theirs.shape:
            return f"The first layer that differs is '{name}': its shape is {ours.shape}, not {theirs.shape}."
        if (relative := relative_difference(ours, theirs)) > tolerance:
            return f"The first layer that differs is '{name}', by up to {relative:.2g} of its largest value."
    return "No layer differs that both have." if is_any else None


def _pairs_in_keras(model: keras.Model, reference: keras.Model, inputs: list[np.ndarray]) -> Iterator[Pair]:
    ours, theirs = (_by_layer(each, inputs) for each in (model, reference))
    if ours.keys() & theirs.keys():
        yield from ((name, values, theirs[name]) for name, values in ours.items() if name in theirs)
    elif len(ours) == len(theirs):
        yield from zip(ours, ours.values(), theirs.values(), strict=True)


def _by_layer(model: keras.Model, inputs: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return what each layer gives, by its name; of a layer that is called twice, also by its name with a number."""
    try:
        names = iter(plain_names(list(walk(model, graph_inputs(model)))))
    except ValueError:  # of a subclassed model nothing is known
        return {}
    outputs: dict[str, np.ndarray] = {}

    def call(_: str, operation: Any, is_on_trail: bool, *arguments: Any, **options: Any) -> Any:
        given, name = operation(*arguments, **options), next(names)
        calls = sum(other.partition(" (call")[0] == name for other in outputs)
        outputs[f"{name} (call {calls + 1})" if calls else name] = as_arrays(given)[0]
        return given

    run(model, [keras.ops.convert_to_tensor(each) for each in inputs], call)
    return outputs


def _pairs_in_torch(model: keras.Model, module: Any, inputs: list[np.ndarray]) -> Iterator[Pair]:
    """Yield the layers with weights of a network that torchvision has, too."""
    card = model_card(model.name) if model.name in list_models() else None
    if card is None or card.torchvision is None:
        return
    modules = dict(module.named_modules())
    theirs = {layer.name: card.torchvision.module(layer.name) for layer in flat_layers(model) if layer.weights}
    own = {name: modules[other] for name, other in theirs.items() if other in modules}
    _, found = _given_by_torch(module, model, inputs, own)
    ours = _by_layer(model, inputs)
    for name, values in found.items():
        # Keras' layers may contain the activation, which is a module of its own in PyTorch
        activation = getattr(model.get_layer(name), "activation", keras.activations.linear)
        yield name, ours[name], as_arrays(activation(values))[0]


def _given_by_torch(
    module: Any, model: keras.Model, inputs: list[np.ndarray], watched: dict[str, Any]
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Return what a module of PyTorch gives, and what modules within give, in Keras' order of the axes.

    Args:
        module: The module.
        model: The network that tells the order of the axes.
        inputs: A batch for each of its inputs.
        watched: Modules within, by name.
    """
    torch: Any = sys.modules["torch"]
    is_last = not takes_channels_first(model)

    def turned(values: Any) -> np.ndarray:
        array: np.ndarray = values.detach().cpu().float().numpy()
        return array.transpose(0, 2, 3, 1) if array.ndim == 4 and is_last else array

    found: dict[str, np.ndarray] = {}

    def watch(name: str) -> Callable[..., None]:
        def keep(_: Any, __: Any, given: Any) -> None:
            found.setdefault(name, turned(given).copy())  # which the next module may overwrite

        return keep

    hooks = [each.register_forward_hook(watch(name)) for name, each in watched.items()]
    first = next(iter([*module.parameters(), *module.buffers()]), torch.zeros(()))
    batches = [each.transpose(0, 3, 1, 2) if each.ndim == 4 and is_last else each for each in inputs]
    tensors = [torch.from_numpy(np.ascontiguousarray(each)).to(first.device) for each in batches]
    modes = {each: each.training for each in module.modules()}
    try:
        with torch.no_grad():
            given = module.eval()(*tensors)
    finally:
        for each, is_training in modes.items():
            each.training = is_training
        for hook in hooks:
            hook.remove()
    return [turned(each) for each in keras.tree.flatten(given)], found
