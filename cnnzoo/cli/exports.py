"""The command that writes networks for other frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnzoo._support.lookup import look_up
from cnnzoo.cli.shared import Force, RunArgument, app, quiet_start

TARGETS = {"torch": "the same network in torchvision"}


@app.command()
def export(
    run: RunArgument,
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
    print(
        f"In PyTorch: torchvision.models.{exported.network}(num_classes={len(exported.class_names)})"
        f".load_state_dict(safetensors.torch.load_file('{exported.path}'))"
    )
    mean, deviation = (", ".join(f"{each:g}" for each in values) for values in (exported.mean, exported.deviation))
    print(f"It takes RGB in [0, 1], less the mean ({mean}), divided by ({deviation}), and gives logits.")
