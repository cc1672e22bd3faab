"""From one builder per paper to a function per variant, with its own name, signature and docstring."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from cnnzoo._support.lookup import did_you_mean
from cnnzoo.models._late import building
from cnnzoo.models.cards import ModelCard

if TYPE_CHECKING:
    import keras

Options = ParamSpec("Options")

# What the arguments mean that all builders have
SHARED = {
    "num_classes": "Number of classes, at least 1; None takes as many as ``weights`` have, else {num_classes}. Unused "
    "when ``include_top=False``.",
    "input_shape": "Height, width and channels of an image, in pixels; height and width at least {smallest_size}. "
    "They may be None, for any size, where no dense layer takes flattened maps.",
    "kernel_initializer": "Keras initializer of all kernels; each layer gets a copy of its own.",
    "classifier_activation": "Activation of the output layer; None gives logits.",
    "include_top": "Whether the layers that classify follow the last maps.",
    "weights": "{weights} file (``.weights.h5``, ``.keras`` or ``.h5``) of the same network, or the folder of a run; "
    "None initialises. Where the classes differ, the output layer is left as initialised, with a warning. A network of "
    "one channel takes weights of three: the first kernels are summed.",
    "name": "Name of the model. Any other than the network's own also begins the names of its layers, so that two "
    "networks can be joined in one model.",
}

DOCSTRING = """Build {title}.

{summary}: {params:,} parameters and {macs:,} multiply-accumulates for an image of {size} and {num_classes} classes.{buffers}{normalization}

**Deviations from the paper:**

{deviations}

Args:
{arguments}

Returns:
    A functional model that takes float images in [0, 1] of shape (n, height, width, channels) and gives float32
    class probabilities (logits when ``classifier_activation=None``) of shape (n, num_classes), or the last maps when
    ``include_top=False``.

Raises:
    ValueError: An argument is out of range, ``input_shape`` is too small, or ``weights`` does not fit.
    FileNotFoundError: ``weights`` names no file.
    ConnectionError: ``weights`` must be downloaded and there is no network.

Reference:
    {reference}

>>> {name}(input_shape=({side}, {side}, {channels}), num_classes=5, kernel_initializer="zeros").output_shape
(None, 5)
"""  # noqa: E501  # filled and wrapped below
NORMALIZATION = " Batch normalisation has an epsilon of {epsilon:g} and Keras' momentum of {momentum:g}."


def variant(
    build: Callable[Concatenate[ModelCard, Options], keras.Model], card: ModelCard, summary: str, **defaults: Any
) -> Callable[Options, keras.Model]:
    """Return the builder of one variant.

    Args:
        build: The paper's builder. Its docstring says, under "Its own arguments:", what they mean.
        card: The variant's card.
        summary: What the variant consists of, for the docstring.
        **defaults: Defaults in which the variant differs from the paper's builder.
    """
    defaults = {"name": card.name, **defaults}
    parameters = [
        parameter.replace(default=defaults[parameter.name]) if parameter.name in defaults else parameter
        for parameter in _parameters(build)
    ]
    flags = [name for name, kind in build.__annotations__.items() if kind in ("bool", "bool | None")]
    signature = inspect.Signature(parameters, return_annotation="keras.Model")

    def builder(*args: Options.args, **options: Options.kwargs) -> keras.Model:
        try:
            signature.bind(*args, **options)
        except TypeError as error:  # of this variant, where Python would speak of the paper's builder
            unknown = next((option for option in options if option not in signature.parameters), None)
            is_told = unknown is not None and repr(unknown) in str(error)
            suggestion = did_you_mean(str(unknown), signature.parameters, cutoff=0.7) if is_told else ""
            known = "" if suggestion or not is_told else f" It takes: {', '.join(signature.parameters)}"
            raise TypeError(f"{card.name}() {error}{'.' if suggestion or known else ''}{suggestion}{known}") from None
        building.check_options(
            {name: value for name, value in options.items() if value is not signature.parameters[name].default}, flags
        )
        for argument, default in defaults.items():
            options.setdefault(argument, default)
        initializer = options.get("kernel_initializer", signature.parameters["kernel_initializer"].default)
        if options.get("weights") is not None and initializer is not None:
            options["kernel_initializer"] = building.DeferredInitializer(initializer)
        return build(card, *args, **options)

    functools.update_wrapper(builder, build)  # tools find the source and the types by it
    builder.__name__ = builder.__qualname__ = card.name
    builder.__doc__ = _docstring(card, summary, [parameter.name for parameter in parameters], build.__doc__ or "")
    builder.__signature__ = signature  # type: ignore[attr-defined]
    builder.__annotations__ = {name: kind for name, kind in build.__annotations__.items() if name != "card"}
    return builder


@functools.cache
def _parameters(build: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a paper's builder but the card."""
    _, *parameters = inspect.signature(build).parameters.values()
    return parameters


def _docstring(card: ModelCard, summary: str, arguments: list[str], of_builder: str) -> str:
    height, width, channels = card.input_shape
    of_paper = _own_arguments(of_builder)
    names = " or ".join(f'"{name}"' for name in card.weights)
    shared = {
        name: text.format(
            num_classes=card.num_classes,
            smallest_size=card.smallest_size,
            weights=f"{names}, see ``docs/models``; or a" if names else "A",
        )
        for name, text in SHARED.items()
    }
    described = (f"{name}: {of_paper.get(name) or shared.get(name, '')}" for name in arguments)
    text = DOCSTRING.format(
        title=card.title,
        name=card.name,
        summary=summary,
        params=card.params,
        macs=card.macs,
        size=f"{height} x {width}",
        num_classes=card.num_classes,
        normalization="" if card.normalization is None else NORMALIZATION.format(**card.normalization._asdict()),
        buffers=f" It keeps {card.buffers:,} buffers as well: values that are not trained." if card.buffers else "",
        deviations="\n".join(_wrapped(f"- {deviation}", "", "  ") for deviation in card.deviations) or "none",
        arguments="\n".join(_wrapped(line, " " * 4, " " * 8) for line in described),
        reference=card.reference,
        side=max(card.smallest_size, 8),
        channels=channels,
    )
    head, _, rest = text.partition("\n\n**Deviations")
    first, _, body = head.partition("\n\n")
    return f"{first}\n\n{_wrapped(body, '', '')}\n\n**Deviations{rest}"


def _own_arguments(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each argument."""
    lines = inspect.cleandoc(docstring).partition("Its own arguments:\n")[2].partition("\n\n")[0].splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        if line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
        else:
            name, _, text = line.strip().partition(": ")
            found[name] = text
    return found


@functools.cache  # most arguments are described alike in all variants
def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(text, 116, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
