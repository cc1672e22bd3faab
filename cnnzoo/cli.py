"""The command line: parses, makes one call of the library, prints."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import cnnzoo

FAILURE = 2
BAR_WIDTH = 30

app = typer.Typer(
    help="The classic convolutional networks, exactly as specified, that really learn, on the machine you have.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(help="A network; `cnnzoo list` names them.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `cnnzoo train` wrote.")]
DataPath = Annotated[Path | None, typer.Option(help="A local file or folder in place of the download.")]


def main() -> None:
    """Run the command line; what the user can mend is told in one line, with exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(FAILURE)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"cnnzoo {cnnzoo.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def train(
    name: Name,
    data: Annotated[str, typer.Option(help="digits (ships with the package) or mnist.")] = "digits",
    data_path: DataPath = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the learning rate.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Train on this many images only, a stratified subset.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.  [default: runs/NAME]")] = None,
) -> None:
    """Train a network, evaluate it on held-out images, and leave a run folder."""
    with _quiet_start():
        from cnnzoo.training import train as train_network

    run = train_network(
        name,
        data=data,
        data_path=data_path,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        limit=limit,
        out=out,
    )
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
    data: Annotated[str | None, typer.Option(help="digits or mnist.  [default: what the run was trained on]")] = None,
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
        print(f"  {true_name} taken for {predicted_name}: {count} times")


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
