"""A training recipe, as data. Imports no Keras."""

from dataclasses import dataclass, fields, replace
from typing import Any

from cnnzoo._support.arguments import check_integer, check_number
from cnnzoo._support.lookup import look_up
from cnnzoo.data.augment import check_augment

MOST = 2**31 - 1  # TensorFlow's largest count

OPTIMIZERS = {
    "adam": "Adam",
    "adamw": "Adam with decoupled weight decay",
    "sgd": "stochastic gradient descent with momentum",
}
SCHEDULES = {
    "constant": "stays at the peak",
    "linear": "falls linearly to zero",
    "cosine": "falls to zero along a half cosine",
    "steps": "is multiplied by a factor at given fractions of the training",
}
PRECISIONS = {
    "auto": "mixed_bfloat16 if the hardware supports it natively, otherwise float32",
    "float32": "everything in float32",
    "mixed_bfloat16": "layers in bfloat16, weights and outputs in float32",
}
CLASS_WEIGHTS = {
    "none": "all images count alike",
    "balanced": "all classes count alike, however many images they have",
}
INITIALIZERS = {
    "he_normal": "normal, variance 2 / fan-in",
    "glorot_uniform": "uniform, variance 2 / (fan-in + fan-out), Keras' default",
    "normal_0.01": "normal, standard deviation 0.01 (AlexNet, section 5)",
    "normal_0.1": "normal, standard deviation 0.1 (VGG, section 3.1: variance 0.01)",
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    The learning rate rises linearly to its peak over the fraction ``warmup`` of all steps, then follows the schedule.

    Attributes:
        epochs: Passes over the training images, at least 1.
        batch_size: Images per step, at least 1.
        optimizer: "adam", "adamw" or "sgd".
        learning_rate: Peak of the learning rate, above 0.
        schedule: The learning rate after its peak: "constant", "linear", "cosine" or "steps".
        steps: For the schedule "steps", pairs of a fraction of the training, in (0, 1), and a factor: from there on,
            the learning rate is the peak times the factor. Or one string, "0.5:0.1,0.75:0.01".
        warmup: Fraction of all steps over which the learning rate rises, in [0, 1).
        momentum: Momentum of "sgd", in [0, 1); unused otherwise.
        weight_decay: Factor w of the penalty w / 2 times the sum of squares of each kernel W. Its gradient is w W, the
            papers' convention. It replaces the network's own regularisers; None keeps them. For "adamw" it is decoupled
            from the gradient: each step subtracts w times the learning rate times W.
        clip_norm: Maximum norm of all gradients together; larger gradients are scaled down to it. 0: no limit.
        label_smoothing: Fraction of each label that is spread over all classes, in [0, 1).
        augment: Names of ``cnnzoo.data.AUGMENTATIONS``, applied to the training images in this order; "none" is none.
        normalize: Whether to normalise each channel by the mean and standard deviation of the training images. At the
            end this is folded into the first layer's weights, so the trained network still expects images in [0, 1].
            For new networks only: the weights of a trained network fit plain pixels. It is skipped if the network
            begins with layers that scale pixels, or if its first weights are frozen.
        precision: "auto", "float32" or "mixed_bfloat16".
        initializer: Initial weights for ``train``: "he_normal", "glorot_uniform", "normal_0.01" or "normal_0.1".
            ``fit`` starts from the model's own weights.
        class_weight: "balanced" weighs the loss of each image by the inverse of how many training images its class has,
            so that all classes count alike; "none" does not.
        patience: Epochs without a lower cross-entropy on validation images after which training stops; the weights are
            then those of the best epoch. The validation images are a tenth of the training images, so the test images
            are not used to choose. 0: train for all epochs and keep the last weights.

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
    class_weight: str = "none"
    patience: int = 0

    def __post_init__(self) -> None:
        """Check the values, and convert them to plain Python types."""
        for name in _CHOICES:
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
            raise ValueError("`schedule='steps'` needs `steps`: pairs like 0.5:0.1,0.75:0.01. Received: none")
        if self.schedule != "steps" and self.steps:
            raise ValueError(
                "`steps` must be empty unless `schedule='steps'`. "
                f"Received: schedule={self.schedule!r}, steps={self.steps!r}"
            )

    def described(self) -> dict[str, str]:
        """Return the value of every option as text."""
        return {option.name: as_flag(getattr(self, option.name)) for option in fields(self)}

    def _repr_html_(self) -> str:
        """Return the recipe for a notebook."""
        from cnnzoo._support.notebook import block, facts

        return block(facts(self.described(), "Recipe"))


_CHOICES = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "initializer": INITIALIZERS,
    "class_weight": CLASS_WEIGHTS,
}


FIELDS = {field.name: field for field in fields(Recipe)}


def changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return ``recipe`` with the fields in ``changes`` replaced.

    Raises:
        ValueError: A field is unknown, or a value is out of range.

    >>> changed(Recipe(), {"epochs": 3}).epochs
    3
    """
    for field in changes:
        look_up(FIELDS, field, "recipe option")
    schedule = changes.get("schedule", recipe.schedule)
    if schedule != "steps" and "steps" not in changes:  # the recipe's steps belong to its own schedule
        changes = {**changes, "steps": ()}
    return replace(recipe, **changes)


def as_flag(value: Any) -> str:
    """Format the value of a field as on the command line; ``-`` for none.

    >>> as_flag(("flip", "crop")), as_flag(((0.5, 0.1),)), as_flag(None)
    ('flip,crop', '0.5:0.1', '-')
    """
    if isinstance(value, tuple | list):
        return ",".join(":".join(map(str, part)) if isinstance(part, tuple | list) else part for part in value) or "-"
    return "-" if value is None else str(value)


def kernel_initializer(recipe: Recipe) -> Any:
    """Return the recipe's initializer in the form that the argument ``kernel_initializer`` accepts.

    >>> kernel_initializer(Recipe())
    'he_normal'
    """
    kind, _, deviation = recipe.initializer.partition("_")
    if kind == "normal":
        return {"class_name": "RandomNormal", "config": {"stddev": float(deviation)}}
    return recipe.initializer


def _check_steps(steps: Any) -> tuple[tuple[float, float], ...]:
    """Return pairs of (fraction of the training, factor), from pairs or from one string."""
    try:
        pairs = [part.split(":") for part in steps.split(",") if part.strip()] if isinstance(steps, str) else steps
        read = tuple((float(fraction), float(factor)) for fraction, factor in pairs)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`steps` must be pairs like 0.5:0.1,0.75:0.01. Received: steps={steps!r}") from error
    fractions = [fraction for fraction, _ in read]
    is_rising = sorted(set(fractions)) == fractions
    if not is_rising or any(not 0 < fraction < 1 or not factor >= 0 for fraction, factor in read):
        raise ValueError(
            "`steps` must hold increasing fractions of the training, in (0, 1), each with a factor of at least 0. "
            f"Received: steps={steps!r}"
        )
    return read
