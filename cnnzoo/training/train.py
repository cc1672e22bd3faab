"""The main job: a network and a data set by name, trained into a run folder."""

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import keras

from cnnzoo.arguments import check_integer, check_number, check_seed
from cnnzoo.data.catalog import find_source, load_dataset
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.sampling import subset
from cnnzoo.models.catalog import ModelCard, create_model, model_card
from cnnzoo.training.fit import fit
from cnnzoo.training.folder import RunFolder, new_run_folder
from cnnzoo.training.recipe import Recipe, default_recipe
from cnnzoo.training.run import Run


def train(
    name: str,
    *,
    data: str = "digits",
    data_path: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    augment: str | Iterable[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    fraction: float = 1.0,
    skip_broken: bool = False,
    seed: int = 0,
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Run:
    """Train the network called ``name`` and leave a run folder; ``cnnzoo train`` on the command line.

    Args:
        name: One of ``cnnzoo.list_models()``.
        data: One of ``cnnzoo.data.list_datasets()``, or a folder of images, see ``cnnzoo.data.load_folder``. Classes
            and channels follow the data.
        data_path: A local file or folder in place of a data set's download.
        epochs: Passes over the training images; None takes the network's default recipe, here and in the next two.
        batch_size: Images a step.
        learning_rate: Peak of the learning rate.
        augment: Names of ``cnnzoo.data.AUGMENTATIONS``, or one string of them with commas; None takes the recipe's.
        image_size: Side, or height and width, in pixels, that the network sees. None takes the size of a data set's
            images where the network can take it, and otherwise, and for a folder, the network's own.
        fraction: Share of the training and of the test images to use, in (0, 1], stratified.
        skip_broken: Whether files of a folder that are no images are left out instead of raising.
        seed: Seed of the weights, the order of the images, augmentation, dropout, ``fraction`` and ``limit``.
        limit: Train on this many images only, a stratified subset; None trains on all. The test images stay whole.
        out: Run folder to write; it must not exist yet. None takes the first of ``runs/<name>``, ``runs/<name>-2`` ...
            that is free.
        progress: Whether to print a progress bar and a line for each epoch.

    Returns:
        The run, as ``fit`` returns it; its folder is ``run.path``.

    Raises:
        ValueError: An argument is out of range, or the network cannot take the images.
        FileNotFoundError: ``data_path`` does not exist.
        FileExistsError: ``out`` exists already.
        OSError: ``out`` cannot be made there.
        ConnectionError: The data must be downloaded and there is no network.
    """
    card = model_card(name)
    seed = check_seed(seed)
    recipe = _changed(
        default_recipe(name), epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, augment=augment
    )
    size = None if image_size is None else check_image_size(image_size)
    source = replace(
        find_source(data, data_path),
        fraction=check_number("fraction", fraction, "(0, 1]"),
        image_size=size or card.input_shape[:2],
        seed=seed,
        skip_broken=skip_broken,
    )
    with new_run_folder(name) if out is None else RunFolder(out) as folder:
        dataset = load_dataset(source)
        train_split, test_split = dataset
        if limit is not None:
            check_integer("limit", limit, least=1, most=len(train_split.labels))
            train_split = subset(train_split, limit, seed=seed)
        size = size or _input_size(card, train_split.images.shape)
        keras.utils.set_random_seed(seed)
        try:
            shape = (*size, train_split.images.shape[3])
            model = create_model(name, input_shape=shape, num_classes=len(dataset.class_names))
        except ValueError as error:
            raise ValueError(f"'{name}' cannot be trained on '{data}'. {error}") from error
        if progress and dataset.skipped:
            print(f"left out {len(dataset.skipped):,} files that are no readable images:")
            print("\n".join(dataset.skipped))
        return fit(
            model,
            train_split,
            test_split,
            recipe=recipe,
            image_size=size,
            data=source,
            class_names=dataset.class_names,
            seed=seed,
            out=folder,
            progress=progress,
        )


def _changed(recipe: Recipe, **changes: Any) -> Recipe:
    """Return ``recipe`` with those of ``changes`` that are not None."""
    return replace(recipe, **{field: value for field, value in changes.items() if value is not None})


def _input_size(card: ModelCard, images_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the images' own size where the network can take it, else the network's."""
    height, width = images_shape[1:3]
    return (height, width) if min(height, width) >= card.smallest_size else card.input_shape[:2]
