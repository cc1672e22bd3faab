"""How to train, as data. Imports no Keras."""

from dataclasses import dataclass, fields, replace
from typing import Any

from cnnzoo._support.arguments import check_integer, check_number
from cnnzoo._support.lookup import look_up
from cnnzoo.data.augment import check_augment

MOST = 2**31 - 1  # what TensorFlow takes as a count

OPTIMIZERS = {
    "adam": "Adam",
    "adamw": "Adam with decoupled weight decay",
    "sgd": "stochastic gradient descent with momentum",
}
SCHEDULES = {
    "constant": "stays at the peak",
    "linear": "falls to zero in a straight line",
    "cosine": "falls to zero along a half cosine",
    "steps": "is multiplied by a factor at given shares of the training",
}
PRECISIONS = {
    "auto": "bfloat16 where the machine computes it natively, else float32",
    "float32": "everything in float32",
    "mixed_bfloat16": "layers in bfloat16, weights and outputs in float32",
}
INITIALIZERS = {
    "he_normal": "normal, variance 2 / fan-in",
    "glorot_uniform": "uniform, variance 2 / (fan-in + fan-out): what Keras does by default",
    "normal_0.01": "normal, standard deviation 0.01 (AlexNet, section 5)",
    "normal_0.1": "normal, standard deviation 0.1 (VGG, section 3.1: variance 0.01)",
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    The learning rate rises in a straight line to its peak over the share ``warmup`` of all steps, then follows the
    schedule.

    Attributes:
        epochs: Passes over the training images, at least 1.
        batch_size: Images a step, at least 1.
        optimizer: "adam", "adamw" or "sgd".
        learning_rate: Peak of the learning rate, above 0.
        schedule: What the rate does after its peak: "constant", "linear", "cosine" or "steps".
        steps: For the schedule "steps": pairs of the share of the training, in (0, 1), from which the rate is the peak
            times the factor beside it; or one string, "0.5:0.1,0.75:0.01".
        warmup: Share of all steps over which the learning rate rises, in [0, 1).
        momentum: Momentum of "sgd", in [0, 1); unused otherwise.
        weight_decay: Factor w of the penalty w / 2 times the sum of squares of every kernel, a gradient of w W as the
            papers mean it; it replaces the network's own. For "adamw" it is decoupled: each step takes w times the
            learning rate off every kernel. None leaves the network's own.
        clip_norm: Norm that all gradients together are scaled down to, where they exceed it; 0 leaves them.
        label_smoothing: Share of each label that is spread over all classes, in [0, 1).
        augment: Names of ``cnnzoo.data.AUGMENTATIONS``, applied to the training images in this order; "none" is none.
        normalize: Whether the network sees every channel with the training images' mean taken off and divided by their
            standard deviation. It is folded into the first layer's weights in the end: the trained network takes
            images in [0, 1] all the same. So it is for new networks: one that is trained already would begin with
            weights that are meant for plain pixels. A network whose graph begins with layers that scale pixels is left
            as it is, and so is one whose first weights are frozen.
        precision: "auto", "float32" or "mixed_bfloat16".
        initializer: Where ``train`` starts from: "he_normal", "glorot_uniform", "normal_0.01" or "normal_0.1". ``fit``
            starts from the weights that the model has.
        patience: Epochs without a better cross-entropy on images held out after which training stops; the weights are
            then those of the best epoch. A tenth of the training images is held out to choose by, so that the test
            images stay honest.
            0 trains all epochs and keeps the last one's weights.

    Raises:
        ValueError: A value is out of range.

    >>> Recipe(epochs=5).batch_size
    128
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "linear"
    steps: tuple[tuple[float, float], ...] = ()
    warmup: float = 0.1
    momentum: float = 0.9
    weight_decay: float | None = None
    clip_norm: float = 0.0
    label_smoothing: float = 0.0
    augment: tuple[str, ...] = ()
    normalize: bool = False
    precision: str = "auto"
    initializer: str = "he_normal"
    patience: int = 0

    def __post_init__(self) -> None:
        """Check the values, and keep them as plain Python's."""
        for name in ("optimizer", "schedule", "precision", "initializer"):
            look_up(_CHOICES[name], getattr(self, name), name)
        if not isinstance(self.normalize, bool):
            raise ValueError(f"`normalize` must be True or False. Received: normalize={self.normalize!r}")
        checked = {
            "epochs": check_integer("epochs", self.epochs, least=1, most=MOST),
            "batch_size": check_integer("batch_size", self.batch_size, least=1, most=MOST),
            "learning_rate": check_number("learning_rate", self.learning_rate, "(0, inf)"),
            "steps": _check_steps(self.steps),
            "warmup": check_number("warmup", self.warmup, "[0, 1)"),
            "momentum": check_number("momentum", self.momentum, "[0, 1)"),
            "clip_norm": check_number("clip_norm", self.clip_norm, "[0, inf)"),
            "label_smoothing": check_number("label_smoothing", self.label_smoothing, "[0, 1)"),
            "augment": check_augment(self.augment),
            "patience": check_integer("patience", self.patience, least=0, most=MOST),
        }
        if self.weight_decay is not None:
            checked["weight_decay"] = check_number("weight_decay", self.weight_decay, "[0, inf)")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.schedule == "steps" and not self.steps:
            raise ValueError("`schedule='steps'` needs `steps`: pairs like 0.5:0.1,0.75:0.01. Received none.")
        if self.schedule != "steps" and self.steps:
            raise ValueError(
                "`steps` must come with `schedule='steps'` only. "
                f"Received: schedule={self.schedule!r}, steps={self.steps!r}"
            )


_CHOICES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "initializer": INITIALIZERS}


FIELDS = {field.name: field for field in fields(Recipe)}


def changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return ``recipe`` with other values for the fields in ``changes``.

    Raises:
        ValueError: There is no such field, or a value is out of range.

    >>> changed(Recipe(), {"epochs": 3}).epochs
    3
    """
    for field in changes:
        look_up(FIELDS, field, "recipe option")
    schedule = changes.get("schedule", recipe.schedule)
    if schedule != "steps" and "steps" not in changes:  # those of the recipe belong to its own schedule
        changes = {**changes, "steps": ()}
    return replace(recipe, **changes)


def as_flag(value: Any) -> str:
    """Return the value of a field as a flag takes it; ``-`` where there is none.

    >>> as_flag(("flip", "crop")), as_flag(((0.5, 0.1),)), as_flag(None)
    ('flip,crop', '0.5:0.1', '-')
    """
    if isinstance(value, tuple | list):
        return ",".join(":".join(map(str, part)) if isinstance(part, tuple | list) else part for part in value) or "-"
    return "-" if value is None else str(value)


def kernel_initializer(recipe: Recipe) -> Any:
    """Return the recipe's initializer as Keras' networks take it, for their ``kernel_initializer``.

    >>> kernel_initializer(Recipe())
    'he_normal'
    """
    kind, _, deviation = recipe.initializer.partition("_")
    if kind == "normal":
        return {"class_name": "RandomNormal", "config": {"stddev": float(deviation)}}
    return recipe.initializer


def _check_steps(steps: Any) -> tuple[tuple[float, float], ...]:
    """Return pairs of (share of the training, factor), which may come as one string."""
    try:
        pairs = [part.split(":") for part in steps.split(",") if part.strip()] if isinstance(steps, str) else steps
        read = tuple((float(share), float(factor)) for share, factor in pairs)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`steps` must be pairs like 0.5:0.1,0.75:0.01. Received: steps={steps!r}") from error
    shares = [share for share, _ in read]
    if sorted(set(shares)) != shares or any(not 0 < share < 1 or not factor >= 0 for share, factor in read):
        raise ValueError(
            "`steps` must hold rising shares of the training, in (0, 1), each with a factor of at least 0. "
            f"Received: steps={steps!r}"
        )
    return read
