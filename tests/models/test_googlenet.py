"""The published GoogLeNet beside a transcription of its table; its auxiliary classifiers.

The other network, with batch normalisation, is compared with torchvision's.
"""

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo._keras.parameters import count_parameters

torch = pytest.importorskip("torch")

# Table 1, row by row: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj; None for a max pooling of 3 x 3 / 2
MODULES = [
    ("3a", [64, 96, 128, 16, 32, 32]),
    ("3b", [128, 128, 192, 32, 96, 64]),
    None,
    ("4a", [192, 96, 208, 16, 48, 64]),
    ("4b", [160, 112, 224, 24, 64, 64]),
    ("4c", [128, 128, 256, 24, 64, 64]),
    ("4d", [112, 144, 288, 32, 64, 64]),
    ("4e", [256, 160, 320, 32, 128, 128]),
    None,
    ("5a", [256, 160, 320, 32, 128, 128]),
    ("5b", [384, 192, 384, 48, 128, 128]),
]
SIZE = (95, 114, 3)  # the maps that are pooled have even and odd sides


def small(**options):
    return cnnzoo.models.googlenet(input_shape=SIZE, num_classes=7, **options)


def with_auxiliary(**options):
    return small(auxiliary_classifiers=True, **options)


@pytest.fixture(scope="module")
def model():
    """Logits, with biases that are not zero."""
    keras.utils.set_random_seed(0)
    model = with_auxiliary(classifier_activation=None)
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, np.random.default_rng(number).normal(0, 0.1, bias.shape)])
    return model


@pytest.fixture(scope="module")
def images():
    """As bright as Caffe's: of images in [0, 1], response normalisation would change next to nothing."""
    return np.random.default_rng(0).random((2, *SIZE), dtype="float32") * 255


def transcription(model, images):
    """Compute the three outputs by the paper's table 1, figure 3 and section 5, with the weights of ``model``."""
    functional = torch.nn.functional

    def weights(name):
        kernel, bias = (torch.from_numpy(np.array(values)) for values in model.get_layer(name).get_weights())
        return kernel, bias

    def convolve(x, name, filters, size, stride=1):
        kernel, bias = weights(name)
        kernel = kernel.permute(3, 2, 0, 1)
        assert kernel.shape[0] == filters
        assert kernel.shape[2:] == (size, size)
        return torch.relu(functional.conv2d(x, kernel, bias, stride, padding=size // 2))

    def pool(x):
        return functional.max_pool2d(x, 3, 2, ceil_mode=True)

    def normalize(x):
        return functional.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)

    def linear(x, name):
        kernel, bias = weights(name)
        return x @ kernel + bias

    def auxiliary(x, name):
        x = convolve(functional.avg_pool2d(x, 5, 3), f"{name}_conv", 128, 1)
        x = torch.relu(linear(x.permute(0, 2, 3, 1).flatten(1), f"{name}_fc"))
        return linear(x, f"{name}_predictions")

    x = normalize(pool(convolve(torch.from_numpy(images).permute(0, 3, 1, 2), "conv1", 64, 7, 2)))
    x = pool(normalize(convolve(convolve(x, "conv2_reduce", 64, 1), "conv2", 192, 3)))
    found = {}
    for row in MODULES:
        if row is None:
            x = pool(x)
            continue
        name, (of_1, reduce_3, of_3, reduce_5, of_5, of_pool) = row
        place = f"inception_{name}"
        of_1 = convolve(x, f"{place}_1x1", of_1, 1)
        of_3 = convolve(convolve(x, f"{place}_3x3_reduce", reduce_3, 1), f"{place}_3x3", of_3, 3)
        of_5 = convolve(convolve(x, f"{place}_5x5_reduce", reduce_5, 1), f"{place}_5x5", of_5, 5)
        of_pool = convolve(functional.max_pool2d(x, 3, 1, 1), f"{place}_pool_proj", of_pool, 1)
        x = found[name] = torch.cat([of_1, of_3, of_5, of_pool], 1)
    main = linear(x.mean((2, 3)), "predictions")
    return [each.numpy() for each in (main, auxiliary(found["4a"], "aux1"), auxiliary(found["4d"], "aux2"))]


@pytest.mark.slow
def test_all_outputs_are_those_of_the_papers_table(model, images):
    for own, expected in zip(model(images), transcription(model, images), strict=True):
        own = keras.ops.convert_to_numpy(own)
        assert np.abs(own - expected).max() < 1e-4 * np.abs(expected).max()
        assert np.abs(own[0] - own[1]).max() > 1e-3 * np.abs(own).max()


@pytest.mark.usefixtures("weightless")
def test_with_auxiliary_classifiers_the_parameters_are_those_of_the_whole_paper():
    model = cnnzoo.models.googlenet(auxiliary_classifiers=True, num_classes=1000)
    assert model.output_names == ["predictions", "aux1_predictions", "aux2_predictions"]
    assert count_parameters(model) == (13_378_280, 0)
    rates = {layer.name: layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    assert rates == {"dropout": 0.4, "aux1_dropout": 0.7, "aux2_dropout": 0.7}
    assert model.get_layer("aux1_flatten").output.shape == model.get_layer("aux2_flatten").output.shape == (None, 2048)


def test_weights_of_all_three_outputs_load(model, images, tmp_path):
    model.save_weights(tmp_path / "all.weights.h5")
    loaded = with_auxiliary(weights=tmp_path / "all.weights.h5", classifier_activation=None)
    for own, expected in zip(loaded(images), model(images), strict=True):
        np.testing.assert_array_equal(own, expected)
    with pytest.warns(UserWarning, match="Left as initialised: predictions, aux1_predictions, aux2_predictions"):
        other = cnnzoo.models.googlenet(
            input_shape=SIZE, num_classes=3, auxiliary_classifiers=True, weights=tmp_path / "all.weights.h5"
        )
    assert [output.shape for output in other.outputs] == [(None, 3)] * 3
    np.testing.assert_array_equal(other.get_layer("aux2_fc").kernel, model.get_layer("aux2_fc").kernel)


def test_the_network_alone_has_its_own_weights(model, images, tmp_path):
    alone = keras.Model(model.inputs[0], model.outputs[0], name="googlenet")
    alone.save_weights(tmp_path / "alone.weights.h5")
    loaded = small(weights=tmp_path / "alone.weights.h5", classifier_activation=None)
    np.testing.assert_array_equal(loaded(images), model(images)[0])
    with pytest.warns(UserWarning, match="Left as initialised: aux1_conv"):
        started = with_auxiliary(weights=tmp_path / "alone.weights.h5", classifier_activation=None)
    np.testing.assert_array_equal(started(images)[0], model(images)[0])


def test_weights_of_three_outputs_are_refused_by_the_network_alone(model, tmp_path):
    model.save_weights(tmp_path / "all.weights.h5")
    with pytest.raises(
        ValueError, match=r"unexpected layer 'aux1_conv'.*with the options that the file was saved with"
    ):
        small(weights=tmp_path / "all.weights.h5")


def test_a_step_with_the_papers_weights_of_the_losses_changes_every_kernel():
    model = with_auxiliary()
    loss = ["sparse_categorical_crossentropy"] * 3
    model.compile("sgd", loss, loss_weights=[1, 0.3, 0.3], run_eagerly=True)
    kernels = [layer for layer in model.layers if layer.weights]
    before = [np.array(layer.kernel) for layer in kernels]
    labels = np.array([0, 1])
    model.train_on_batch(np.random.default_rng(0).random((2, *SIZE), dtype="float32"), [labels] * 3)
    changed = [not np.array_equal(layer.kernel, old) for layer, old in zip(kernels, before, strict=True)]
    assert [layer.name for layer, is_changed in zip(kernels, changed, strict=True) if not is_changed] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_top": False}, "`auxiliary_classifiers=True` needs `include_top=True`"),
        ({"input_shape": (78, 79, 3)}, "must have at least 79 x 79"),
        ({"input_shape": (None, None, 3)}, "`input_shape` must have a fixed height and width"),
    ],
)
def test_auxiliary_classifiers_need_a_head_and_large_images_of_one_size(options, message):
    with pytest.raises(ValueError, match=message):
        cnnzoo.models.googlenet(auxiliary_classifiers=True, **options)


@pytest.mark.usefixtures("weightless")
def test_the_smallest_sizes_survive_all_pools():
    for name, side, options in (
        ("googlenet", 31, {}),
        ("googlenet", 79, {"auxiliary_classifiers": True}),
        ("googlenet_bn", 15, {}),
    ):
        model = cnnzoo.create_model(name, input_shape=(side, side, 3), **options)
        assert all(0 not in layer.output.shape[1:] for layer in model.layers)


@pytest.mark.usefixtures("weightless")
def test_dropout_rates_are_the_papers_and_torchvisions():
    for name, rate in (("googlenet", 0.4), ("googlenet_bn", 0.2)):
        assert cnnzoo.create_model(name).get_layer("dropout").rate == rate
        assert cnnzoo.create_model(name, dropout_rate=0.1).get_layer("dropout").rate == 0.1
