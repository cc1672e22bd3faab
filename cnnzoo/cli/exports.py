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
    print(f"  network = torchvision.models.{exported.network}(num_classes={len(exported.class_names)})")
    print(f"  network.load_state_dict(safetensors.torch.load_file('{exported.path}'), strict=True)")
    mean, deviation = (", ".join(f"{each:g}" for each in values) for values in (exported.mean, exported.deviation))
    print(f"It takes RGB in [0, 1], less the mean ({mean}), divided by ({deviation}), and gives logits.")
