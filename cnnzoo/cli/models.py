"""Commands that say what networks there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

import cnnzoo
from cnnzoo._support.files import check_target
from cnnzoo._support.wording import format_shape
from cnnzoo.cli.shared import Force, MaxParams, app, count, print_table, quiet_start, tell_of_folder


@app.command("list")
def list_networks(
    family: Annotated[str | None, typer.Option(help="Only the networks of one family, such as vgg.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Only those with such weights: imagenet, imagenet-a1, mnist ...")
    ] = None,
    max_params: MaxParams = None,
    sort: Annotated[str, typer.Option(help="family, name, year, params, macs or top1.")] = "family",
) -> None:
    """List the networks of this zoo."""
    limit = None if max_params is None else count(max_params)
    table = Table("name", "network", "family", "year", "input", box=None, pad_edge=False)
    for figure in ("parameters", "buffers", "MACs", "top-1 %"):
        table.add_column(figure, justify="right")
    table.add_column("weights")
    for name in cnnzoo.list_models(family=family, weights=weights, max_params=limit, sort=sort):
        card = cnnzoo.model_card(name)
        figures = (f"{figure:,}" for figure in (card.params, card.buffers, card.macs))
        top1 = card.top1(weights)
        words = (name, card.title, card.family, str(card.year), format_shape(card.input_shape))
        table.add_row(*words, *figures, "-" if top1 is None else f"{top1:.1f}", ", ".join(card.weights))
    print_table(table, cut=False)
    print(
        "\nParameters and MACs for 10 classes; top-1 on ImageNet with the weights that `--weights` names, or with "
        "torchvision's\nnewest, many of them from newer recipes than the paper's."
    )


@app.command()
def show(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="A network of `cnnzoo list` or `cnnzoo pretrained`, a run folder, or a .keras or .h5 file.",
        ),
    ],
    image_size: Annotated[
        int | None, typer.Option(help="Side of the images, in pixels.  [default: the network's own]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown.")] = False,
    diagram: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the network into this file, .svg, instead.")
    ] = None,
    keras: Annotated[
        bool,
        typer.Option(
            "--keras", help="Show the Keras Applications network, also where this zoo has one of the same name."
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Show a network layer by layer: shapes, parameters, multiply-accumulates (MACs), memory, receptive fields."""
    if sum((as_json, as_csv, as_markdown, diagram is not None)) > 1:
        raise ValueError("Give one of `--json`, `--csv`, `--markdown` and `--diagram`.")
    if diagram is not None:
        check_target(diagram, force=force)  # before the network is built
    with quiet_start():
        from cnnzoo.data.resize import check_image_size
        from cnnzoo.inspect import layer_table, write_diagram
        from cnnzoo.pretrained.networks import image_shape, network_name, open_network

        name = network_name(network if keras else tell_of_folder(network))
        size = None if image_size is None else check_image_size(image_size)
        model = open_network(network, image_size=size, of_keras=keras)
        input_shape = None if size is None else image_shape(model, size)
        if input_shape is None and None in model.inputs[0].shape[1:]:
            raise ValueError(f"'{network}' takes images of any size. Name one with `--image-size`.")
        if diagram is not None:
            write_diagram(model, diagram, input_shape=input_shape, force=force)
            print(diagram)
            return
        layers = layer_table(model, input_shape=input_shape)
    if as_json or as_csv or as_markdown:
        print((layers.to_json() if as_json else layers.to_csv() if as_csv else layers.to_markdown()).rstrip())
        return
    card = cnnzoo.model_card(network) if name in cnnzoo.list_models() and not keras else None
    if card is None:
        shapes = [input_shape or tuple(each.shape[1:]) for each in model.inputs]
        print(f"{model.name}, input {' and '.join(map(format_shape, shapes))}\n")
    else:
        smallest = format_shape((card.smallest_size, card.smallest_size))
        print(f"{card.title}, input {format_shape(model.input_shape[1:])}, at least {smallest}, ", end="")
        print(f"{card.num_classes} classes")
        print(f"{', '.join(card.authors)}, {card.year}: {card.paper}\n{card.reference}\n")
    print(layers)
    if card is not None:
        print("\nDeviations from the paper:")
        for deviation in card.deviations:
            print(f"  - {deviation}")
