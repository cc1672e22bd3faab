"""Transfer: a classifier of your own classes, trained on a network that has learned others."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.ready import compile_classifier
from cnnzoo._keras.scale import Scale
from cnnzoo._keras.seeds import seeded
from cnnzoo._support.arguments import check_number, check_seed
from cnnzoo.data.augment import check_augment
from cnnzoo.data.catalog import FOLDER, DataSource, find_source, load_dataset
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.split import Dataset, Split
from cnnzoo.evaluation.evaluator import evaluate
from cnnzoo.models.weights import IMAGENET
from cnnzoo.pretrained.catalog import pretrained_card
from cnnzoo.pretrained.embeddings import embed
from cnnzoo.pretrained.transfer import DROPOUT_RATE, DROPPED, TOP, add_top, classifier, find_layer, unfreeze
from cnnzoo.recipes.finetuning import HEAD, UNFROZEN
from cnnzoo.recipes.recipe import Recipe
from cnnzoo.runs.command import command_words
from cnnzoo.runs.description import describe
from cnnzoo.runs.folder import History, RunFolder, new_run_folder
from cnnzoo.runs.record import Finetuning, Metrics, Record
from cnnzoo.runs.run import Run, write_run
from cnnzoo.training._fit import fit
from cnnzoo.training._progress import print_notes


def finetune(
    backbone: str | keras.Model,
    data: str | os.PathLike[str],
    *,
    data_path: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = IMAGENET,
    image_size: int | tuple[int, int] | None = None,
    fraction: float = 1.0,
    skip_broken: bool = False,
    augment: str | Sequence[str] | None = None,
    recipe: Recipe = HEAD,
    unfreeze_from: str | None = None,
    unfrozen_recipe: Recipe = UNFROZEN,
    dropout_rate: float = DROPOUT_RATE,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    scale: Scale | None = None,
) -> Run:
    """Train a classifier of the classes of ``data`` and leave a run folder; ``cnnzoo finetune`` on the command line.

    First the top is trained. Without augmentation, what the frozen backbone makes of each image is computed once, and
    the top is trained on that: the same result, in seconds, where the backbone has no dropout of its own. Then, with
    ``unfreeze_from``, the last layers are trained with it at a lower rate.

    Args:
        backbone: See ``classifier``.
        data: A folder with a folder of images for each class, or one of ``cnnzoo.data.list_datasets()``.
        data_path: A local file or folder in place of a data set's download.
        weights: Of a backbone given by name: see ``load``.
        image_size: Side, or height and width, in pixels, that the network sees. None takes the backbone's own.
        fraction: Share of the training and of the test images to use, in (0, 1], stratified.
        skip_broken: Whether files of a folder that are no images are left out instead of raising.
        augment: Names of ``cnnzoo.data.AUGMENTATIONS``; the images then pass the backbone in every epoch. None takes
            what the recipes say.
        recipe: How the top is trained.
        unfreeze_from: The layer from which on the backbone is trained afterwards, see ``unfreeze``; None leaves it.
        unfrozen_recipe: How that is done.
        dropout_rate: Fraction of the features that are dropped, in [0, 1).
        seed: Seed of the top's weights, the order of the images, dropout, augmentation and ``fraction``.
        out: Run folder to write; it must not exist yet. None takes the first of ``runs/<backbone>``,
            ``runs/<backbone>-2`` ... that is free.
        progress: Whether to print a progress bar and a line for each epoch.
        scale: Of a backbone of your own: see ``classifier``.

    Returns:
        The run, with the epochs of both parts in its history; ``run.predict`` gives the names of the classes.

    Raises:
        ValueError: An argument is out of range, the images do not fit, or the weights do not.
        FileNotFoundError: ``data`` or ``weights`` name nothing.
        FileExistsError: ``out`` exists already.
        ConnectionError: Weights or data must be downloaded and there is no network.
        MemoryError: A batch does not fit into memory.
    """
    seed = check_seed(seed)
    check_number("dropout_rate", dropout_rate, "[0, 1)")
    name = pretrained_card(backbone).name if isinstance(backbone, str) else backbone.name
    size = _image_size(backbone, image_size)
    source = replace(
        find_source(data, data_path),
        fraction=check_number("fraction", fraction, "(0, 1]"),
        image_size=size,
        seed=seed,
        skip_broken=skip_broken,
    )
    command = None
    if isinstance(backbone, str) and dropout_rate == DROPOUT_RATE and (image_size is None or size[0] == size[1]):
        command = _command(
            source,
            name,
            weights,
            (recipe, unfrozen_recipe),
            image_size=image_size and size[0],
            augment=augment if augment is None else check_augment(augment),
            unfreeze=unfreeze_from,
        )
    recipe, unfrozen_recipe = (
        each if augment is None else replace(each, augment=check_augment(augment)) for each in (recipe, unfrozen_recipe)
    )
    folder = new_run_folder(name, begun_by="finetune") if out is None else RunFolder(out, begun_by="finetune")
    with folder, seeded(seed):
        dataset = load_dataset(source)
        if progress:
            print_notes(dataset)
        channels = dataset.train.images.shape[3]
        model = classifier(
            backbone,
            class_names=dataset.class_names,
            weights=weights,
            input_shape=(*size, channels) if isinstance(backbone, str) else None,
            dropout_rate=dropout_rate,
            scale=scale,
        )
        if unfreeze_from is not None:
            find_layer(model, unfreeze_from)  # before anything is trained
        if progress and isinstance(backbone, str) and weights is None and unfreeze_from is None:
            print("the network is random and stays so: with `weights`, or unfrozen, it would learn more", flush=True)
        parts = [_train_top(model, dataset, recipe, size, seed, progress)]
        if unfreeze_from is not None:
            unfreeze(model, unfreeze_from)
            parts.append(_fit(model, dataset, unfrozen_recipe, size, seed, progress))
        record = _record(model, dataset, parts, source=source, size=size, seed=seed)
        finetuned = Finetuning(
            backbone=name if isinstance(backbone, str) else None,
            weights=None if weights is None or not isinstance(backbone, str) else os.fspath(weights),
            unfrozen_from=unfreeze_from,
            dropout_rate=dropout_rate,
            recipes=tuple(part.record.recipe for part in parts),
            network=name,
        )
        evaluation = evaluate(model, dataset.test, class_names=dataset.class_names, image_size=size)
        seconds = round(sum(part.metrics["train_seconds"] for part in parts), 2)
        metrics = Metrics(evaluation.accuracy, evaluation.loss, seconds)
        record = replace(record, finetuned=finetuned, command=command, metrics=metrics)
        run = Run(model, _joined([part.history for part in parts]), record, folder.path)
        write_run(folder, run, evaluation, dataset.test.images)
    compile_classifier(model)
    return run


def _image_size(backbone: str | keras.Model, image_size: int | tuple[int, int] | None) -> tuple[int, int]:
    """Return the height and width that the network sees."""
    if image_size is not None:
        return check_image_size(image_size)
    if isinstance(backbone, str):
        side = pretrained_card(backbone).input_size
        return side, side
    height, width = backbone.input_shape[1:3]
    if height is None or width is None:
        raise ValueError("Give `image_size`: the backbone takes any.")
    return height, width


def _train_top(
    model: keras.Model, dataset: Dataset, recipe: Recipe, size: tuple[int, int], seed: int, progress: bool
) -> Run:
    """Train the last layer, on features where nothing is augmented."""
    if recipe.augment:
        return _fit(model, dataset, recipe, size, seed, progress)
    top = model.get_layer(TOP)
    features = keras.Model(model.inputs[0], model.get_layer(DROPPED).input)
    if progress:
        print(f"computing the features of {len(dataset.train.labels) + len(dataset.test.labels):,} images", flush=True)
    train, test = (_features_of(features, split, size) for split in dataset)
    inputs = keras.Input(train.images.shape[1:])
    dropout = model.get_layer(DROPPED)
    outputs = add_top(keras.layers.Flatten()(inputs), top.units, dropout.rate, dropout_seed=dropout.seed)
    head = keras.Model(inputs, outputs, name=model.name)
    head.get_layer(TOP).set_weights(top.get_weights())
    run = fit(
        head, train, test, recipe=recipe, class_names=dataset.class_names, seed=seed, progress=progress, scale="raw"
    )
    top.set_weights(head.get_layer(TOP).get_weights())
    return run


def _features_of(features: keras.Model, split: Split, size: tuple[int, int]) -> Split:
    vectors = np.asarray(embed(features, split.images, image_size=size))
    return Split(vectors[:, None, None, :], split.labels)


def _fit(model: keras.Model, dataset: Dataset, recipe: Recipe, size: tuple[int, int], seed: int, progress: bool) -> Run:
    return fit(
        model,
        *dataset,
        recipe=recipe,
        image_size=size,
        class_names=dataset.class_names,
        seed=seed,
        progress=progress,
    )


def _record(
    model: keras.Model, dataset: Dataset, parts: list[Run], *, source: DataSource, size: tuple[int, int], seed: int
) -> Record:
    """Return the record of a run of one or two parts, all but its metrics: of the whole network, else of the last."""
    train, test = (Split(split.images, class_numbers(split.labels)) for split in dataset)
    last = parts[-1].record
    record = describe(
        model,
        train,
        test,
        test,
        source=source,
        class_names=dataset.class_names,
        image_size=size,
        recipe=last.recipe,
        seed=seed,
        processes=1,
        devices=1,
        begun_by="finetune",
        scale="unit",
    )
    # With patience, a part of the training images chooses the epoch
    data = replace(record.data, train_size=last.data.train_size, validation_size=last.data.validation_size)
    return replace(record, data=data, stopped=last.stopped, weights_of_epoch=last.weights_of_epoch)


def _command(
    source: DataSource,
    name: str,
    weights: str | os.PathLike[str] | None,
    recipes: tuple[Recipe, Recipe],
    **options: Any,
) -> tuple[str, ...] | None:
    """Return the words of the command line that begin the run; None where a recipe is not one that it makes."""
    for recipe, default, prefix in zip(recipes, (HEAD, UNFROZEN), ("", "unfrozen_"), strict=True):
        if recipe != replace(default, epochs=recipe.epochs, learning_rate=recipe.learning_rate):
            return None
        for field in ("epochs", "learning_rate"):
            value = getattr(recipe, field)
            options[f"{prefix}{field}"] = None if value == getattr(default, field) else value
    return command_words(
        "finetune",
        name,
        str(source.path) if source.name == FOLDER else source.name,
        data_path=None if source.name == FOLDER else source.path,
        weights="none" if weights is None else os.fspath(weights),
        fraction=None if source.fraction == 1 else source.fraction,
        skip_broken=source.skip_broken or None,
        seed=source.seed,
        **options,
    )


def _joined(histories: list[History]) -> History:
    """Return the epochs of the parts in turn."""
    names = [name for name in histories[0] if all(name in history for history in histories)]
    return {name: [value for history in histories for value in history[name]] for name in names}
