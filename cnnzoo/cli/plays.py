"""The command that writes a page to draw on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnzoo._support.wording import memory
from cnnzoo.cli.shared import Force, app, quiet_start, tell_of_folder


@app.command()
def play(
    network: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run folder, or a network that ships trained: lenet5, lenet5_1998, lenet1, resnet20.",
            callback=tell_of_folder,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file to write.  [default: NETWORK.html in this folder]")
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Another run or network, which sees the same drawing.",
            callback=lambda given: None if given is None else tell_of_folder(given),
        ),
    ] = None,
    float32: Annotated[
        bool, typer.Option("--float32", help="Store kernels in full precision, in twice the space.")
    ] = False,
    force: Force = False,
) -> None:
    """Write a page to draw on, that runs a trained network in the browser and shows what every layer makes of it."""
    with quiet_start():
        from cnnzoo.play import write_page

        page = write_page(network, out, beside=beside, float32=float32, force=force)
    print(page.path)
    print(f"{memory(page.size)}; open it in a browser. It loads nothing from the internet.")
    if not page.snapshots and Path(network).is_dir():
        print("For a run of `cnnzoo train --snapshots`, the page also shows how kernels and maps formed.")
