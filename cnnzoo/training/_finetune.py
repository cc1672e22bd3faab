"""Transfer: a classifier of your own classes, trained on a network that has learned others."""

import os
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from cnnzoo._keras.engine import check_engine, used_engine
from cnnzoo._keras.heads import DROPPED, add_head
from cnnzoo._keras.heads import HEAD as LAST
from cnnzoo._keras.layout import check_channels_last
from cnnzoo._keras.preprocessing import with_channels
from cnnzoo._keras.ready import compile_classifier
from cnnzoo._keras.seeds import seeded
from cnnzoo._support.arguments import check_flag, check_number, check_seed, shape_fits
from cnnzoo._support.lookup import look_up
from cnnzoo.data.augment import check_augment
from cnnzoo.data.catalog import FOLDER, DataSource, find_source, load_dataset
from cnnzoo.data.labels import class_numbers
from cnnzoo.data.resize import check_image_size
from cnnzoo.data.sampling import subset
from cnnzoo.data.split import Dataset, Split
from cnnzoo.data.streaming import check_can_stream
from cnnzoo.evaluation.evaluator import evaluate
from cnnzoo.pretrained.embeddings import embed
from cnnzoo.pretrained.networks import (
    DEFAULT,
    Network,
    are_published,
    network_name,
    open_backbone,
    own_size,
    place_of,
    published_weights,
)
from cnnzoo.pretrained.transfer import check_takes_unit, classifier, find_layer
from cnnzoo.pretrained.transfer import unfreeze as unfreeze_layers
from cnnzoo.recipes.finetuning import DROPOUT_RATE, HEAD, UNFROZEN
from cnnzoo.recipes.recipe import FIELDS, Recipe, changed
from cnnzoo.runs.command import command_words
from cnnzoo.runs.description import describe, describe_data
from cnnzoo.runs.folder import History, RunFolder, new_run_folder
from cnnzoo.runs.record import Finetuning, Metrics, Record
from cnnzoo.runs.run import Run, write_run
from cnnzoo.training._fit import fit
from cnnzoo.training._progress import print_notes

OF_HEAD = ("epochs", "learning_rate")  # fields of its recipe alone
OF_UNFROZEN = {f"unfrozen_{field}": field for field in OF_HEAD}
# Options that are no fields of a recipe
OTHERS = ("data_path", "fraction", "skip_broken", "crop", "dropout_rate", "scale", "engine")
OF_BOTH = ("batch_size", "class_weight", "patience", "augment")  # fields of both recipes that the command line has
ON_COMMAND_LINE = {*OF_HEAD, *OF_UNFROZEN, *OTHERS, *OF_BOTH} - {"dropout_rate"}
KEYWORDS = ("weights", "image_size", "recipe", "unfreeze", "limit", "seed", "out", "progress")
OPTIONS = dict.fromkeys([*KEYWORDS, *OF_UNFROZEN, *OTHERS, *FIELDS])


def finetune(
    backbone: Network,
    data: str | os.PathLike[str] | DataSource,
    *,
    weights: str | os.PathLike[str] | None = DEFAULT,
    image_size: int | tuple[int, int] | None = None,
    recipe: Recipe = HEAD,
    unfreeze: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **options: Any,
) -> Run:
    """Train a classifier of the classes of ``data`` and leave a run folder; ``cnnzoo finetune`` on the command line.

    First a new head is trained on the frozen backbone. Without augmentation, what the backbone makes of each image is
    computed once, and the head is trained on that: the same result, in seconds, where the backbone has no dropout of
    its own. Then, with ``unfreeze``, the last layers are trained with it at a lower rate.

    Args:
        backbone: What ``cnnzoo.backbone`` takes: the name of a network, a run or the path of its folder, a file, or a
            Keras model of images in [0, 1].
        data: A folder with a folder of images for each class, one of ``cnnzoo.data.list_datasets()``, or what
            ``cnnzoo.data.find_source`` gives.
        weights: Of a backbone given by name: "default" for those that are published ("imagenet" for Keras
            Applications), a name, a file, a run folder, or None to initialise.
        image_size: Side, or height and width, in pixels, that the network sees. None takes the backbone's own.
        recipe: How the head is trained.
        unfreeze: The layer from which on the backbone is trained afterwards, see ``cnnzoo.unfreeze``; None leaves it.
        limit: Train on this many images only, a stratified subset; None trains on all. The test images stay whole.
        seed: Seed of the head's weights, the order of the images, dropout, augmentation, ``fraction`` and ``limit``.
        out: Run folder to write; it must not exist yet. None takes the first of ``runs/<backbone>``,
            ``runs/<backbone>-2`` ... that is free.
        progress: Whether to print a progress bar and a line for each epoch.
        **options: ``epochs`` and ``learning_rate`` of the head, ``unfrozen_epochs`` and ``unfrozen_learning_rate`` of
            the layers that ``unfreeze`` names, any other field of ``Recipe`` for both; ``dropout_rate`` of the head;
            ``scale="unit"`` where the graph of a model or a file does not tell that it takes images in [0, 1];
            ``data_path``, ``fraction`` and ``skip_broken`` as ``train`` takes them; ``crop``, whether photographs of a
            folder keep their proportions and their middle is seen, by default with the weights that torchvision
            or timm publishes; and ``engine``, the inference engine that computes the features, see ``embed``. The run
            records which it was.

    Returns:
        The run, with the epochs of both parts in its history; ``run.predict`` gives the names of the classes.

    Raises:
        ValueError: An argument is out of range, there is no such option, the images do not fit, or the weights do not.
        FileNotFoundError: ``backbone``, ``data`` or ``weights`` name nothing.
        FileExistsError: ``out`` exists already.
        ConnectionError: Weights or data must be downloaded and there is no network.
        MemoryError: A batch does not fit into memory.
    """
    seed = check_seed(seed)
    given, changes = _sorted_options(options)
    check_engine(given.get("engine", "auto"))
    dropout_rate = check_number("dropout_rate", given.get("dropout_rate", DROPOUT_RATE), "[0, 1)")
    if not isinstance(recipe, Recipe):
        raise ValueError(
            "`recipe` must be a `cnnzoo.training.Recipe`: named recipes work with `train` only. "
            f"Received: recipe={recipe!r}"
        )
    recipes = _recipes(recipe, changes)
    if given.get("engine") == "openvino" and recipes[0].augment:
        raise ValueError(
            "`engine='openvino'` computes the features once, but with `augment` they change in every epoch. "
            "Drop one of the two."
        )
    if unfreeze is None and (unused := OF_UNFROZEN.keys() & options.keys()):
        raise ValueError(f"`{min(unused)}` is for the layers that `unfreeze` names. Give `unfreeze`, too.")
    name = network_name(backbone)
    if name is not None and "scale" in given:
        raise ValueError("`scale` is for a model or a file: of a network given by its name the range is known.")
    network = open_backbone(backbone, weights=weights) if name is None else name
    if isinstance(network, keras.Model):
        check_takes_unit(network, given.get("scale"), backbone)
    weights = weights if name is None else published_weights(name, weights)
    size = _image_size(network, image_size)
    source = replace(
        find_source(data, given.get("data_path")),
        **{option: given[option] for option in ("fraction", "skip_broken") if option in given},
        image_size=size,
        seed=seed,
    )
    check_number("fraction", source.fraction, "(0, 1]")
    source = replace(source, crop=_crops(given.get("crop"), source, name, weights))
    title = network if isinstance(network, str) else network.name
    named = name or place_of(backbone)
    command = None
    if named is not None and recipe == HEAD and (image_size is None or size[0] == size[1]):
        side = None if image_size is None else size[0]
        word = "none" if weights is None else os.fspath(weights)
        own = {"weights": word if name else None, "image_size": side, "unfreeze": unfreeze, "limit": limit}
        command = _command(named, source, {**own, "seed": seed}, options)
    check_can_stream()
    folder = new_run_folder(title, begun_by="finetune") if out is None else RunFolder(out, begun_by="finetune")
    with folder, seeded(seed):
        dataset = load_dataset(source)
        if limit is not None:
            dataset = replace(dataset, train=subset(dataset.train, limit, seed=seed, name="limit"))
        if progress:
            print_notes(dataset)
        model = _classifier(network, weights, size, dataset, dropout_rate)
        if unfreeze is not None:
            find_layer(model, unfreeze)  # before anything is trained
        if progress and name and weights is None and unfreeze is None:
            print("Warning: the backbone is random and frozen; pass `weights` or `unfreeze`.", flush=True)
        engine = None
        if recipes[0].augment:
            parts = [_fit(model, dataset, recipes[0], size, seed, progress)]
        else:
            features, count = _features(model), len(dataset.train.labels) + len(dataset.test.labels)
            engine = used_engine(features, given.get("engine", "auto"), count)
            featured = _featured(features, dataset, size, engine, progress)
            parts = [_train_head(model, featured, recipes[0], seed, progress)]
        if unfreeze is not None:
            unfreeze_layers(model, unfreeze)
            parts.append(_fit(model, dataset, recipes[1], size, seed, progress))
        record = _record(model, dataset, parts, source=source, size=size, seed=seed)
        finetuned = Finetuning(
            backbone=named,
            weights=None if name is None or weights is None else os.fspath(weights),
            unfrozen_from=unfreeze,
            dropout_rate=dropout_rate,
            recipes=tuple(part.record.recipe for part in parts),
            network=title,
            engine=engine,
        )
        evaluation = evaluate(model, dataset.test, class_names=dataset.class_names, image_size=size, engine="keras")
        seconds = round(sum(part.metrics["train_seconds"] for part in parts), 2)
        metrics = Metrics(evaluation.accuracy, evaluation.loss, seconds)
        record = replace(record, finetuned=finetuned, command=command, metrics=metrics)
        run = Run(model, _joined([part.history for part in parts]), record, folder.path)
        write_run(folder, run, evaluation, dataset.test.images)
    compile_classifier(model)
    return run


def _crops(given: bool | None, source: DataSource, name: str | None, weights: str | os.PathLike[str] | None) -> bool:
    """Tell whether the photographs of a folder are cropped, or raise ``ValueError`` if something else was to be."""
    if given is None:
        return source.name == FOLDER and name is not None and are_published(name, weights)
    if check_flag("crop", given) and source.name != FOLDER:
        raise ValueError(f"`crop` is for folders of images, not for '{source.name}'. Received: crop={given}")
    return given


def _sorted_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that are no fields of a recipe, and those that are."""
    for option in options:
        look_up(OPTIONS, option, "option of `finetune`")
    return (
        {option: value for option, value in options.items() if option in OTHERS},
        {option: value for option, value in options.items() if option not in OTHERS},
    )


def _recipes(head: Recipe, changes: dict[str, Any]) -> tuple[Recipe, Recipe]:
    """Return how the head is trained, and how the layers that are unfrozen then."""
    shared = {field: value for field, value in changes.items() if field not in (*OF_HEAD, *OF_UNFROZEN)}
    unfrozen = {field: changes[option] for option, field in OF_UNFROZEN.items() if option in changes}
    of_head = {field: changes[field] for field in OF_HEAD if field in changes}
    return changed(head, {**shared, **of_head}), changed(UNFROZEN, {**shared, **unfrozen})


def _image_size(network: str | keras.Model, image_size: int | tuple[int, int] | None) -> tuple[int, int]:
    """Return the height and width that the network sees."""
    if isinstance(network, str):
        return own_size(network) if image_size is None else check_image_size(image_size)
    height, width = network.input_shape[1:3]
    if image_size is not None:
        size = check_image_size(image_size)
        if not shape_fits((height, width), size):
            raise ValueError(
                f"`image_size` must be that of the backbone, ({height}, {width}). Received: image_size={image_size}"
            )
        return size
    if height is None or width is None:
        raise ValueError("Pass `image_size`: the backbone accepts any size.")
    return height, width


def _classifier(
    network: str | keras.Model,
    weights: str | os.PathLike[str] | None,
    size: tuple[int, int],
    dataset: Dataset,
    dropout_rate: float,
) -> keras.Model:
    """Return the network with a new head, for the images of ``dataset``; a model is one of images in [0, 1]."""
    options: dict[str, Any] = {"class_names": dataset.class_names, "dropout_rate": dropout_rate}
    channels = dataset.train.images.shape[3]
    if isinstance(network, str):
        return classifier(network, weights=weights, input_shape=(*size, channels), **options)
    check_channels_last(network, "to be trained")
    return classifier(with_channels(network, channels), scale="unit", **options)


def _train_head(model: keras.Model, dataset: Dataset, recipe: Recipe, seed: int, progress: bool) -> Run:
    """Train the last layer on the features of the images, which ``dataset`` has in their place."""
    last, dropout = model.get_layer(LAST), model.get_layer(DROPPED)
    inputs = keras.Input(dataset.train.images.shape[1:])
    outputs = add_head(keras.layers.Flatten()(inputs), last.units, dropout.rate, dropout_seed=dropout.seed)
    head = keras.Model(inputs, outputs, name=model.name)
    head.get_layer(LAST).set_weights(last.get_weights())
    run = fit(head, dataset, recipe=recipe, seed=seed, progress=progress, scale="raw")
    last.set_weights(head.get_layer(LAST).get_weights())
    return run


def _features(model: keras.Model) -> keras.Model:
    """Return the frozen part of a classifier, from the images to what its head takes."""
    return keras.Model(model.inputs[0], model.get_layer(DROPPED).input, name=f"{model.name}_features")


def _featured(features: keras.Model, dataset: Dataset, size: tuple[int, int], engine: str, progress: bool) -> Dataset:
    """Return a data set of what ``features`` makes of each image."""
    if progress:
        print(f"computing the features of {len(dataset.train.labels) + len(dataset.test.labels):,} images", flush=True)
    vectors = (np.asarray(embed(features, split.images, image_size=size, engine=engine)) for split in dataset)
    train, test = (Split(each[:, None, None, :], split.labels) for each, split in zip(vectors, dataset, strict=True))
    return Dataset(train, test, dataset.class_names)


def _fit(model: keras.Model, dataset: Dataset, recipe: Recipe, size: tuple[int, int], seed: int, progress: bool) -> Run:
    return fit(model, replace(dataset, image_size=size), recipe=recipe, seed=seed, progress=progress)


def _record(
    model: keras.Model, dataset: Dataset, parts: list[Run], *, source: DataSource, size: tuple[int, int], seed: int
) -> Record:
    """Return the record of a run of one or two parts, all but its metrics: of the whole network, else of the last."""
    train, test = (Split(split.images, class_numbers(split.labels)) for split in dataset)
    last = parts[-1].record
    data = describe_data(replace(dataset, train=train, test=test, image_size=size, source=source), test, "unit")
    # With patience, a part of the training images chooses the epoch
    data = replace(data, train_size=last.data.train_size, validation_size=last.data.validation_size)
    record = describe(model, data, recipe=last.recipe, seed=seed, begun_by="finetune")
    return replace(record, stopped=last.stopped, weights_of_epoch=last.weights_of_epoch)


def _command(named: str, source: DataSource, own: dict[str, Any], options: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the words of the command line that begin the run; None where it lacks an option."""
    if not options.keys() <= ON_COMMAND_LINE:
        return None
    given = {**own, **options}
    if "augment" in given:
        given["augment"] = check_augment(given["augment"])
    is_folder = source.name == FOLDER
    given["data_path"] = None if is_folder else source.path
    given["skip_broken"] = source.skip_broken or None
    given["crop"] = options.get("crop")
    given["engine"] = options.get("engine")
    given["fraction"] = None if source.fraction == 1 else source.fraction
    return command_words("finetune", named, str(source.path) if is_folder else source.name, **given)


def _joined(histories: list[History]) -> History:
    """Return the epochs of the parts in turn."""
    names = [name for name in histories[0] if all(name in history for history in histories)]
    return {name: [value for history in histories for value in history[name]] for name in names}
