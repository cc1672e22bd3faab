"""Training a network by a recipe."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import keras

from cnnzoo.arguments import check_seed
from cnnzoo.data.catalog import DATA_CARDS, DataSource, data_card, find_source
from cnnzoo.data.split import Split, class_numbers
from cnnzoo.data.stream import raised_as_read, stream
from cnnzoo.evaluation import BATCH_SIZE, check_class_names, check_split, evaluate, gives_logits
from cnnzoo.training.folder import RunFolder
from cnnzoo.training.progress import EpochProgress
from cnnzoo.training.recipe import Recipe, default_recipe
from cnnzoo.training.record import describe
from cnnzoo.training.run import Run, write_run


def fit(
    model: keras.Model,
    train: Split,
    test: Split,
    *,
    recipe: Recipe | None = None,
    image_size: tuple[int, int] | None = None,
    data: str | DataSource | None = None,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | RunFolder | None = None,
    progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """Train ``model`` on ``train`` and evaluate it on ``test``.

    The same model, images, recipe and seed give the same history, bit for bit, on one machine. ``test`` also gives the
    validation curve; nothing is chosen by it: the weights are those after the last epoch.

    Args:
        model: A Keras classifier; its last layer gives probabilities or, without an activation, logits.
        train: Images float32 in [0, 1] or uint8 of shape (n, height, width, channels) with labels of either form, as
            the loaders give them. They are streamed: augmented and resized batch by batch.
        test: Images held out, likewise.
        recipe: How to train; None takes the default of the network that ``model.name`` names.
        image_size: Height and width that the images are resized to; None leaves their own.
        data: The data set that the images are from, see ``cnnzoo.data.find_source``; None for others. A run that knows
            it can evaluate itself again and prepare pictures as that data set's.
        class_names: Names of the classes; None takes those of the data set, or numbers.
        seed: Sets the global seeds of Python, NumPy and Keras: order of the images, dropout.
        out: Run folder to write; it must not exist yet. None writes nothing. When training fails, it is removed again;
            when a picture fails later, what is complete stays.
        progress: Whether to print a progress bar and a line for each epoch.
        callbacks: Keras callbacks of your own, called as in ``keras.Model.fit``.

    Returns:
        The run: the trained model, its history, its evaluation on ``test``, and the record of how it came about.

    Raises:
        ValueError: Images, labels, names or ``seed`` do not fit.
        FileExistsError: ``out`` exists already.
        FileNotFoundError: An image file has gone since it was listed.
    """
    recipe = recipe or default_recipe(model.name)
    seed = check_seed(seed)
    source = None if data is None else find_source(data)
    if class_names is None and source and source.name in DATA_CARDS:
        class_names = data_card(source.name).class_names
    names = check_class_names(model, class_names)
    check_split(model, train, "train", image_size)
    check_split(model, test, "test", image_size)
    train, test = (Split(split.images, class_numbers(split.labels)) for split in (train, test))

    with _folder(out) as folder:
        keras.utils.set_random_seed(seed)
        _compile(model, len(train.labels), recipe)
        headline = _headline(model, train, test, recipe, seed)
        shown = EpochProgress(headline, recipe.batch_size) if progress else nullcontext()
        with shown as bar, raised_as_read():
            start = time.perf_counter()
            history = model.fit(
                stream(
                    train,
                    batch_size=recipe.batch_size,
                    image_size=image_size,
                    shuffle=True,
                    augment=recipe.augment,
                    seed=seed,
                ),
                validation_data=stream(test, batch_size=BATCH_SIZE, image_size=image_size),
                epochs=recipe.epochs,
                shuffle=False,  # the stream shuffles
                callbacks=[*callbacks, *([bar] if bar else [])],
                verbose=0,
            ).history
            seconds = time.perf_counter() - start
        evaluation = evaluate(model, test, class_names=names, image_size=image_size)
        record = describe(model, train, test, source=source, class_names=names, recipe=recipe, seed=seed)
        record["metrics"] = {
            "test_accuracy": evaluation.accuracy,
            "test_loss": evaluation.loss,
            "train_seconds": round(seconds, 2),
        }
        curves = {name: [float(value) for value in values] for name, values in history.items()}
        run = Run(model, curves, record, folder.path if folder else None)
        if folder:
            write_run(folder, run, evaluation, test.images)
    return run


def _folder(out: str | os.PathLike[str] | RunFolder | None) -> AbstractContextManager[RunFolder | None]:
    if out is None:
        return nullcontext()
    return out if isinstance(out, RunFolder) else RunFolder(out)


def _compile(model: keras.Model, images: int, recipe: Recipe) -> None:
    steps = recipe.epochs * math.ceil(images / recipe.batch_size)
    warmup_steps = int(recipe.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else recipe.learning_rate,
        decay_steps=steps - warmup_steps,
        warmup_target=recipe.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=gives_logits(model)),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False if _runs_on_tensorflow_cpu() else "auto",
    )


def _headline(model: keras.Model, train: Split, test: Split, recipe: Recipe, seed: int) -> str:
    return (
        f"{model.name}: {model.count_params():,} parameters; "
        f"{len(train.images):,} images to train on, {len(test.images):,} held out\n"
        f"{recipe.epochs} epochs, batches of {recipe.batch_size}, "
        f"learning rate up to {recipe.learning_rate:g}, seed {seed}"
    )


def _runs_on_tensorflow_cpu() -> bool:
    """There XLA is slower than TensorFlow's own kernels (LeNet-5: 4.4 s an epoch against 3.0 s)."""
    return keras.config.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
