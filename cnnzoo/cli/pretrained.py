"""Commands about the networks of Keras Applications: what there is, features, transfer."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cnnzoo.cli.shared import Augment, DataPath, Force, app, print_table, quiet_start, stoppable
from cnnzoo.cli.training import print_run

UNITS = {"K": 1e3, "M": 1e6, "G": 1e9}

Network = Annotated[str, typer.Argument(metavar="NAME", help="A network; `cnnzoo pretrained` names them.")]
Weights = Annotated[
    str,
    typer.Option(help="imagenet (from Keras' cache or downloaded), a file (.h5, .weights.h5, .keras), or none."),
]
ImageSize = Annotated[
    int | None, typer.Option(help="Side of the images that the network sees, in pixels.  [default: its own]")
]
SkipBroken = Annotated[bool, typer.Option("--skip-broken", help="Leave out files that are no images.")]


@app.command()
def pretrained(
    sort: Annotated[str, typer.Option(help="name, params, top1, top5, depth, size, cpu or gpu.")] = "name",
    max_params: Annotated[
        str | None, typer.Option(help="Only networks with at most so many parameters, with top: 10M.")
    ] = None,
) -> None:
    """List the networks of Keras Applications, which have weights from ImageNet."""
    from cnnzoo.pretrained.catalog import select_pretrained

    cards = select_pretrained(sort=sort, max_params=None if max_params is None else _count(max_params))
    table = Table("name", box=None, pad_edge=False)
    for heading in ("input", "parameters", "without top", "depth", "top-1 %", "top-5 %", "MB", "CPU ms", "GPU ms"):
        table.add_column(heading, justify="right")
    table.add_column("preprocessing")
    for card in cards:
        published = (card.top1, card.top5, card.size_mb, card.cpu_ms, card.gpu_ms)
        counted = (f"{card.params:,}", f"{card.params_no_top:,}", str(card.depth))
        values = ("-" if value is None else f"{value}" for value in published)
        table.add_row(card.name, str(card.input_size), *counted, *values, card.family.preprocessing)
    print_table(table, cut=False)


def _count(text: str) -> int:
    """Understand "10M" and "4_000_000" as counts."""
    number, factor = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1.0)
    try:
        return int(float(number) * factor)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"`--max-params` must be a number like 10M or 500K. Received: '{text}'") from error


@app.command()
def finetune(
    name: Network,
    data: Annotated[str, typer.Argument(help="A folder with a folder of images for each class, or a data set.")],
    data_path: DataPath = None,
    weights: Weights = "imagenet",
    image_size: ImageSize = None,
    fraction: Annotated[float, typer.Option(help="Share of the images to use.")] = 1.0,
    skip_broken: SkipBroken = False,
    augment: Augment = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the images for the top.  [default: 30]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Its peak for the top.  [default: 0.003]")] = None,
    unfreeze: Annotated[
        str | None, typer.Option(metavar="LAYER", help="Then train the network from this layer or block on: block5.")
    ] = None,
    unfrozen_epochs: Annotated[int | None, typer.Option(help="Passes for that.  [default: 5]")] = None,
    unfrozen_learning_rate: Annotated[float | None, typer.Option(help="Its peak for that.  [default: 1e-05]")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.  [default: a new runs/NAME]")] = None,
) -> None:
    """Train a classifier of your own classes on a network that has learned those of ImageNet; leave a run folder."""
    with quiet_start():
        from cnnzoo.recipes.finetuning import HEAD, UNFROZEN
        from cnnzoo.recipes.recipe import changed
        from cnnzoo.training import finetune as finetune_network

    top = {"epochs": epochs, "learning_rate": learning_rate}
    rest = {"epochs": unfrozen_epochs, "learning_rate": unfrozen_learning_rate}
    with stoppable():
        run = finetune_network(
            name,
            data,
            data_path=data_path,
            weights=_weights(weights),
            image_size=image_size,
            fraction=fraction,
            skip_broken=skip_broken,
            augment=augment,
            recipe=changed(HEAD, _given(top)),
            unfreeze_from=unfreeze,
            unfrozen_recipe=changed(UNFROZEN, _given(rest)),
            seed=seed,
            out=out,
        )
    print_run(run)


@app.command()
def embed(
    name: Network,
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images, searched with its subfolders.")],
    out: Annotated[Path, typer.Option(help="The .npz file to write, with `features` and `files`.")],
    weights: Weights = "imagenet",
    image_size: ImageSize = None,
    skip_broken: SkipBroken = False,
    force: Force = False,
) -> None:
    """Write a vector for each image: what the network makes of it before it decides."""
    with quiet_start():
        from cnnzoo.pretrained import embed as embed_images

    written = embed_images(
        name, images, weights=_weights(weights), image_size=image_size, out=out, skip_broken=skip_broken, force=force
    )
    print(written)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _weights(word: str) -> str | None:
    return None if word == "none" else word
