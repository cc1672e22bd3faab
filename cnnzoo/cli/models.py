"""Commands that say what networks there are."""

from rich.table import Table

import cnnzoo
from cnnzoo.cli.shared import Name, app, print_table, quiet_start, times


@app.command("list")
def list_networks() -> None:
    """List the networks."""
    cards = [cnnzoo.model_card(name) for name in cnnzoo.list_models()]
    table = Table("name", "network", "year", "input", box=None, pad_edge=False)
    table.add_column("parameters", justify="right")
    table.add_column("MACs", justify="right")
    for card in cards:
        table.add_row(
            card.name, card.title, str(card.year), times(card.input_shape), f"{card.params:,}", f"{card.macs:,}"
        )
    print_table(table)


@app.command()
def show(name: Name) -> None:
    """Show a network layer by layer: output shapes, parameters, multiply-accumulates (MACs)."""
    card = cnnzoo.model_card(name)
    with quiet_start():
        from cnnzoo.inspect import layer_table

        layers = layer_table(cnnzoo.create_model(name, kernel_initializer="zeros"))
    table = Table("layer", "type", "output", box=None, pad_edge=False, show_footer=True)
    table.columns[0].footer = "total"
    table.add_column("parameters", justify="right", footer=f"{layers.params:,}")
    table.add_column("MACs", justify="right", footer=f"{layers.macs:,}")
    for row in layers.rows:
        table.add_row(row.name, row.type, times(row.output_shape), f"{row.params:,}", f"{row.macs:,}")
    print(f"{card.title}, input {times(card.input_shape)}, {card.num_classes} classes")
    print(f"{', '.join(card.authors)}, {card.year}: {card.paper}\n{card.reference}\n")
    print_table(table)
    print("\nDeviations from the paper:")
    for deviation in card.deviations:
        print(f"  - {deviation}")
