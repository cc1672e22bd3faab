"""LeNet-5 and LeNet-1 as published, beside the equations of the papers in NumPy."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

import cnnzoo
from cnnzoo._keras.parameters import count_parameters
from cnnzoo.inspect import layer_table
from cnnzoo.models.layers import RadialBasisFunctions, TableConv2D, UniformByFanIn
from cnnzoo.models.lenet_1989 import H3
from cnnzoo.models.lenet_1998 import BITMAPS, C3, CENTRES
from cnnzoo.training._training_copy import build_training_copy

NAMES = ("lenet5_1998", "lenet1")
TABLES = {"c3": C3, "h3": H3}
# As the papers print them: a row for each map that feeds, a column for each that is fed
PRINTED = {
    C3: """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
""",
    H3: """
XXX.XX......
.XXXXX......
......XXX.XX
.......XXXXX
""",
}


def drawn(name, **options):
    """Build a network with random biases, too."""
    model = cnnzoo.create_model(name, **options)
    draw = np.random.default_rng(1)
    for layer in model.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(draw.normal(0, 0.3, layer.bias.shape))
    return model


def pictures(name, size=3):
    return np.random.default_rng(0).random((size, *cnnzoo.model_card(name).input_shape), dtype="float32")


def squash(values):
    return 1.7159 * np.tanh(2 / 3 * values)


def convolved(maps, weights, table=None):
    """Convolve 5 x 5; by a table, the kernel has its connections one after the other."""
    kernel, bias = weights
    windows = sliding_window_view(maps, (5, 5), axis=(1, 2))  # (n, height, width, maps, 5, 5)
    if table is None:
        return squash(np.einsum("nyxckl,klcd->nyxd", windows, kernel) + bias)
    found, number = [], 0
    for seen, of_map in zip(table, bias, strict=True):
        total = of_map
        for source in seen:
            total = total + (windows[:, :, :, source] * kernel[..., number]).sum((-1, -2))
            number += 1
        found.append(squash(total))
    return np.stack(found, -1)


def subsampled(maps, weights):
    coefficient, bias = (values.ravel() for values in weights)
    total = maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]
    return squash(total * coefficient + bias)


def by_the_paper(model, images):
    """Return the outputs as the equations give them, with the weights of ``model``."""
    of = {layer.name: [np.asarray(each, "float64") for each in layer.get_weights()] for layer in model.layers}
    images = images.astype("float64")
    if model.name == "lenet1":
        x = subsampled(convolved(2 * images - 1, of["h1"]), of["h2"])
        x = subsampled(convolved(x, of["h3"], H3), of["h4"])
        return x.reshape(len(x), -1) @ of["output"][0] + of["output"][1]
    x = subsampled(convolved(1.275 * images - 0.1, of["c1"]), of["s2"])
    x = subsampled(convolved(x, of["c3"], C3), of["s4"])
    x = convolved(x, of["c5"])[:, 0, 0]
    x = squash(x @ of["f6"][0] + of["f6"][1])
    bitmaps = [np.where(np.array(list(rows.replace(" ", ""))) == "#", 1, -1) for rows in BITMAPS]
    return -np.stack([((x - bitmap) ** 2).sum(1) for bitmap in bitmaps], 1)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_the_equations(name):
    model = drawn(name, classifier_activation=None)
    expected = by_the_paper(model, pictures(name))
    found = np.asarray(model(pictures(name)))
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    assert np.ptp(expected, axis=1).min() > 1e-2 * np.abs(expected).max()  # the classes differ
    probabilities = cnnzoo.create_model(name)
    probabilities.set_weights(model.get_weights())
    softmax = np.exp(expected - expected.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities(pictures(name)), softmax, atol=1e-5)


@pytest.mark.parametrize(("table", "printed"), PRINTED.items(), ids=TABLES)
def test_the_table_is_that_of_the_paper(table, printed):
    columns = zip(*printed.split(), strict=True)
    assert tuple(tuple(np.flatnonzero(np.array(column) == "X")) for column in columns) == table


def test_a_table_of_all_maps_is_a_convolution():
    maps = np.random.default_rng(0).standard_normal((2, 9, 8, 3)).astype("float32")
    by_table = TableConv2D([[0, 1, 2]] * 4, 5)
    found = np.asarray(by_table(maps))
    whole = keras.layers.Conv2D(4, 5)
    whole.build(maps.shape)
    kernel, bias = by_table.get_weights()
    whole.set_weights([kernel.reshape(5, 5, 4, 3).swapaxes(2, 3), bias])
    np.testing.assert_allclose(found, whole(maps), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "connections", "params"), [("lenet5_1998", 340_908, 60_000), ("lenet1", 98_442, 2_578)]
)
def test_connections_are_counted_as_in_the_paper(name, connections, params):
    """For each unit: its inputs, and the bias where it has one; each input of a sum counts."""
    model = cnnzoo.create_model(name)
    counted = 0
    for row in layer_table(model).rows:
        units, layer = int(np.prod(row.output_shape)), model.get_layer(row.name)
        inputs = 4 * units if isinstance(layer, keras.layers.DepthwiseConv2D) else row.macs
        counted += inputs + (units if getattr(layer, "bias", None) is not None else 0)
    assert counted == connections
    assert count_parameters(model).params == params == sum(np.size(each) for each in model.trainable_weights)


def test_the_bitmaps_are_7_x_12_and_differ():
    assert all([len(row) for row in rows.split()] == [7] * 12 for rows in BITMAPS)
    assert np.unique(CENTRES, axis=0).shape == (10, 84)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_weights_are_drawn_as_in_the_paper(name):
    limits = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120, "h1": 25, "h2": 4, "h4": 4, "output": 192}
    for layer in cnnzoo.create_model(name).layers:
        if not layer.trainable_weights:
            continue
        kernel, bias = layer.get_weights()
        assert not bias.any()
        if isinstance(layer, TableConv2D):
            fans = np.concatenate([[25 * len(maps)] * len(maps) for maps in TABLES[layer.name]])
        else:
            fans = np.array(limits[layer.name])
        scaled = np.abs(kernel) * fans / 2.4
        assert scaled.max() <= 1 + 1e-6
        assert scaled.max() > (0.9 if kernel.size > 50 else 0.3)
        assert np.unique(kernel).size > 0.98 * kernel.size  # no two parts of it are the same draw


def test_an_initializer_of_the_users_draws_each_map_of_a_table_by_itself():
    kernel = cnnzoo.models.lenet5_1998(kernel_initializer=keras.initializers.HeNormal()).get_layer("c3").kernel
    assert np.unique(np.round(np.asarray(kernel), 6)).size > 1400
    assert not cnnzoo.models.lenet1(kernel_initializer="zeros").get_layer("h3").kernel.numpy().any()


def test_the_fixed_weights_stay_whatever_is_unfrozen():
    model = cnnzoo.models.lenet5_1998()
    model.trainable = False
    model.trainable = True
    model.get_layer("output").trainable = True
    assert sum(np.size(weight) for weight in model.trainable_weights) == 60_000
    assert count_parameters(model) == (60_000, 840)


def test_fewer_classes_take_the_first_bitmaps_and_more_are_refused():
    model = cnnzoo.models.lenet5_1998(num_classes=3)
    np.testing.assert_array_equal(model.get_layer("output").kernel, np.transpose(CENTRES[:3]))
    with pytest.raises(ValueError, match=r"are 10 bitmaps of digits: `num_classes` must be at most 10\. .*=11$"):
        cnnzoo.models.lenet5_1998(num_classes=11)
    assert cnnzoo.models.lenet5_1998(num_classes=11, include_top=False).output_shape == (None, 1, 1, 120)


def test_vectors_of_another_length_than_the_centres_are_refused():
    with pytest.raises(ValueError, match=r"must have 2 values, as the centres"):
        RadialBasisFunctions([[0.0, 1.0]])(np.zeros((1, 3), "float32"))


@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_weight(name):
    model = cnnzoo.create_model(name)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(np.arange(3), model(pictures(name))))
    for gradient in tape.gradient(loss, [variable.value for variable in model.trainable_variables]):
        assert np.count_nonzero(gradient) > 0.9 * np.size(gradient)


@pytest.mark.parametrize(("name", "side"), [("lenet5_1998", 32), ("lenet1", 16)])
@pytest.mark.usefixtures("weightless")
def test_sizes_and_names(name, side):
    assert cnnzoo.create_model(name, input_shape=(side, side + 9, 3)).output_shape == (None, 10)
    with pytest.raises(ValueError, match=rf"must have at least {side} x {side} pixels\."):
        cnnzoo.create_model(name, input_shape=(side - 1, side, 1))
    with pytest.raises(ValueError, match="fixed height and width"):
        cnnzoo.create_model(name, input_shape=(None, None, 1))
    left = cnnzoo.create_model(name, name="left", input_shape=(None, None, 1), include_top=False)
    assert all(layer.name.startswith("left_") for layer in left.layers)


@pytest.mark.parametrize("name", NAMES)
def test_the_training_copy_gives_logits_in_float32(name):
    model = drawn(name)
    copy = build_training_copy(model, "mixed_bfloat16")
    assert [copy.layers[1].compute_dtype, copy.layers[-1].compute_dtype] == ["bfloat16", "float32"]
    probabilities = keras.ops.softmax(copy(pictures(name)))
    np.testing.assert_allclose(probabilities, model(pictures(name)), atol=0.1)
    shapes = [[weight.shape for weight in each.trainable_weights] for each in (model, copy)]
    assert shapes[0] == shapes[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_training_learns_digits_and_the_run_comes_back(name, digits, tmp_path):
    side = cnnzoo.model_card(name).input_shape[0]
    dataset = cnnzoo.data.Dataset(*digits, image_size=(side, side))
    recipe = cnnzoo.training.Recipe(epochs=3, batch_size=32, learning_rate=3e-3)
    model = cnnzoo.create_model(name)
    run = cnnzoo.training.fit(model, dataset, recipe=recipe, out=tmp_path / "run", progress=False)
    assert run.record.metrics.test_accuracy > 0.8
    loaded = cnnzoo.training.load_run(tmp_path / "run").model
    images = pictures(name)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
    if name == "lenet5_1998":
        for each in (model, loaded):
            np.testing.assert_array_equal(each.get_layer("output").kernel, np.transpose(CENTRES))
    assert loaded.input_shape == (None, side, side, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("activation", ["softmax", None])
def test_the_head_is_found(name, activation):
    model = cnnzoo.create_model(name, classifier_activation=activation)
    last = "h4_amplitude" if name == "lenet1" else "c5_amplitude"
    backbone = cnnzoo.backbone(model)
    assert backbone.layers[-1].name == last
    heat = cnnzoo.inspect.gradcam(model, pictures(name, 1))
    assert np.isfinite(np.asarray(heat)).all()


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_other_classes_leave_the_head(name, tmp_path):
    saved = drawn(name)
    saved.save(tmp_path / "own.keras")
    again = cnnzoo.create_model(name, weights=tmp_path / "own.keras")
    np.testing.assert_array_equal(again(pictures(name)), saved(pictures(name)))
    with pytest.warns(UserWarning, match="Left as initialised: output"):
        five = cnnzoo.create_model(name, num_classes=5, weights=tmp_path / "own.keras")
    assert five.output_shape == (None, 5)
    layer = "c5" if name == "lenet5_1998" else "h4"
    np.testing.assert_array_equal(five.get_layer(layer).get_weights()[0], saved.get_layer(layer).get_weights()[0])


@pytest.mark.slow
def test_a_file_loads_in_a_fresh_process(tmp_path):
    model = drawn("lenet5_1998")
    model.save(tmp_path / "own.keras")
    code = (
        "import json, sys, numpy, keras, cnnzoo.models.layers; model = keras.saving.load_model(sys.argv[1]); "
        "print(json.dumps(model(numpy.ones((1, 32, 32, 1), 'float32')).numpy().tolist()))"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "own.keras")]
    printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    np.testing.assert_allclose(json.loads(printed), model(np.ones((1, 32, 32, 1), "float32")), atol=1e-6)


def test_the_initializer_has_a_configuration():
    assert UniformByFanIn.from_config(UniformByFanIn(1.5, 4).get_config()).get_config() == {"scale": 1.5, "fan_in": 4}
