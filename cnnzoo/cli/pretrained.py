"""Commands about trained networks: those of Keras Applications, fine-tuning, features."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cnnzoo.cli.shared import (
    Augment,
    ClassWeight,
    Crop,
    DataPath,
    EngineOption,
    Force,
    MaxParams,
    app,
    count,
    print_table,
    quiet_start,
    stoppable,
    tell_missing,
    tell_of_folder,
)
from cnnzoo.cli.training import print_run

NO_OPTIONS = ("name", "data", "weights", "report")  # of `finetune`: passed on by themselves, or for the page

Network = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A network of `cnnzoo pretrained` or `cnnzoo list`, a run folder, or a .keras file.",
        callback=tell_of_folder,
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        help="For a network given by its name: default (those published for it), imagenet, mnist, a file (.h5, "
        ".weights.h5, .keras, .pth, .safetensors), a run folder, or none."
    ),
]
ImageSize = Annotated[
    int | None, typer.Option(help="Side of the images that the network sees, in pixels.  [default: its own]")
]
SkipBroken = Annotated[bool | None, typer.Option("--skip-broken", help="Skip files that are not images.")]


@app.command()
def pretrained(
    sort: Annotated[str, typer.Option(help="name, params, top1, top5, depth, size, cpu or gpu.")] = "name",
    max_params: MaxParams = None,
) -> None:
    """List the networks of Keras Applications, which have weights from ImageNet."""
    from cnnzoo.pretrained.catalog import select_pretrained

    cards = select_pretrained(sort=sort, max_params=None if max_params is None else count(max_params))
    table = Table("name", box=None, pad_edge=False)
    counts, measures = ("parameters", "without head", "buffers", "depth"), ("top-1 %", "top-5 %", "MB")
    for heading in ("input", *counts, *measures, "CPU ms", "GPU ms"):
        table.add_column(heading, justify="right")
    table.add_column("preprocessing")
    for card in cards:
        published = (card.top1, card.top5, card.size_mb, card.cpu_ms, card.gpu_ms)
        counted = (f"{card.params:,}", f"{card.params_no_top:,}", f"{card.buffers:,}", str(card.depth))
        values = ("-" if value is None else f"{value}" for value in published)
        table.add_row(card.name, str(card.input_size), *counted, *values, card.family.preprocessing)
    print_table(table, cut=False)


@app.command()
def finetune(
    name: Network,
    data: Annotated[str, typer.Argument(help="A folder with a folder of images for each class, or a data set.")],
    data_path: DataPath = None,
    weights: Weights = "default",
    image_size: ImageSize = None,
    fraction: Annotated[float | None, typer.Option(help="Fraction of the images to use.  [default: 1]")] = None,
    skip_broken: SkipBroken = None,
    limit: Annotated[int | None, typer.Option(help="Train on this many images only, a stratified subset.")] = None,
    augment: Augment = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs for the head.  [default: 30]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.  [default: 32]")] = None,
    scale: Annotated[
        str | None, typer.Option(help="unit: a file takes images in [0, 1], where its graph does not tell.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate for the head.  [default: 0.003]")
    ] = None,
    class_weight: ClassWeight = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without improvement after which training stops; 0: never.  [default: 0]")
    ] = None,
    unfreeze: Annotated[
        str | None,
        typer.Option(metavar="LAYER", help="Then also train from this layer or block to the end, such as block5."),
    ] = None,
    unfrozen_epochs: Annotated[int | None, typer.Option(help="Epochs with unfrozen layers.  [default: 5]")] = None,
    unfrozen_learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate for them.  [default: 1e-05]")
    ] = None,
    crop: Crop = None,
    engine: EngineOption = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.  [default: a new runs/NAME]")] = None,
    report: Annotated[bool, typer.Option("--report", help="Write report.html into the run.")] = False,
) -> None:
    """Fine-tune a network on your own classes, and write a run folder."""
    options = {key: value for key, value in locals().items() if value is not None and key not in NO_OPTIONS}
    with quiet_start():
        from cnnzoo.training import finetune as finetune_network

    with stoppable():
        run = finetune_network(name, data, weights=_weights(weights), **options)
    if report and run.path:
        from cnnzoo.report import write_report

        tell_missing(write_report(run.path).missing)
    print_run(run)


@app.command()
def embed(
    name: Network,
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images, searched with its subfolders.")],
    out: Annotated[Path, typer.Option(help="The .npz file to write, with `features` and `files`.")],
    weights: Weights = "default",
    image_size: ImageSize = None,
    scale: Annotated[
        str | None, typer.Option(help="The pixels that a file takes, where its graph does not tell: unit or byte.")
    ] = None,
    skip_broken: SkipBroken = None,
    crop: Crop = None,
    engine: EngineOption = None,
    force: Force = False,
) -> None:
    """Write a feature vector for each image."""
    with quiet_start():
        from cnnzoo._keras.scale import check_scale
        from cnnzoo.pretrained import embed as embed_images

    written = embed_images(
        name,
        images,
        weights=_weights(weights),
        image_size=image_size,
        out=out,
        scale=None if scale is None else check_scale(scale),
        skip_broken=bool(skip_broken),
        crop=crop,
        engine=engine or "auto",
        force=force,
    )
    print(written)


def _weights(word: str) -> str | None:
    return None if word == "none" else word
