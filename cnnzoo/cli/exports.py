"""The command that writes networks for other frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnzoo._support.lookup import look_up
from cnnzoo.cli.shared import Force, app, quiet_start, tell_of_folder

TARGETS = {"torch": "the same network in torchvision"}


@app.command()
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder.", callback=tell_of_folder)],
    to: Annotated[
        str, typer.Option(help="torch: weights for the same network in torchvision, .safetensors.")
    ] = "torch",
    out: Annotated[
        Path | None, typer.Option(help="The file to write.  [default: model.safetensors in the run folder]")
    ] = None,
    force: Force = False,
) -> None:
    """Write a trained network for another framework."""
    look_up(TARGETS, to, "target")
    with quiet_start():
        from cnnzoo.export import export_torch

    exported = export_torch(run, out, force=force)
    print(exported.path)
    print("In PyTorch, with `import safetensors.torch, torchvision`:")
    print(f"  network = {exported.network}")
    print(f"  network.load_state_dict(safetensors.torch.load_file('{exported.path}'), strict=True)")
    mean, std = (", ".join(f"{each:g}" for each in values) for values in (exported.mean, exported.std))
    print(
        f"It gives logits of RGB images in [0, 1], normalised by the mean ({mean}) and the standard deviation ({std})."
    )
