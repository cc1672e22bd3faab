import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models import vgg19
from tests.weight_files import lively, write_official


def small(**options):
    return cnnzoo.models.vgg19(input_shape=(32, 32, 3), include_top=False, kernel_initializer="zeros", **options)


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def test_weight_decay_is_an_l2_regulariser_of_the_convolutions_only():
    model = cnnzoo.models.vgg19(input_shape=(32, 32, 3), kernel_initializer="zeros", weight_decay=1e-3)
    assert all(layer.kernel_regularizer.l2 == pytest.approx(1e-3) for layer in convolutions(model))
    assert all(layer.kernel_regularizer is None for layer in model.layers if isinstance(layer, keras.layers.Dense))


def test_weight_decay_defaults_to_the_papers_number():
    assert all(layer.kernel_regularizer.l2 == pytest.approx(5e-4) for layer in convolutions(small()))


def test_no_weight_decay_leaves_no_regulariser():
    assert all(layer.kernel_regularizer is None for layer in convolutions(small(weight_decay=0)))


def test_weight_decay_has_twice_the_gradient_of_the_papers():
    """The docstring's factor of two: the regulariser adds w * W^2, whose slope is 2 * w * W."""
    regulariser = convolutions(small(weight_decay=5e-4))[0].kernel_regularizer
    kernel, step = 3.0, 1e-2
    high, low = (float(regulariser(np.array([kernel + offset], "float32"))) for offset in (step, -step))
    assert (high - low) / (2 * step) == pytest.approx(2 * 5e-4 * kernel, rel=1e-3)


@pytest.fixture(scope="module")
def published():
    """Keras' VGG19 without its top, whose weights keep the signal; it stands for the one with ImageNet's."""
    return lively(keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3)), gain=2)


@pytest.fixture
def imagenet(published, monkeypatch):
    """Let Keras' builder give ``published``, where the real one would download."""
    monkeypatch.setattr(keras.applications, "VGG19", lambda **options: published)
    return published


def images_of(channels):
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, channels)).astype(np.float32)


def test_imagenet_weights_start_the_convolutions_with_their_preprocessing(imagenet):
    model = vgg19(weights="imagenet-keras", input_shape=(32, 32, 3), num_classes=5, dropout_rate=0, weight_decay=0)
    assert (model.output_shape, model.count_params()) == ((None, 5), 20_024_384 + 513 * 4096 + 4097 * 4096 + 4097 * 5)
    maps = keras.Model(model.inputs[0], model.get_layer("block5_pool").output)(images_of(3) / 255)
    expected = imagenet(keras.applications.vgg19.preprocess_input(images_of(3)))
    assert float(np.std(expected)) > 0.01
    np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-2)


def test_imagenet_weights_in_any_case_bring_their_preprocessing(imagenet):
    model = vgg19(weights="ImageNet-Keras", input_shape=(32, 32, 3), include_top=False)
    np.testing.assert_array_equal(model.get_layer("block5_conv4").kernel, imagenet.get_layer("block5_conv4").kernel)
    assert model.layers[1].name == "from_unit"


def test_grey_input_sums_the_first_kernels(imagenet):
    model = vgg19(weights="imagenet-keras", input_shape=(32, 32, 1), include_top=False, preprocess=False)
    np.testing.assert_allclose(
        model.get_layer("block1_conv1").kernel,
        np.sum(imagenet.get_layer("block1_conv1").kernel, axis=2, keepdims=True),
        rtol=1e-6,
    )
    grey = images_of(1) - 100
    np.testing.assert_allclose(model(grey), imagenet(np.repeat(grey, 3, axis=-1)), rtol=1e-3, atol=1e-2)
    preprocessed = vgg19(weights="imagenet-keras", input_shape=(32, 32, 1), include_top=False)
    in_place = keras.Model(preprocessed.inputs[0], preprocessed.get_layer("from_unit").output)(images_of(1) / 255)
    rgb = keras.applications.vgg19.preprocess_input(np.repeat(images_of(1), 3, axis=-1))
    np.testing.assert_allclose(in_place, rgb.mean(axis=-1, keepdims=True), atol=1e-3)


@pytest.mark.parametrize("channels", [3, 1])
def test_a_local_file_without_top_gives_the_convolutions(published, tmp_path, channels):
    write_official(tmp_path / "notop.h5", published)
    keras.utils.set_random_seed(0)
    model = vgg19(weights=tmp_path / "notop.h5", input_shape=(32, 32, channels))
    for layer in published.layers[2:]:
        assert all(map(np.array_equal, model.get_layer(layer.name).get_weights(), layer.get_weights()))
    assert np.std(model.get_layer("fc1").kernel) > 0
    assert model.get_layer("block1_conv1").kernel.shape == (3, 3, channels, 64)


def test_without_regulariser_and_dropout_it_is_that_of_keras():
    theirs = keras.applications.VGG19(weights=None, input_shape=(32, 32, 3), classes=10)
    ours = vgg19(input_shape=(32, 32, 3), weight_decay=0, dropout_rate=0)
    for layer in theirs.layers:
        ours.get_layer("input" if "input" in layer.name else layer.name).set_weights(layer.get_weights())
    images = images_of(3) / 255
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-5, atol=1e-6)


def test_without_network_the_imagenet_weights_are_named():
    with pytest.raises(ConnectionError, match=r"tf_kernels_notop\.h5 elsewhere and place it at"):
        vgg19(weights="imagenet-keras", include_top=False)


def test_imagenet_weights_take_grey_or_rgb():
    with pytest.raises(ValueError, match="take 1 or 3 channels"):
        vgg19(weights="imagenet-keras", input_shape=(32, 32, 4))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("vgg11_lrn", "3x64 LRN max 3x128 max 3x256 3x256 max 3x512 3x512 max 3x512 3x512 max"),
        (
            "vgg16_c",
            "3x64 3x64 max 3x128 3x128 max 3x256 3x256 1x256 max 3x512 3x512 1x512 max 3x512 3x512 1x512 max",
        ),
    ],
)
def test_columns_that_torchvision_has_not_are_those_of_table_1(name, column):
    """A transcription in PyTorch, whose response normalisation divides alpha by the five neighbours."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    keras.utils.set_random_seed(0)
    model = cnnzoo.create_model(name, input_shape=(32, 32, 3), classifier_activation=None)
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    for layer in layers:
        layer.bias.assign(keras.random.normal(layer.bias.shape, stddev=0.1))
    images = images_of(3)
    weights = ([torch.tensor(keras.ops.convert_to_numpy(values.value)) for values in layer.weights] for layer in layers)
    maps = torch.from_numpy(images).permute(0, 3, 1, 2)
    for word in column.split():
        if word == "max":
            maps = functional.max_pool2d(maps, 2)
        elif word == "LRN":
            maps = functional.local_response_norm(maps, size=5, alpha=5 * 1e-4, beta=0.75, k=2)
        else:
            kernel, bias = next(weights)
            size, filters = map(int, word.split("x"))
            assert (kernel.shape[0], kernel.shape[3]) == (size, filters)
            maps = functional.conv2d(maps, kernel.permute(3, 2, 0, 1), bias, padding=size // 2).relu()
    (kernel1, bias1), (kernel2, bias2), (kernel3, bias3) = weights
    logits = ((maps.flatten(1) @ kernel1 + bias1).relu() @ kernel2 + bias2).relu() @ kernel3 + bias3
    assert np.abs(keras.ops.convert_to_numpy(model(images)) - logits.numpy()).max() < 1e-4 * logits.abs().max()
