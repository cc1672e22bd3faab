"""Commands that train networks and ask trained ones."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

import cnnzoo
from cnnzoo._support.tables import bar
from cnnzoo._support.wording import how_to_install, pluralize
from cnnzoo.cli.shared import (
    BAR_WIDTH,
    Augment,
    ClassWeight,
    DataPath,
    EngineOption,
    OtherData,
    app,
    print_table,
    quiet_start,
    stoppable,
    tell,
    tell_missing,
    tell_of_folder,
)
from cnnzoo.training.environment import ADDRESSES

if TYPE_CHECKING:
    from cnnzoo.evaluation import Evaluation

Predicting = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A run folder; lenet1, lenet5, lenet5_1998 or resnet20, which ship; or a network with ImageNet's "
        "weights: resnet18.",
        callback=tell_of_folder,
    ),
]
NO_OPTIONS = ("resume", "tensorboard", "report", "distributed", "addresses", "processes", "process_id")  # of a run


@app.command()
def train(
    name: Annotated[str | None, typer.Argument(help="A network; `cnnzoo list` names them.")] = None,
    recipe: Annotated[str | None, typer.Option(help="default, paper or lecture; see `cnnzoo recipes`.")] = None,
    data: Annotated[
        str | None, typer.Option(help="digits (ship with the package), mnist, cifar10, or a folder.  [default: digits]")
    ] = None,
    data_path: DataPath = None,
    fraction: Annotated[float | None, typer.Option(help="Fraction of the images to use.  [default: 1]")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images that the network sees, in pixels.")] = None,
    skip_broken: Annotated[
        bool | None, typer.Option("--skip-broken", help="Skip files of a folder that are not images.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same history.  [default: 0]")] = None,
    limit: Annotated[int | None, typer.Option(help="Train on this many images only, a stratified subset.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.  [default: a new runs/NAME]")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Resume a run that was interrupted or killed.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard's logs into the run.")] = False,
    snapshots: Annotated[
        bool | None,
        typer.Option("--snapshots", help="Keep the weights after 0, 1, 2, 4, 8 ... steps and at the end in the run."),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write report.html into the run.")] = False,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Train with other processes (JAX), or on all GPUs of this host.")
    ] = False,
    addresses: Annotated[str | None, typer.Option(help="HOST:PORT of process 0.")] = None,
    processes: Annotated[int | None, typer.Option(help="Number of processes.")] = None,
    process_id: Annotated[int | None, typer.Option(help="Number of this process, from 0.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, adamw or sgd.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the learning rate.")] = None,
    schedule: Annotated[str | None, typer.Option(help="constant, linear, cosine or steps.")] = None,
    steps: Annotated[
        str | None, typer.Option(help="For `steps`: fraction of the training:factor, 0.5:0.1,0.75:0.01.")
    ] = None,
    warmup: Annotated[float | None, typer.Option(help="Fraction of the steps over which the rate rises.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum of sgd.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay of all kernels.")] = None,
    clip_norm: Annotated[
        float | None, typer.Option(help="Largest norm of all gradients together; 0: no limit.")
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="Fraction of a label that is spread over all classes.")
    ] = None,
    augment: Augment = None,
    normalize: Annotated[
        bool | None, typer.Option("--normalize/--no-normalize", help="Normalise each channel of the pixels.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or mixed_bfloat16.")] = None,
    initializer: Annotated[
        str | None, typer.Option(help="he_normal, glorot_uniform, normal_0.01 or normal_0.1.")
    ] = None,
    class_weight: ClassWeight = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without improvement after which training stops; 0: never.")
    ] = None,
) -> None:
    """Train a network, evaluate it on test images, and leave a run folder.

    The options from --epochs on change the recipe.
    """
    given = {key: value for key, value in locals().items() if value is not None and key not in NO_OPTIONS}
    if resume is None and name is None:
        raise ValueError("Name a network to train, or give --resume RUN. `cnnzoo list` names the networks.")
    if not distributed and (addresses, processes, process_id) != (None, None, None):
        raise ValueError(
            "`--addresses`, `--processes` and `--process-id` need `--distributed`: without it, each process would "
            "train by itself."
        )
    if distributed and (addresses or ADDRESSES in os.environ):
        _choose_jax()
    with quiet_start():
        from cnnzoo.training import Team, TensorBoard, join_team
        from cnnzoo.training import resume as resume_training
        from cnnzoo.training import train as train_network

    callbacks = [TensorBoard()] if tensorboard else []
    with join_team(addresses, processes, process_id) if distributed else Team() as team, stoppable():
        if resume is not None:
            run = resume_training(resume, callbacks=callbacks, **given)
        else:
            run = train_network(given.pop("name"), callbacks=callbacks, **given)
    if team.leads:
        if report and run.path:
            from cnnzoo.report import write_report

            tell_missing(write_report(run.path).missing)
        print_run(run)


def _choose_jax() -> None:
    """Take the backend on which several processes train together, unless the user names another."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if os.environ["KERAS_BACKEND"] == "jax" and importlib.util.find_spec("jax") is None:
        raise ValueError(f"Several processes train together on JAX; it is missing: {how_to_install('jax')}.")


def print_run(run: Any) -> None:
    """Print the results of a run, and what its folder holds."""
    images, accuracy = run.record.data.test_size, run.metrics["test_accuracy"]
    print(
        f"\n{run.record.model.name}: test accuracy {accuracy:.2%} ({round(accuracy * images):,}/{images:,}), "
        f"loss {run.metrics['test_loss']:.4f}, trained in {run.metrics['train_seconds']:.1f} s\n"
        f"run folder: {run.path}"
    )
    for file in sorted(run.path.iterdir()) if run.path else ():
        print(f"  {file.name}")
    print(f"next: cnnzoo predict {run.path} IMAGE...")


@app.command()
def evaluate(
    run: Predicting,
    data: OtherData = None,
    data_path: DataPath = None,
    weights: Annotated[
        str | None, typer.Option(help="Of a network with weights for ImageNet: their name, or a file.")
    ] = None,
    engine: EngineOption = None,
) -> None:
    """Evaluate a trained network on the test images of a data set, or on a folder of some of ImageNet's classes."""
    with quiet_start():
        from cnnzoo.evaluation.metrics import TOP
        from cnnzoo.pretrained import open_classifier
        from cnnzoo.pretrained.classifying import has_imagenet
        from cnnzoo.training import load_run

    if has_imagenet(run):
        if data is None or data_path is not None:
            raise ValueError(f"Give a folder with one subfolder per class of ImageNet: `--data`. Received: {run}")
        evaluation = open_classifier(run, weights=weights, engine=engine or "auto").evaluate_folder(data)
    else:
        if weights is not None:
            open_classifier(run, weights=weights)  # which refuses others than its own
        trained = load_run(run)
        dataset = trained.load_data(data, data_path)
        tell(dataset.notes())
        evaluation = trained.evaluate_on(dataset, engine=engine or "auto")
    right, total = int(evaluation.is_right.sum()), len(evaluation.labels)
    low, high = evaluation.accuracy_interval()
    print(
        f"accuracy {evaluation.accuracy:.2%} ({right:,}/{total:,}; 95% interval {low:.2%} to {high:.2%}), "
        f"loss {evaluation.loss:.4f}"
    )
    if len(evaluation.class_names) > TOP:
        print(f"top-{TOP} accuracy {evaluation.top_k_accuracy():.2%}")
    print(f"expected calibration error {evaluation.calibration().error:.2%}\n")
    print_table(_classes(evaluation))
    for true_name, predicted_name, count in evaluation.most_confused():
        print(f"  {true_name} predicted as {predicted_name}: {pluralize(count, 'time')}")


def _classes(evaluation: Evaluation) -> Table:
    table = Table("class", box=None, pad_edge=False)
    for heading in ("images", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name, images, *fractions in (row for row in evaluation.by_class() if row.images):
        values = ("-" if fraction is None else f"{fraction:.2%}" for fraction in fractions)
        table.add_row(Text(name), f"{images:,}", *values, bar(fractions[1] or 0, BAR_WIDTH))
    return table


@app.command()
def predict(
    run: Predicting,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Images (PNG, JPEG, of any size), or folders of them.")
    ],
    top: Annotated[
        int | None,
        typer.Option(help="How many classes to show of each image.  [default: all of up to 10, otherwise 5]"),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Of a network with weights for ImageNet: their name, or a file.")
    ] = None,
    crop: Annotated[
        bool | None,
        typer.Option(
            "--crop/--no-crop",
            help="Keep the proportions and see the middle, or squash to the network's size.  "
            "[default: crop with ImageNet's weights, otherwise as in training]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    engine: EngineOption = None,
) -> None:
    """Predict the class of images, by a run, or by a network with weights for ImageNet: resnet18, mobilenetv2.

    Unreadable images are reported on standard error, and the others are predicted. The exit code is then 1, or 2 if
    none could be read.
    """
    if as_json and as_csv:
        raise ValueError("Give one of `--json` and `--csv`.")
    with quiet_start():
        from cnnzoo._support.arguments import check_integer
        from cnnzoo.cli.predictions import print_csv, print_json, print_predictions, print_text
        from cnnzoo.data.folder import passed_over, passed_over_lines
        from cnnzoo.pretrained import open_classifier

    shown = None if top is None else check_integer("top", top, least=1)
    for folder in filter(Path.is_dir, images):
        tell(passed_over_lines(passed_over(folder)))
    if not any(path.exists() for path in images):  # before weights are downloaded
        raise FileNotFoundError(f"No such image: '{images[0]}'")
    classifier = open_classifier(run, weights=weights, crop=crop, engine=engine or "auto")
    layout = print_json if as_json else print_csv if as_csv else print_text
    raise typer.Exit(print_predictions(classifier.predict_each(images), classifier.class_names, layout, shown))


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="A network; all without it.")] = None) -> None:
    """List the recipes of the networks, with their sources."""
    from cnnzoo.recipes.recipe import as_flag
    from cnnzoo.training import list_recipes, recipe_card

    for network in [cnnzoo.model_card(name).name] if name else cnnzoo.list_models():
        cards = [recipe_card(network, recipe) for recipe in list_recipes(network)]
        table = Table(network, *(card.name for card in cards), box=None, pad_edge=False)
        for field in asdict(cards[0].recipe):
            table.add_row(field, *(as_flag(getattr(card.recipe, field)) for card in cards))
        print_table(table)
        for card in cards:
            print(f"{card.name}: {card.source}")
            for line in (*card.deviations, *card.results):
                print(f"  - {line}")
        print()
