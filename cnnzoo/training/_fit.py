"""Training a network by a recipe."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import keras
import numpy as np

import cnnzoo
from cnnzoo._keras.copying import layers_of_code
from cnnzoo._keras.ending import check_classifier
from cnnzoo._keras.layout import check_channels_last
from cnnzoo._keras.ready import compile_classifier
from cnnzoo._keras.scale import Scale, check_scale, note_scale, scale_of
from cnnzoo._keras.seeds import seeded
from cnnzoo._support.arguments import check_flag, check_seed
from cnnzoo._support.wording import pluralize, printable
from cnnzoo.data.pixels import check_pixels, lies_in_unit, value_range
from cnnzoo.data.sampling import hold_out
from cnnzoo.data.split import Dataset, Split
from cnnzoo.data.streaming import check_can_stream, reraise_read_errors, steps_per_epoch
from cnnzoo.evaluation.evaluator import check_class_names, check_split, evaluate
from cnnzoo.recipes.cards import OTHER, recipe_card
from cnnzoo.recipes.recipe import Recipe, changed
from cnnzoo.runs.description import describe, describe_data
from cnnzoo.runs.folder import RECORD, RunFolder, read_record, write_record
from cnnzoo.runs.record import Metrics, Record
from cnnzoo.runs.resuming import check_same, check_unfinished, resumed
from cnnzoo.runs.run import Run, write_run
from cnnzoo.training._checkpointing import Checkpointing, Diverged, Interrupted
from cnnzoo.training._distribution import current_team, is_lost_worker
from cnnzoo.training._loop import Batches, compiled_training_copy, run_epochs, runs_on_tensorflow_cpu, with_targets
from cnnzoo.training._memory import check_memory, is_out_of_memory, smaller_batch
from cnnzoo.training._progress import choose_progress
from cnnzoo.training._snapshots import Snapshots
from cnnzoo.training._state import FolderStore, FollowerStore, MemoryStore, Position, Store
from cnnzoo.training._tensorboard import TensorBoard
from cnnzoo.training._training_copy import move_weights

VALIDATION_FRACTION = 0.1  # of the training images, where the recipe chooses the best epoch


def fit(
    model: keras.Model,
    train: Dataset | Split,
    test: Split | None = None,
    *,
    recipe: Recipe | str | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | RunFolder | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback = (),
    scale: Scale | None = None,
    snapshots: bool = False,
    **changes: Any,
) -> Run:
    """Train ``model`` and evaluate it on test images: ``fit(model, dataset)`` or ``fit(model, train, test)``.

    The same model, images, recipe and seed give the same history, bit for bit, on one machine. Training works on a copy
    of the network, in the recipe's precision; ``model`` gets the weights when it is done. The weights are
    those after the last epoch, or where the recipe has patience, those of the epoch that is best on a tenth of the
    training images, the validation images. Nothing is chosen by the test images, which without patience give the curves
    ``val_loss`` and ``val_accuracy`` of the history.

    Within ``with join_team(...):`` other processes or GPUs share every batch.

    Args:
        model: A functional or sequential Keras classifier that gives probabilities or logits; one output tells two
            classes.
        train: A data set, as ``cnnzoo.data.load_dataset`` gives it, with the names of its classes, the size to resize
            the images to and its source: a run that knows its source can evaluate itself again and prepare pictures as
            that data set's. Or the training images alone, of shape (n, height, width, channels), uint8 or float in
            [0, 1], and their labels: class numbers of shape (n,) or (n, 1), or one-hot rows; a pair, as the loaders and
            ``keras.datasets`` give it. They are streamed: augmented and resized batch by batch.
        test: The test images, likewise, where ``train`` is not a data set.
        recipe: How to train: a recipe, or the name of one of ``list_recipes(model.name)``. None takes the recipe
            "default" of the network that ``model.name`` names, or for a network without recipes of its own,
            ``Recipe()``; which, is printed as training begins.
        seed: Seed of the order of the images, augmentation and dropout. The global seeds of Python, NumPy and Keras are
            set by it during the training, and restored afterwards.
        out: Run folder to write, with a checkpoint after every epoch; it must not exist yet. None writes nothing. When
            training fails before the first checkpoint, it is removed again.
        resume: Resume the run in ``out`` from its checkpoint, to the same weights, bit for bit, as a training that was
            never interrupted. The arguments must be those that the run began with.
        progress: Whether to print a progress bar and a line for each epoch.
        callbacks: Keras callbacks of your own, or one, called as in ``keras.Model.fit``; their ``model`` is the copy.
            ``TensorBoard()`` writes its logs into the run folder.
        scale: The range of pixels that uint8 images are brought to: "unit" for [0, 1], "byte" for [0, 255]; "raw" says
            that floats of another range are meant. None takes what the graph of ``model`` tells, else "unit".
        snapshots: Whether to keep the weights of some steps in the run folder: before the first, after 1, 2, 4, 8 ...
            steps and at the end, see ``Run.snapshots``. Neither weights nor history depend on it.
        **changes: Fields of ``Recipe`` to change, whichever recipe is taken: ``epochs=5``.

    Returns:
        The run: the trained model, its history, its evaluation on the test images, and the record of how it came about.

    Raises:
        ValueError: Images, labels, names or ``seed`` do not fit, an image is not finite, ``model`` takes images with
            the channels first or cannot be copied, there is no such recipe, a field of it is unknown or out of range,
            a run is resumed with other arguments or is finished, or ``snapshots`` are asked for without ``out``.
        FileExistsError: ``out`` exists already.
        FileNotFoundError: An image file has gone since it was listed, or there is no run to resume.
        BlockingIOError: Another process is writing ``out``.
        ArithmeticError: The loss, or a weight, stopped being finite. From the second epoch on, ``model`` and ``out``
            have the weights of the last good one (with patience, the best).
        MemoryError: A batch does not fit into memory.
        KeyboardInterrupt: A signal stopped the training; the step under way is finished and saved in ``out``.
        ConnectionAbortedError: Another process of the team was lost. Leave this one, too: JAX soon ends it.
    """
    check_can_stream()
    check_classifier(model)
    recipe, recipe_words = _chosen(model.name, recipe, changes)
    seed = check_seed(seed)
    team = current_team()
    team.check_batch_size(recipe.batch_size)
    dataset = _checked(model, _as_dataset(train, test))
    scale = _scale(model, dataset, scale)
    validation = dataset.test
    if recipe.patience:
        images, validation = hold_out(dataset.train, VALIDATION_FRACTION, seed=seed)
        dataset = replace(dataset, train=images)
    tight = check_memory(model, recipe, len(dataset.train.labels))
    folder = _folder(out, resume)
    if check_flag("snapshots", snapshots) and out is None and team.leads:
        raise ValueError("`snapshots` needs `out`: they lie in the run folder.")
    callbacks = _prepared(callbacks, folder)
    record = describe(
        model,
        describe_data(dataset, validation, scale),
        recipe=recipe,
        seed=seed,
        begun_by=folder.begun_by if folder else "fit",
        command=folder.command if folder and team.devices == 1 else None,
        snapshots=snapshots,
        processes=team.processes,
        devices=team.devices,
    )
    targets = with_targets(model, dataset.train), with_targets(model, validation)
    batches = Batches(*targets, recipe, dataset.image_size, seed, scale)

    if folder:
        _warn_of_functions(model)
    with folder or nullcontext(), seeded(seed):
        if folder:
            record = _recorded(folder, record, resume)
        steps = steps_per_epoch(len(dataset.train.labels), recipe.batch_size, team.shard)
        checkpointing = Checkpointing(_store(folder, out if resume else None), recipe, steps)
        bar = choose_progress(recipe, steps, checkpointing) if progress and team.leads else None
        if tight and not bar:
            warnings.warn(tight, stacklevel=2)
        failure = None
        with team.scope(), _explained(recipe, folder):
            training_copy, notes = compiled_training_copy(model, batches, recipe, steps)
            checkpointing.restore(training_copy)
            keeping = Snapshots(folder, model, checkpointing) if snapshots and folder else None
            if bar:
                print(_headline(record, recipe_words, [*notes, tight], checkpointing, folder), flush=True)
            try:
                with reraise_read_errors(), checkpointing, bar or nullcontext():
                    run_epochs(training_copy, batches, recipe, checkpointing, callbacks, keeping, [bar] if bar else [])
            except Diverged as error:
                if not checkpointing.position.epoch:
                    raise
                failure = error
            if keeping and not failure:
                keeping.keep(training_copy, checkpointing.position.epoch * steps)
            if failure or recipe.patience:
                checkpointing.put_weights(training_copy)
            if keeping:  # the weights that the network ends with
                keeping.keep(training_copy, checkpointing.epoch_kept * steps)
            if bar and recipe.patience:
                print(checkpointing.choice(), flush=True)
        move_weights(training_copy, model)
        note_scale(model, scale)
        run = _finished(model, dataset, record, checkpointing, failure, folder)
    if failure:
        failure.run = run
        raise failure
    return run


def _chosen(network: str, recipe: Recipe | str | None, changes: dict[str, Any]) -> tuple[Recipe, str]:
    """Return the recipe to train by, and where it was taken by its name, words that say which it is."""
    if isinstance(recipe, Recipe):
        return changed(recipe, changes), ""
    card = recipe_card(network, recipe or "default")
    words = "the general recipe" if card is OTHER else f"recipe '{card.name}' of {card.network}"
    return changed(card.recipe, changes), f"{words}{', changed' if changes else ''}: "


def _as_dataset(train: Dataset | Split, test: Split | None) -> Dataset:
    """Return the data set that ``fit`` is given whole or in two parts."""
    if isinstance(train, Dataset):
        if test is not None:
            raise ValueError("A data set has its own test images. Give `fit(model, dataset)` without `test`.")
        return train
    if test is None:
        raise ValueError(
            "Give a data set, `fit(model, dataset)`, or training and test images, `fit(model, train, test)`."
        )
    return Dataset(train, test)


def _checked(model: keras.Model, dataset: Dataset) -> Dataset:
    """Return ``dataset`` with class numbers as labels and a name for each class, or raise where it does not fit."""
    names = check_class_names(model, dataset.class_names or None)
    check_channels_last(model, "to be trained")
    train = check_split(model, dataset.train, "train", dataset.image_size)
    test = check_split(model, dataset.test, "test", dataset.image_size)
    return replace(dataset, train=train, test=test, class_names=names)


def _scale(model: keras.Model, dataset: Dataset, scale: Scale | None) -> Scale:
    """Return the range of pixels that ``model`` is to be trained on, and check the images against it."""
    train, test = dataset
    known = scale_of(model) if scale is None else check_scale(scale)
    if scale is None and known != "byte" and train.images.dtype != np.uint8:
        least, largest = value_range(train.images, "train.images")
        if not lies_in_unit(least, largest):
            if known == "unit" or least >= 0:  # else they are standardized, for a network that takes whatever comes
                check_pixels(train.images, "unit", "train.images", stacklevel=4)
            check_pixels(test.images, "raw", "test.images", stacklevel=4)
            return "raw"
    chosen = known or "unit"
    for images, name in ((train.images, "train.images"), (test.images, "test.images")):
        check_pixels(images, chosen, name, stacklevel=4)
    return chosen


def _prepared(
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback, folder: RunFolder | None
) -> Sequence[keras.callbacks.Callback]:
    """Return the callbacks in a list, and tell TensorBoard's where to write."""
    callbacks = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else callbacks
    for callback in callbacks:
        if isinstance(callback, TensorBoard):
            callback.write_into(folder)
    return callbacks


def _warn_of_functions(model: keras.Model) -> None:
    """Warn, in the name of the caller of ``fit``, if a run folder of ``model`` could not be read again."""
    if names := layers_of_code(model):
        hold = "holds" if len(names) == 1 else "hold"
        warnings.warn(
            f"The run folder will not give this network back: {', '.join(names)} {hold} a Python function, which "
            "`load_run` does not run. Keep `model` itself, or replace it with a registered layer.",
            stacklevel=3,
        )


def _finished(
    model: keras.Model,
    dataset: Dataset,
    record: Record,
    checkpointing: Checkpointing,
    failure: Diverged | None,
    folder: RunFolder | None,
) -> Run:
    """Evaluate the trained network, and write the run."""
    evaluation = evaluate(
        model,
        dataset.test,
        class_names=dataset.class_names,
        image_size=dataset.image_size,
        scale=record.data.scale,
        engine="keras",  # as in training, so that a run says the same on every machine
    )
    record = replace(
        record,
        stopped=str(failure) if failure else None,
        weights_of_epoch=checkpointing.epoch_kept,
        metrics=Metrics(evaluation.accuracy, evaluation.loss, round(checkpointing.position.seconds, 2)),
    )
    run = Run(model, checkpointing.position.history, record, folder.path if folder else None)
    if folder:
        write_run(folder, run, evaluation, dataset.test.images)
    compile_classifier(model)
    return run


def _folder(out: str | os.PathLike[str] | RunFolder | None, resume: bool) -> RunFolder | None:
    """Return the folder that this process writes, if any."""
    if resume and out is None:
        raise ValueError("To resume, give `out`, the folder of the run.")
    if out is None or not current_team().leads:
        return None
    return out if isinstance(out, RunFolder) else RunFolder(out, resume=resume)


def _recorded(folder: RunFolder, record: Record, resume: bool) -> Record:
    """Return the record of the run after it is written, or, of one that is resumed, checked against its beginning."""
    if resume:
        begun = read_record(folder.path / RECORD, finished=False)
        check_unfinished(folder.path, begun)
        check_same(begun, record)
        record = resumed(begun, record)
    folder.write(RECORD, lambda path: write_record(path, record))
    return record


def _store(folder: RunFolder | None, resumed: str | os.PathLike[str] | RunFolder | None) -> Store:
    if folder is not None:
        return FolderStore(folder)
    if current_team().leads:
        return MemoryStore()
    if resumed is None:
        return FollowerStore(None)
    return FollowerStore(FolderStore(resumed if isinstance(resumed, RunFolder) else RunFolder(resumed, resume=True)))


@contextlib.contextmanager
def _explained(recipe: Recipe, folder: RunFolder | None) -> Iterator[None]:
    """Say in plain words what stopped a training that a backend or a signal stopped."""
    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"{error} {folder.how_to_resume()}" if folder else str(error)) from None
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(
                f"A batch of {recipe.batch_size} images does not fit into memory. "
                f"{smaller_batch(recipe.batch_size // 2)}"
            ) from error
        if current_team().processes > 1 and is_lost_worker(error):
            how = folder.how_to_resume() if folder else "Process 0 says how to resume."
            raise ConnectionAbortedError(f"Another process of this training was lost. {how}") from error
        raise


def _headline(
    record: Record,
    recipe_words: str,
    notes: Sequence[str],
    checkpointing: Checkpointing,
    folder: RunFolder | None,
) -> str:
    model, data, recipe, team = record.model, record.data, record.recipe, current_team()
    to_choose = f", {data.validation_size:,} to choose the epoch by" if recipe.patience else ""
    lines = [
        f"{model.name}: {model.params:,} parameters; "
        f"{data.train_size:,} images to train on{to_choose}, {data.test_size:,} to test on",
        f"{recipe_words}{pluralize(recipe.epochs, 'epoch')}, batches of {recipe.batch_size}, {recipe.optimizer}, "
        f"learning rate up to {recipe.learning_rate:g}, seed {record.seed}",
        *filter(None, notes),
    ]
    if team.devices > 1:
        lines.append(f"{team.processes} processes with {team.devices} devices share every batch")
    if cnnzoo.TENSORFLOW_CAME_FIRST and runs_on_tensorflow_cpu():
        lines.append("Training will be slower: import cnnzoo before TensorFlow")
    if folder:
        lines.append(f"run folder: {printable(str(folder.path))}")
    if checkpointing.position != Position():
        lines.append(f"resuming after {checkpointing.position}")
    return "\n".join(lines)
