import cnnzoo
from cnnzoo.inspect import LayerRow, layer_table


def test_layer_table():
    table = layer_table(cnnzoo.models.lenet5())
    assert table.rows == (
        LayerRow("c1", "Conv2D", (28, 28, 6), 156, 117_600),
        LayerRow("s2", "AveragePooling2D", (14, 14, 6), 0, 0),
        LayerRow("c3", "Conv2D", (10, 10, 16), 2_416, 240_000),
        LayerRow("s4", "AveragePooling2D", (5, 5, 16), 0, 0),
        LayerRow("c5", "Conv2D", (1, 1, 120), 48_120, 48_000),
        LayerRow("flatten", "Flatten", (120,), 0, 0),
        LayerRow("f6", "Dense", (84,), 10_164, 10_080),
        LayerRow("output", "Dense", (10,), 850, 840),
    )
    assert (table.params, table.macs) == (61_706, 416_520)
