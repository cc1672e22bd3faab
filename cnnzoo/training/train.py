"""The main job: a network and a data set by name, trained into a run folder."""

import os
from dataclasses import replace

import keras

from cnnzoo.arguments import check_integer, check_seed
from cnnzoo.data.catalog import data_card, load_dataset
from cnnzoo.data.sampling import subset
from cnnzoo.models.catalog import create_model, model_card
from cnnzoo.training.fit import fit
from cnnzoo.training.folder import check_new, new_run_path
from cnnzoo.training.recipe import default_recipe
from cnnzoo.training.run import Run


def train(
    name: str,
    *,
    data: str = "digits",
    data_path: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Run:
    """Train the network called ``name`` and leave a run folder; ``cnnzoo train`` on the command line.

    Args:
        name: One of ``cnnzoo.list_models()``.
        data: One of ``cnnzoo.data.list_datasets()``.
        data_path: A local file or folder in place of the download.
        epochs: Passes over the training images; None takes the network's default recipe, here and in the next two.
        batch_size: Images a step.
        learning_rate: Peak of the learning rate.
        seed: Seed of the weights, the order of the images, dropout and ``limit``.
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
        ConnectionError: The data must be downloaded and there is no network.
    """
    model_card(name)
    class_names = data_card(data).class_names
    check_seed(seed)
    recipe = default_recipe(name)
    recipe = replace(
        recipe,
        epochs=recipe.epochs if epochs is None else epochs,
        batch_size=recipe.batch_size if batch_size is None else batch_size,
        learning_rate=recipe.learning_rate if learning_rate is None else learning_rate,
    )
    path = new_run_path(name) if out is None else check_new(out)

    train_split, test_split = load_dataset(data, data_path)
    if limit is not None:
        check_integer("limit", limit, least=1, most=len(train_split.labels))
        train_split = subset(train_split, limit, seed=seed)
    keras.utils.set_random_seed(seed)
    try:
        model = create_model(name, input_shape=train_split.images.shape[1:], num_classes=len(class_names))
    except ValueError as error:
        raise ValueError(f"'{name}' cannot be trained on '{data}'. {error}") from error
    return fit(
        model,
        train_split,
        test_split,
        recipe=recipe,
        data=data,
        data_path=data_path,
        seed=seed,
        out=path,
        progress=progress,
    )
