import xml.etree.ElementTree as ET

import keras
import pytest

import cnnzoo
from cnnzoo.inspect import diagram, write_diagram

SVG = "{http://www.w3.org/2000/svg}"
CONVOLUTION, POOLING, DENSE, IMAGE = "#56b4e9", "#e69f00", "#009e73", "#f2f2f2"  # of the fronts

layers = keras.layers


def drawn(model):
    return ET.fromstring(diagram(model))


def texts(drawing):
    return [element.text for element in drawing.iter(f"{SVG}text")]


def fronts(drawing, fill):
    """The fronts of that colour: width and height of each."""
    sizes = []
    for polygon in drawing.iter(f"{SVG}polygon"):
        if polygon.get("fill") == fill:
            columns, rows = zip(
                *(map(float, corner.split(",")) for corner in polygon.get("points").split()), strict=True
            )
            sizes.append((max(columns) - min(columns), max(rows) - min(rows)))
    return sizes


def test_every_layer_that_computes_is_a_block():
    drawing = drawn(cnnzoo.models.vgg19(kernel_initializer="zeros"))
    assert [len(fronts(drawing, fill)) for fill in (IMAGE, CONVOLUTION, POOLING, DENSE)] == [1, 16, 5, 3]
    written = texts(drawing)
    assert "vgg19: 139,611,210 parameters, 19,628,007,424 multiply-accumulates per image" in written
    assert {"224\u00d7224\u00d764", "2 conv 3\u00d73", "pool 2\u00d72 /2", "4096", "2 dense"} <= set(written)


def test_blocks_are_to_scale():
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(40, 3, padding="same")(inputs)
    x = layers.Conv2D(80, 3, strides=2, padding="same")(x)
    drawing = drawn(keras.Model(inputs, x))
    (thin, high), (thick, low) = fronts(drawing, CONVOLUTION)
    assert thick / thin == pytest.approx(2, rel=0.02)
    assert high / low == pytest.approx(2, rel=0.02)
    assert fronts(drawing, IMAGE)[0][1] == pytest.approx(high, abs=0.1)


def test_all_of_it_lies_within_the_drawing():
    for model in (cnnzoo.models.alexnet(kernel_initializer="zeros"), keras.applications.MobileNetV2(weights=None)):
        drawing = drawn(model)
        _, _, width, height = map(float, drawing.get("viewBox").split())
        for polygon in drawing.iter(f"{SVG}polygon"):
            for corner in polygon.get("points").split():
                x, y = map(float, corner.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_many_layers_of_one_size_are_counted():
    inputs = x = keras.Input((16, 16, 4))
    for _ in range(20):
        x = layers.Conv2D(4, 3, padding="same")(x)
    drawing = drawn(keras.Model(inputs, x))
    assert len(fronts(drawing, CONVOLUTION)) == 1
    assert "20 conv 3\u00d73" in texts(drawing)


def test_names_are_escaped():
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.Conv2D(1, 3)(inputs), name="a<b&c")
    assert texts(drawn(model))[0].startswith("a<b&c: 10 parameters")


def test_what_cannot_be_drawn_is_refused(tmp_path):
    inputs = keras.Input((8,))
    with pytest.raises(ValueError, match="must accept images of shape"):
        diagram(keras.Model(inputs, layers.Dense(1)(inputs)))
    with pytest.raises(ValueError, match=r"`path` must end in \.svg"):
        write_diagram(cnnzoo.models.lenet5(), tmp_path / "drawn.png")
    write_diagram(cnnzoo.models.lenet5(), tmp_path / "drawn.svg")
    before = (tmp_path / "drawn.svg").read_bytes()
    with pytest.raises(FileExistsError, match="already exists and was not overwritten"):
        write_diagram(cnnzoo.models.lenet5(), tmp_path / "drawn.svg")
    assert (tmp_path / "drawn.svg").read_bytes() == before
