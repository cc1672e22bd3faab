"""Commands for data sets."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cnnzoo._support.files import check_target
from cnnzoo.cli.shared import Data, DataPath, Force, app, print_table, tell

data_app = typer.Typer(help="List, download, verify and show data sets.", no_args_is_help=False)
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
    print_table(table)


@data_app.command("fetch")
def fetch_data(name: Data) -> None:
    """Download a data set, unless there is a verified local copy, and print its path."""
    from cnnzoo.data import fetch_dataset

    print(fetch_dataset(name))


@data_app.command("verify")
def verify_data() -> None:
    """Check the size and hash of all local copies."""
    from cnnzoo._keras.download import cache_folder
    from cnnzoo.data import list_datasets, local_copies

    found = [copy for name in list_datasets() for copy in local_copies(name) if copy.state != "absent"]
    for copy in found:
        print(f"{copy.name}: {copy.state}: {copy.path}")
    if not found:
        print(f"no local copies in {cache_folder()}")
    damaged = [copy for copy in found if copy.state == "damaged"]
    if damaged:
        copy = damaged[0]
        raise ValueError(
            f"Damaged copies: {len(damaged)}. Delete '{copy.path}' and run `cnnzoo data fetch {copy.name}`."
        )


@data_app.command("where")
def where_data() -> None:
    """Print the download folder. Set CNNZOO_HOME to move it."""
    from cnnzoo._keras.download import cache_folder

    print(cache_folder())


@data_app.command("show")
def show_data(
    data: Annotated[str, typer.Argument(metavar="NAME", help="A data set or a folder of images.")],
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    data_path: DataPath = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Skip files that are not readable images.")
    ] = False,
    force: Force = False,
) -> None:
    """Write a PNG with training images of every class."""
    from cnnzoo.data import find_source, load_dataset
    from cnnzoo.plots import class_grid, save

    check_target(out, force=force)  # before the images are read
    source = replace(find_source(data, data_path), skip_broken=skip_broken)
    dataset = load_dataset(source)
    tell(dataset.notes())
    save(class_grid(dataset), out, force=force)
    print(out)
