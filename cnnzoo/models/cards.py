"""What a network is, as data: a paper, and a card for each of its variants. Imports no Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cnnzoo._support.wording import format_shape
from cnnzoo.models._timm import WEIGHTS as OF_TIMM
from cnnzoo.models._torchvision import WEIGHTS
from cnnzoo.models.published import IMAGENET, PublishedWeights, TorchWeights

InputShape = tuple[int | None, int | None, int]

CLASSES = 10  # of a network for which neither the user nor the weights tell
PLAIN_IMAGES = "images in [0, 1] enter as they are, without subtracting means or scaling"  # a deviation


class Normalization(NamedTuple):
    """The constants of batch normalisation.

    Attributes:
        epsilon: Added to the variances.
        momentum: Of the moving averages, in Keras' convention: PyTorch's 0.1 is 0.9 here.
    """

    epsilon: float = 1e-5
    momentum: float = 0.9


AS_IN_TORCHVISION = Normalization()


@dataclass(frozen=True)
class Counterpart:
    """The same network in torchvision.

    Attributes:
        network: Its name there.
        module: What turns the name of a layer into that of the module there.
        sides: The smallest and the largest side of images for which both give the same outputs; None: all. Beyond them,
            torchvision averages the last maps to a fixed size, where the dense layers here take them as they are.
        renamed: Maps the name of a tensor in older files, or in those of timm, to its name in torchvision.
        auxiliary_prefixes: How the names of tensors of auxiliary classifiers begin, which are not built here.
    """

    network: str
    module: Callable[[str], str]
    sides: tuple[int, int] | None = None
    renamed: Callable[[str], str] = str
    auxiliary_prefixes: tuple[str, ...] = ()

    @property
    def default(self) -> TorchWeights:
        """The weights that torchvision takes by default."""
        return WEIGHTS[self.network][-1]

    @property
    def weights(self) -> dict[str, TorchWeights]:
        """All weights that are published for it, by name: "imagenet" are torchvision's default; timm's come last."""
        versions = {f"v{version}": weights for version, weights in enumerate(WEIGHTS[self.network], start=1)}
        of_all = {**versions, **OF_TIMM.get(self.network, {})}
        return {IMAGENET: self.default, **{f"{IMAGENET}-{word}": weights for word, weights in of_all.items()}}


@dataclass(frozen=True, repr=False)
class ModelCard:
    """What a network is, without building it.

    Attributes:
        name: The builder's name in ``cnnzoo.models``.
        title: The name in print.
        family: What the variants of one paper, and of those that follow it, have in common: "vgg".
        paper: Title of the paper.
        authors: The paper's authors.
        year: Year of publication.
        reference: Address of the paper.
        input_shape: Height, width and channels by default.
        smallest_size: Least height and width that survive the strides and pools.
        num_classes: Classes by default.
        params: Parameters of the default network: the values that training learns.
        macs: Multiply-accumulates of one default image.
        deviations: Where the network differs from the paper.
        datasets: The data sets that the paper reports on.
        buffers: Values that the network keeps beside its parameters: means and variances of batch normalisation, or
            weights that are fixed.
        weights: Its trained weights, by the names that its builder's ``weights`` takes, and where they are from.
        head: The layer that gives the classes.
        torchvision: The same network there; None where torchvision has none.
        normalization: The constants of its batch normalisation; None where it has none.
    """

    name: str
    title: str
    family: str
    paper: str
    authors: tuple[str, ...]
    year: int
    reference: str
    input_shape: tuple[int, int, int]
    smallest_size: int
    num_classes: int
    params: int
    macs: int
    deviations: tuple[str, ...]
    datasets: tuple[str, ...]
    buffers: int = 0
    weights: Mapping[str, PublishedWeights] = field(default_factory=dict, hash=False)
    head: str = "predictions"
    torchvision: Counterpart | None = None
    normalization: Normalization | None = None

    def __repr__(self) -> str:
        """Show what the network is, in one line."""
        size = f"{self.params:,} parameters, {self.macs:,} MACs"
        return f"<ModelCard {self.name}: {self.title} ({self.year}), {size}>"

    def _repr_html_(self) -> str:
        """Return the card for a notebook."""
        from cnnzoo._support.notebook import block, facts, listing  # not when cards are only listed

        known = {
            "paper": f"{', '.join(self.authors)} ({self.year}): {self.paper}",
            "reference": self.reference,
            "input": f"{format_shape(self.input_shape)}, at least {format_shape((self.smallest_size,) * 2)}",
            "classes": f"{self.num_classes:,}",
            "parameters": f"{self.params:,}",
            "buffers": f"{self.buffers:,}" if self.buffers else "",
            "MACs": f"{self.macs:,}",
            "weights": ", ".join(self.weights),
        }
        caption = f"{self.title} ({self.name})"
        return block(facts(known, caption), listing("Deviations from the paper:", self.deviations))

    def top1(self, weights: str | None = None) -> float | None:
        """Return the top-1 accuracy on ImageNet in percent, with ``weights`` or torchvision's default; None if none."""
        chosen = self.weights.get(weights or IMAGENET)
        return chosen.top1 if isinstance(chosen, TorchWeights) else None


@dataclass(frozen=True)
class Paper:
    """What all networks of a paper share; the attributes are those of ``ModelCard``."""

    family: str
    title: str
    authors: tuple[str, ...]
    year: int
    reference: str
    input_shape: tuple[int, int, int]
    smallest_size: int
    deviations: tuple[str, ...]
    datasets: tuple[str, ...]
    head: str = "predictions"
    normalization: Normalization | None = None

    def card(
        self,
        name: str,
        title: str,
        *,
        params: int,
        macs: int,
        buffers: int = 0,
        deviations: tuple[str, ...] = (),
        weights: Mapping[str, PublishedWeights] | None = None,
        torchvision: Counterpart | None = None,
        input_shape: tuple[int, int, int] | None = None,
        smallest_size: int | None = None,
        head: str | None = None,
        normalization: Normalization | None = None,
    ) -> ModelCard:
        """Return the card of a variant; ``deviations`` are its own, beside those of the paper, as is what is given."""
        return ModelCard(
            name=name,
            title=title,
            family=self.family,
            paper=self.title,
            authors=self.authors,
            year=self.year,
            reference=self.reference,
            input_shape=input_shape or self.input_shape,
            smallest_size=smallest_size or self.smallest_size,
            num_classes=CLASSES,
            params=params,
            macs=macs,
            deviations=(*deviations, *self.deviations),
            datasets=self.datasets,
            buffers=buffers,
            weights={**(torchvision.weights if torchvision else {}), **(weights or {})},
            head=head or self.head,
            torchvision=torchvision,
            normalization=normalization or self.normalization,
        )
