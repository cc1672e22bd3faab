"""Training a network by a recipe."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext

import keras

from cnnzoo.arguments import check_seed
from cnnzoo.data.catalog import data_card
from cnnzoo.data.split import Split
from cnnzoo.evaluation import check_class_names, check_split, evaluate, gives_logits
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
    data: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """Train ``model`` on ``train`` and evaluate it on ``test``.

    The same model, images, recipe and seed give the same history, bit for bit, on one machine. ``test`` also gives the
    validation curve; nothing is chosen by it: the weights are those after the last epoch.

    Args:
        model: A Keras classifier; its last layer gives probabilities or, without an activation, logits.
        train: Images float32 in [0, 1] of shape (n, height, width, channels) with labels of either form.
        test: Images held out, likewise.
        recipe: How to train; None takes the default of the network that ``model.name`` names.
        data: Name of the data set that the images are from, one of ``cnnzoo.data.list_datasets()``; None for others. A
            run that knows it can evaluate itself again and prepare pictures as that data set's.
        data_path: The local file or folder that the data set was loaded from.
        class_names: Names of the classes; None takes those of ``data``, or numbers.
        seed: Sets the global seeds of Python, NumPy and Keras: order of the images, dropout.
        out: Run folder to write; it must not exist yet. None writes nothing.
        progress: Whether to print a progress bar and a line for each epoch.
        callbacks: Keras callbacks of your own, called as in ``keras.Model.fit``.

    Returns:
        The run: the trained model, its history, its evaluation on ``test``, and the record of how it came about.

    Raises:
        ValueError: Images, labels, names or ``seed`` do not fit.
        FileExistsError: ``out`` exists already.
    """
    recipe = recipe or default_recipe(model.name)
    check_split(model, train, "train")
    check_split(model, test, "test")
    check_seed(seed)
    if class_names is None and data is not None:
        class_names = data_card(data).class_names
    names = check_class_names(model, class_names)

    with RunFolder(out) if out is not None else nullcontext() as folder:
        keras.utils.set_random_seed(seed)
        _compile(model, train, recipe)
        headline = _headline(model, train, test, recipe, seed)
        with EpochProgress(headline, recipe.batch_size) if progress else nullcontext() as bar:
            start = time.perf_counter()
            history = _train(model, train, test, recipe, [*callbacks, bar] if bar else list(callbacks))
            seconds = time.perf_counter() - start
        evaluation = evaluate(model, test, class_names=names)
        record = describe(
            model, train, test, data=data, data_path=data_path, class_names=names, recipe=recipe, seed=seed
        )
        record["metrics"] = {
            "test_accuracy": evaluation.accuracy,
            "test_loss": evaluation.loss,
            "train_seconds": round(seconds, 2),
        }
        run = Run(model, history, record, folder.path if folder else None)
        if folder:
            write_run(folder, run, evaluation, test.images)
    return run


def _compile(model: keras.Model, train: Split, recipe: Recipe) -> None:
    steps = recipe.epochs * math.ceil(len(train.images) / recipe.batch_size)
    warmup_steps = int(recipe.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else recipe.learning_rate,
        decay_steps=steps - warmup_steps,
        warmup_target=recipe.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    one_hot = train.labels.ndim == 2
    loss = keras.losses.CategoricalCrossentropy if one_hot else keras.losses.SparseCategoricalCrossentropy
    accuracy = keras.metrics.CategoricalAccuracy if one_hot else keras.metrics.SparseCategoricalAccuracy
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=loss(from_logits=gives_logits(model)),
        metrics=[accuracy(name="accuracy")],
        jit_compile=False if _runs_on_tensorflow_cpu() else "auto",
    )


def _headline(model: keras.Model, train: Split, test: Split, recipe: Recipe, seed: int) -> str:
    return (
        f"{model.name}: {model.count_params():,} parameters; "
        f"{len(train.images):,} images to train on, {len(test.images):,} held out\n"
        f"{recipe.epochs} epochs, batches of {recipe.batch_size}, "
        f"learning rate up to {recipe.learning_rate:g}, seed {seed}"
    )


def _train(
    model: keras.Model, train: Split, test: Split, recipe: Recipe, callbacks: list[keras.callbacks.Callback]
) -> dict[str, list[float]]:
    history = model.fit(
        train.images,
        train.labels,
        validation_data=tuple(test),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        callbacks=callbacks,
        verbose=0,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def _runs_on_tensorflow_cpu() -> bool:
    """There XLA is slower than TensorFlow's own kernels (LeNet-5: 4.4 s an epoch against 3.0 s)."""
    return keras.config.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
