"""The main job: a network and a data set by name, trained into a run folder; and taking it up again."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from cnnzoo._keras.seeds import seeded
from cnnzoo._support.arguments import check_flag, check_number, check_seed
from cnnzoo._support.lookup import look_up
from cnnzoo.data.catalog import FOLDER, DataSource, find_source, load_dataset
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.sampling import subset
from cnnzoo.data.split import Dataset
from cnnzoo.data.streaming import check_can_stream
from cnnzoo.models.catalog import ModelCard, create_model, model_card
from cnnzoo.recipes.cards import note_of_general_recipe, recipe_card
from cnnzoo.recipes.recipe import FIELDS, Recipe, changed, kernel_initializer
from cnnzoo.runs.command import command_words
from cnnzoo.runs.folder import RECORD, RunFolder, new_run_folder, read_record
from cnnzoo.runs.record import DataRecord, Record
from cnnzoo.runs.resuming import changed_setting, check_unfinished
from cnnzoo.runs.run import Run
from cnnzoo.training._distribution import current_team
from cnnzoo.training._fit import fit
from cnnzoo.training._progress import print_notes


def train(
    name: str,
    *,
    recipe: str | Recipe = "default",
    data: str = "digits",
    data_path: str | os.PathLike[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    fraction: float = 1.0,
    skip_broken: bool = False,
    seed: int = 0,
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback = (),
    snapshots: bool = False,
    **changes: Any,
) -> Run:
    """Train the network called ``name`` and leave a run folder; ``cnnzoo train`` on the command line.

    Within ``with join_team(...):`` other processes or GPUs share every batch.

    Args:
        name: One of ``cnnzoo.list_models()``, in any case.
        recipe: How to train: a recipe, or the name of one of ``list_recipes(name)``.
        data: One of ``cnnzoo.data.list_datasets()``, or a folder of images, see ``cnnzoo.data.load_folder``. Classes
            and channels follow the data.
        data_path: A local file or folder in place of a data set's download.
        image_size: Side, or height and width, in pixels, that the network sees. None takes the size of a data set's
            images where the network can take it, and otherwise, and for a folder, the network's own.
        fraction: Fraction of the training and of the test images to use, in (0, 1], stratified.
        skip_broken: Whether to skip files of a folder that are not images instead of raising.
        seed: Seed of the weights, the order of the images, augmentation, dropout, ``fraction`` and ``limit``.
        limit: Train on this many images only, a stratified subset; None trains on all. The test images stay whole.
        out: Run folder to write; it must not exist yet. None takes the first of ``runs/<name>``, ``runs/<name>-2`` ...
            that is free.
        progress: Whether to print a progress bar and a line for each epoch.
        callbacks: Keras callbacks of your own, or one; ``TensorBoard()`` writes its logs into the run folder.
        snapshots: Whether to keep the weights of some steps in the run folder, see ``fit``.
        **changes: Fields of ``Recipe`` to change in the recipe: ``epochs=5``.

    Returns:
        The run, as ``fit`` returns it; its folder is ``run.path``.

    Raises:
        ValueError: An argument is out of range, ``limit`` keeps no image of a class, or the network cannot take the
            images.
        FileNotFoundError: ``data_path`` does not exist.
        FileExistsError: ``out`` exists already.
        OSError: ``out`` cannot be made there.
        ConnectionError: The data must be downloaded and there is no network, or a process of the team was lost.
        ArithmeticError: The loss is not finite any more; see ``fit``, here and in the next two.
        MemoryError: A batch does not fit into memory.
        KeyboardInterrupt: A signal stopped the training; ``resume`` resumes it.
    """
    card = model_card(name)
    name = card.name
    seed = check_seed(seed)
    check_flag("snapshots", snapshots)
    chosen = changed(_recipe(name, recipe), changes)
    size = None if image_size is None else check_image_size(image_size)
    source = replace(
        find_source(data, data_path),
        fraction=check_number("fraction", fraction, "(0, 1]"),
        image_size=size or card.input_shape[:2],
        seed=seed,
        skip_broken=skip_broken,
    )
    check_can_stream()
    leads = current_team().leads
    folder = None
    if leads:
        words = _command(name, recipe, chosen, changes, source, size, limit, snapshots)
        if out is None:
            folder = new_run_folder(name, begun_by="train", command=words)
        else:
            folder = RunFolder(out, begun_by="train", command=words)
    with folder or nullcontext():
        dataset = load_dataset(source)
        if limit is not None:
            dataset = replace(dataset, train=subset(dataset.train, limit, seed=seed, name="limit"))
        size = size or _input_size(card, dataset.train.images.shape)
        dataset = replace(dataset, image_size=size)
        model = _built(name, chosen, size, dataset, seed, data)
        if progress and leads:
            print_notes(dataset)
            if isinstance(recipe, str) and (note := note_of_general_recipe(name, recipe)):
                print(note, flush=True)
        return fit(
            model,
            dataset,
            recipe=chosen,
            seed=seed,
            out=folder,
            progress=progress,
            callbacks=callbacks,
            snapshots=snapshots,
        )


def resume(
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    data_path: str | os.PathLike[str] | None = None,
    progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback = (),
    **options: Any,
) -> Run:
    """Resume a run that ``train`` began and that was interrupted or killed; ``cnnzoo train --resume``.

    On one machine's CPU and one backend it ends in the same weights, bit for bit, as a run that was never interrupted.

    Args:
        path: The run folder.
        data: Where the folder of images lies now, if it has moved: the names of the images within it and their sizes
            must be those that the run began with. A data set must be the run's own. None takes what the run has.
        data_path: Where the local file or folder of a data set lies now, if it has moved.
        progress: Whether to print a progress bar and a line for each epoch.
        callbacks: Keras callbacks of your own, or one.
        **options: Arguments of ``train``, which must be those that the run began with.

    Returns:
        The run, as ``train`` returns it.

    Raises:
        FileNotFoundError: There is no such run, or its data are not where they were.
        ValueError: The run is finished, was not begun by ``train``, or began with other options or other images.
        BlockingIOError: Another process is writing the folder.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"There is no run folder '{path}'. Give one that `cnnzoo train` began.")
    if not (path / RECORD).is_file():
        raise FileNotFoundError(
            f"'{path}' is not a run folder: it has no {RECORD}. Give one that `cnnzoo train` began."
        )
    check_can_stream()
    record = read_record(path / RECORD, finished=False)
    check_unfinished(path, record)
    began, name = record.data, record.model.name
    if record.begun_by != "train" or began.source is None or began.image_size is None:
        raise ValueError(f"`resume` takes runs that `train` began. {RunFolder(path).how_to_resume()}")
    _check_options(record, options)
    source = _moved(path, began.source, data, data_path)
    dataset = load_dataset(source)
    if progress and current_team().leads:
        print_notes(dataset)
    dataset, count = replace(dataset, image_size=began.image_size), _images_used(began, record.recipe)
    if count < len(dataset.train.labels):
        dataset = replace(dataset, train=subset(dataset.train, count, seed=record.seed))
    return fit(
        _built(name, record.recipe, began.image_size, dataset, record.seed, source.name),
        dataset,
        recipe=record.recipe,
        seed=record.seed,
        out=RunFolder(path, resume=True, begun_by="train"),
        resume=True,
        progress=progress,
        callbacks=callbacks,
        snapshots=record.snapshots,
    )


def _moved(
    run: Path, source: DataSource, data: str | os.PathLike[str] | None, data_path: str | os.PathLike[str] | None
) -> DataSource:
    """Return the source of a run's images with where they lie now."""
    if data is not None:
        found = find_source(data, data_path)
        if found.name != source.name:
            raise changed_setting("data", source.name, os.fspath(data))
        return replace(source, path=found.path or source.path)
    if data_path is not None:
        if source.name == FOLDER:
            raise ValueError(f"The run's images are a folder: give it as `data`. Received: data_path='{data_path}'")
        return replace(source, path=find_source(source.name, data_path).path)
    if source.path is not None and not Path(source.path).exists():
        option = "data" if source.name == FOLDER else "data_path"
        raise FileNotFoundError(
            f"The data of the run '{run}' are not in '{source.path}' any more. Say where they lie now: "
            f"`cnnzoo train --resume {run} --{option.replace('_', '-')} PATH`, in Python `resume(..., {option}=...)`."
        )
    return source


def _images_used(data: DataRecord, recipe: Recipe) -> int:
    """Return how many training images a recorded run takes, those that it chooses the epoch by among them."""
    return data.train_size + (data.validation_size if recipe.patience else 0)


def _check_options(record: Record, options: dict[str, Any]) -> None:
    """Raise ``ValueError`` unless ``options``, arguments of ``train``, are those that the run began with."""
    recipe, source = record.recipe, record.data.source
    began: dict[str, Any] = {
        "name": record.model.name,
        "seed": record.seed,
        "limit": _images_used(record.data, recipe),
        "fraction": source and source.fraction,
        "skip_broken": source and source.skip_broken,
        "image_size": record.data.image_size,
        "snapshots": record.snapshots,
    }
    if "out" in options:
        raise ValueError(f"A resumed run stays in its folder. Received: out='{options['out']}'")
    asked = dict(options)
    changes = {field: asked.pop(field) for field in list(asked) if field in FIELDS}
    if "recipe" in asked:
        began["recipe"], asked["recipe"] = recipe, changed(_recipe(began["name"], asked["recipe"]), changes)
    else:
        other = changed(recipe, changes)
        began |= {field: getattr(recipe, field) for field in changes}
        asked |= {field: getattr(other, field) for field in changes}
    if "image_size" in asked:
        asked["image_size"] = check_image_size(asked["image_size"])
    for option, value in asked.items():
        if look_up(began, option, "option") != value:
            raise changed_setting(option, began[option], value)


def _recipe(name: str, recipe: str | Recipe) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else recipe_card(name, recipe).recipe


def _command(
    name: str,
    recipe: str | Recipe,
    chosen: Recipe,
    changes: dict[str, Any],
    source: DataSource,
    size: tuple[int, int] | None,
    limit: int | None,
    snapshots: bool,
) -> tuple[str, ...] | None:
    """Return the words of the command line that begin the run; None where they cannot."""
    is_square = size is None or size[0] == size[1]
    if not isinstance(recipe, str) or not is_square or None in changes.values():
        return None
    return command_words(
        "train",
        name,
        data=source.path if source.name == FOLDER else source.name,
        recipe=recipe,
        **{field: getattr(chosen, field) for field in changes},
        limit=limit,
        image_size=size and size[0],
        data_path=None if source.name == FOLDER else source.path,
        fraction=None if source.fraction == 1 else source.fraction,
        skip_broken=source.skip_broken or None,
        seed=source.seed,
        snapshots=snapshots or None,
    )


def _built(name: str, recipe: Recipe, size: tuple[int, ...], dataset: Dataset, seed: int, data: str) -> keras.Model:
    """Return the network as the recipe starts it, for the images of ``dataset``."""
    shape = (*size, dataset.train.images.shape[3])
    try:
        with seeded(seed):
            return create_model(
                name,
                input_shape=shape,
                num_classes=len(dataset.class_names),
                kernel_initializer=kernel_initializer(recipe),
            )
    except ValueError as error:
        raise ValueError(f"'{name}' cannot be trained on '{data}'. {error}") from error


def _input_size(card: ModelCard, images_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the images' own size where the network can take it, else the network's."""
    height, width = images_shape[1:3]
    return (height, width) if min(height, width) >= card.smallest_size else card.input_shape[:2]
