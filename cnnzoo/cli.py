"""The command line: parses, makes one call of the library, prints."""

import contextlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

import cnnzoo
from cnnzoo.training.environment import ADDRESSES
from cnnzoo.wording import counted

FAILURE = 2
INTERRUPTED = 130  # as shells count a program that Ctrl-C ended
BAR_WIDTH = 30
NO_OPTIONS = ("resume", "tensorboard", "distributed", "addresses", "processes", "process_id")  # of a run

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # of Click, which newer releases of Typer bring under another name

app = typer.Typer(
    help="The classic convolutional networks, exactly as specified, that really learn, on the machine you have.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(help="A network; `cnnzoo list` names them.")]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder that `cnnzoo train` wrote, or lenet5, which ships trained.")
]
Data = Annotated[str, typer.Argument(metavar="NAME", help="A data set; `cnnzoo data list` names them.")]
DataPath = Annotated[Path | None, typer.Option(help="A local file or folder in place of the download.")]


class Stopped(Exception):
    """A signal stopped a training in good order; Typer would swallow its own exception, and the message with it."""


def main() -> None:
    """Run the command line; what the user can mend is told in one line, with exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = app(prog_name="cnnzoo", standalone_mode=False)
    except USAGE_ERROR as error:
        _fail(f"{error.format_message().rstrip('.')}. Add --help to see what there is.")
    except ConnectionAbortedError as error:
        _complain(str(error))
        os._exit(FAILURE)  # an orderly end would wait for the process that was lost
    except (ValueError, OSError, MemoryError, ArithmeticError) as error:
        _fail(str(error))
    except Stopped as error:
        _fail(str(error), INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Stopped.", INTERRUPTED)
    sys.exit(code)


def _fail(message: str, code: int = FAILURE) -> NoReturn:
    _complain(message)
    sys.exit(code)


def _complain(message: str) -> None:
    sys.stdout.flush()
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"cnnzoo {cnnzoo.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def train(
    name: Annotated[str | None, typer.Argument(help="A network; `cnnzoo list` names them.")] = None,
    recipe: Annotated[str | None, typer.Option(help="default, paper or lecture; see `cnnzoo recipes`.")] = None,
    data: Annotated[
        str | None, typer.Option(help="digits (ship with the package), mnist, cifar10, or a folder.  [default: digits]")
    ] = None,
    data_path: DataPath = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the images to use.  [default: 1]")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the images that the network sees, in pixels.")] = None,
    skip_broken: Annotated[
        bool | None, typer.Option("--skip-broken", help="Leave out files of a folder that are no images.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same history.  [default: 0]")] = None,
    limit: Annotated[int | None, typer.Option(help="Train on this many images only, a stratified subset.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.  [default: a new runs/NAME]")] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run that was interrupted or killed.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard's logs into the run.")] = False,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Train with other processes (JAX), or on all GPUs of this host.")
    ] = False,
    addresses: Annotated[str | None, typer.Option(help="HOST:PORT of process 0.")] = None,
    processes: Annotated[int | None, typer.Option(help="How many processes.")] = None,
    process_id: Annotated[int | None, typer.Option(help="This one's number, from 0.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, adamw or sgd.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the learning rate.")] = None,
    schedule: Annotated[str | None, typer.Option(help="constant, linear, cosine or steps.")] = None,
    steps: Annotated[
        str | None, typer.Option(help="For `steps`: share of the training:factor, 0.5:0.1,0.75:0.01.")
    ] = None,
    warmup: Annotated[float | None, typer.Option(help="Share of the steps over which the rate rises.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum of sgd.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay of all kernels.")] = None,
    clip_norm: Annotated[float | None, typer.Option(help="Largest norm of all gradients together; 0: any.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="Share of a label spread over all classes.")] = None,
    augment: Annotated[str | None, typer.Option(help="Random changes: flip,crop,color,shift,rotate,distort.")] = None,
    normalize: Annotated[
        bool | None, typer.Option("--normalize/--no-normalize", help="Normalise every channel of the pixels.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or mixed_bfloat16.")] = None,
    initializer: Annotated[
        str | None, typer.Option(help="he_normal, glorot_uniform, normal_0.01 or normal_0.1.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without improvement after which training stops; 0: never.")
    ] = None,
) -> None:
    """Train a network, evaluate it on held-out images, and leave a run folder.

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
    with _quiet_start():
        from cnnzoo.training import join_team
        from cnnzoo.training import resume as resume_training
        from cnnzoo.training import train as train_network

    team = join_team(addresses, processes, process_id) if distributed else None
    try:
        if resume is not None:
            run = resume_training(resume, tensorboard=tensorboard, team=team, **given)
        else:
            run = train_network(given.pop("name"), tensorboard=tensorboard, team=team, **given)
    except KeyboardInterrupt as error:
        raise Stopped(str(error) or "Stopped.") from error
    if team is None or team.leads:
        _print_run(run)


def _choose_jax() -> None:
    """Take the backend on which several processes train together, unless the user names another."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if os.environ["KERAS_BACKEND"] == "jax" and importlib.util.find_spec("jax") is None:
        raise ValueError("Several processes train together on JAX; it is missing: `pip install 'cnnzoo[jax]'`.")


def _print_run(run: Any) -> None:
    name = run.record["model"]["name"]
    images = run.record["data"]["test_size"]
    print(
        f"\n{name}: {run.metrics['test_accuracy']:.2%} of {images:,} held-out images are right, "
        f"loss {run.metrics['test_loss']:.4f}, trained in {run.metrics['train_seconds']:.1f} s\n"
        f"run folder: {run.path}"
    )
    for file in sorted(run.path.iterdir()) if run.path else ():
        print(f"  {file.name}")
    print(f"next: cnnzoo predict {run.path} IMAGE...")


@app.command()
def evaluate(
    run: RunPath,
    data: Annotated[str | None, typer.Option(help="A data set or a folder.  [default: the run's own]")] = None,
    data_path: DataPath = None,
) -> None:
    """Evaluate a trained network on the test images of a data set."""
    with _quiet_start():
        from cnnzoo.training import load_run

    evaluation = load_run(run).evaluate(data, data_path)
    right, total = int(evaluation.confusion.diagonal().sum()), len(evaluation.labels)
    print(f"{evaluation.accuracy:.2%} of {total:,} images are right ({right:,}), loss {evaluation.loss:.4f}")
    width = max(map(len, evaluation.class_names))
    for name, accuracy in evaluation.accuracy_by_class.items():
        print(f"  {name:>{width}}  {'no images' if accuracy is None else f'{accuracy:7.2%}  {_bar(accuracy)}'}")
    for true_name, predicted_name, count in evaluation.most_confused():
        print(f"  {true_name} taken for {predicted_name}: {counted(count, 'time')}")


@app.command()
def predict(
    run: RunPath,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures: PNG, JPEG, of any size.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Predict the class of pictures, with the probability of every class."""
    with _quiet_start():
        from cnnzoo.training import load_run

    predictions = load_run(run).predict(images)
    if as_json:
        print(json.dumps([{"image": p.image, "label": p.label, "probabilities": p.probabilities} for p in predictions]))
        return
    for prediction in predictions:
        width = max(map(len, prediction.probabilities))
        print(f"{prediction.image}: {prediction.label}")
        for name, probability in prediction.probabilities.items():
            print(f"  {name:>{width}}  {probability:7.2%}  {_bar(probability)}".rstrip())


@app.command("list")
def list_networks() -> None:
    """List the networks."""
    cards = [cnnzoo.model_card(name) for name in cnnzoo.list_models()]
    table = Table("name", "network", "year", "input", box=None, pad_edge=False)
    table.add_column("parameters", justify="right")
    table.add_column("MACs", justify="right")
    for card in cards:
        table.add_row(
            card.name, card.title, str(card.year), _times(card.input_shape), f"{card.params:,}", f"{card.macs:,}"
        )
    _print_table(table)


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="A network; all without it.")] = None) -> None:
    """List the recipes of the networks, with their sources."""
    from cnnzoo.training import list_recipes, recipe_card

    for network in [cnnzoo.model_card(name).name] if name else cnnzoo.list_models():
        cards = [recipe_card(network, recipe) for recipe in list_recipes(network)]
        table = Table(network, *(card.name for card in cards), box=None, pad_edge=False)
        for field in asdict(cards[0].recipe):
            table.add_row(field, *(_value(getattr(card.recipe, field)) for card in cards))
        _print_table(table)
        for card in cards:
            print(f"{card.name}: {card.source}")
            for deviation in card.deviations:
                print(f"  - {deviation}")
        print()


def _value(value: Any) -> str:
    """Write a field of a recipe as a flag takes it."""
    if isinstance(value, tuple):
        return ",".join(":".join(map(str, part)) if isinstance(part, tuple) else part for part in value) or "-"
    return "-" if value is None else str(value)


@app.command()
def show(name: Name) -> None:
    """Show a network layer by layer: output shapes, parameters, multiply-accumulates (MACs)."""
    card = cnnzoo.model_card(name)
    with _quiet_start():
        from cnnzoo.inspect import layer_table

        layers = layer_table(cnnzoo.create_model(name, kernel_initializer="zeros"))
    table = Table("layer", "type", "output", box=None, pad_edge=False, show_footer=True)
    table.columns[0].footer = "total"
    table.add_column("parameters", justify="right", footer=f"{layers.params:,}")
    table.add_column("MACs", justify="right", footer=f"{layers.macs:,}")
    for row in layers.rows:
        table.add_row(row.name, row.type, _times(row.output_shape), f"{row.params:,}", f"{row.macs:,}")
    print(f"{card.title}, input {_times(card.input_shape)}, {card.num_classes} classes")
    print(f"{', '.join(card.authors)}, {card.year}: {card.paper}\n{card.reference}\n")
    _print_table(table)
    print("\nDeviations from the paper:")
    for deviation in card.deviations:
        print(f"  - {deviation}")


data_app = typer.Typer(help="The data sets: what there is, what lies here, and how it looks.", no_args_is_help=False)
app.add_typer(data_app, name="data")


@data_app.command("list")
def list_data() -> None:
    """List the data sets."""
    from cnnzoo.data import data_card, list_datasets

    table = Table("name", "data set", box=None, pad_edge=False)
    for heading in ("training", "test", "classes", "download"):
        table.add_column(heading, justify="right")
    table.add_column("licence")
    for card in map(data_card, list_datasets()):
        size = f"{card.files[0].size / 1e6:,.0f} MB" if card.files else "in the package"
        counts = (f"{card.train_size:,}", f"{card.test_size:,}", str(len(card.class_names)))
        table.add_row(card.name, card.title, *counts, size, card.licence)
    _print_table(table)


@data_app.command("fetch")
def fetch_data(name: Data) -> None:
    """Download a data set, unless a verified copy lies here, and say where it lies."""
    from cnnzoo.data import fetch_dataset

    print(fetch_dataset(name))


@data_app.command("verify")
def verify_data() -> None:
    """Check the size and the hash of every copy that lies here."""
    from cnnzoo.data import list_datasets, local_copies
    from cnnzoo.data.download import cache_folder

    found = [copy for name in list_datasets() for copy in local_copies(name) if copy.state != "absent"]
    for copy in found:
        print(f"{copy.name}: {copy.state}: {copy.path}")
    if not found:
        print(f"no copy of a data set lies in {cache_folder()}")
    damaged = [copy for copy in found if copy.state == "damaged"]
    if damaged:
        _fail(f"{len(damaged)} damaged: delete '{damaged[0].path}' and run `cnnzoo data fetch {damaged[0].name}`.")


@data_app.command("where")
def where_data() -> None:
    """Print the folder that downloads go to; CNNZOO_HOME moves it."""
    from cnnzoo.data.download import cache_folder

    print(cache_folder())


@data_app.command("show")
def show_data(
    data: Annotated[str, typer.Argument(metavar="NAME", help="A data set, or a folder of images.")],
    out: Annotated[Path, typer.Option(help="The picture to write (PNG).")],
    data_path: DataPath = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave out files of a folder that are no images.")
    ] = False,
) -> None:
    """Draw training images of every class into a picture."""
    from cnnzoo.data import find_source, load_dataset
    from cnnzoo.plots import class_grid, save

    source = replace(find_source(data, data_path), skip_broken=skip_broken)
    save(class_grid(load_dataset(source)), out)
    print(out)


def _print_table(table: Table) -> None:
    """Print ``table`` whole, also where the output is no terminal and so has no width."""
    console = Console(highlight=False)
    console.print(table, width=None if console.is_terminal else 120)


def _times(shape: tuple[int | None, ...]) -> str:
    return " x ".join(map(str, shape))


def _bar(share: float) -> str:
    return "#" * round(share * BAR_WIDTH)


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Hold back what TensorFlow's C++ code writes to standard error while it loads; an exception lets it out."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
