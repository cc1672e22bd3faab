"""The command that writes networks for other frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cnnzoo
from cnnzoo._support.wording import memory, shell_command
from cnnzoo.cli.shared import Force, app, quiet_start, tell_of_folder
from cnnzoo.exporting.formats import FORMATS


@app.command()
def export(
    network: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run folder, or a network that ships trained or has ImageNet's weights.",
            callback=tell_of_folder,
        ),
    ],
    to: Annotated[str, typer.Option(help=f"The format: {', '.join(FORMATS)}.")] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="The file to write.  [default: RUN with the format's suffix, in this folder]")
    ] = None,
    float16: Annotated[bool, typer.Option("--float16", help="Store weights as float16, in half the space.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Quantise weights and maps to 8 bits.")] = False,
    layout: Annotated[
        str | None,
        typer.Option(help="Order of images' axes: nhwc or nchw.  [default: nchw for torch, else nhwc]"),
    ] = None,
    opset: Annotated[int | None, typer.Option(help="For ONNX: the version of its operators.  [default: 18]")] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Images to compare and calibrate on.  [default: the run's own]"),
    ] = None,
    force: Force = False,
) -> None:
    """Write a trained network for another framework, run it there, and compare it with Keras."""
    with quiet_start():
        exported = cnnzoo.export(
            network,
            out,
            to=to,
            float16=float16,
            int8=int8,
            layout=layout,
            opset=opset,
            images=images,
            force=force,
        )
    params = int(exported.metadata["params"])
    in_full = f" (weights in float32: {memory(4 * params)})" if float16 or int8 else ""
    print(f"{exported.path}  {memory(exported.size)}{in_full}")
    if exported.verification is None:
        print("Not run in PyTorch, as torchvision cannot be imported here.")
    else:
        print(exported.verification)
    if exported.script is not None:
        print(f"To run it on a picture: {shell_command(['python', str(exported.script), 'PICTURE'])}")
