"""Equal outputs: of Keras models, PyTorch modules and functions, and what is said where they differ."""

import importlib.util
import sys

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.testing import assert_equal_outputs
from tests.testing.networks import Broken, L, small


def images(shape=(12, 12, 1)):
    return np.random.default_rng(0).random((2, *shape), dtype="float32")


def copy_of(model, **options):
    other = small(**options)
    for variable, own in zip(other.weights, model.weights, strict=True):
        variable.assign(own.value)
    return other


def message(model, reference, pictures=None, **options):
    with pytest.raises(AssertionError) as raised:
        assert_equal_outputs(model, reference, images() if pictures is None else pictures, **options)
    return str(raised.value).splitlines()


def test_a_copy_and_a_function_are_equal():
    model = small()
    assert_equal_outputs(model, copy_of(model, first="other"), images())
    assert_equal_outputs(model, lambda pictures: model.predict(pictures, verbose=0), images())
    assert_equal_outputs(model, lambda pictures: model(pictures).numpy().astype("float64").tolist(), images())


def test_the_first_layer_that_differs_is_named_and_the_largest_difference():
    model = small()
    other = copy_of(model)
    other.get_layer("out").bias.assign([0.0, 1.0, 0.0])
    first, where = message(model, other)
    ours, theirs = (keras.ops.convert_to_numpy(each(images(), training=False)) for each in (model, other))
    place = np.unravel_index(np.abs(ours - theirs).argmax(), ours.shape)
    assert first.startswith("The outputs differ by up to 0.")
    assert f"at [{place[0]}, {place[1]}], the first number being that of the image, {ours[place]:.6g} is not" in first
    assert where.startswith("The first layer that differs is 'out', by up to ")
    normalization = next(layer for layer in other.layers if "normalization" in layer.name)
    normalization.gamma.assign(2 * normalization.gamma)
    assert "'batch_normalization'" in message(model, other)[1]  # whose number here is another
    renamed = copy_of(other, first="other")
    assert "'batch_normalization'" in message(model, renamed)[1]


def test_the_tolerance_is_relative_to_the_largest_value():
    model = small(activation=None)
    assert_equal_outputs(model, lambda pictures: 1.001 * model(pictures).numpy(), images(), tolerance=2e-3)
    (first,) = message(model, lambda pictures: 1.001 * model(pictures).numpy())
    assert "differ by up to 0.001 of the largest value, more than 0.0001" in first
    with pytest.raises(ValueError, match=r"`tolerance` must lie in \(0, inf\)\. Received: tolerance=0"):
        assert_equal_outputs(model, model, images(), tolerance=0)


def test_logits_beside_probabilities_are_recognised():
    model = small()
    logits = copy_of(model, activation=None)
    assert message(model, logits)[1] == (
        "They are equal after a softmax: the reference gives logits, the network probabilities."
    )
    assert message(logits, model)[1] == (
        "They are equal after a softmax: the network gives logits, the reference probabilities."
    )


def test_shapes_and_values_that_are_not_finite_are_named():
    model = small()
    assert message(model, lambda pictures: pictures) == [
        "The outputs have the shapes (2, 3), those of the reference (2, 12, 12, 1)."
    ]
    assert message(model, lambda pictures: []) == ["The outputs have the shapes (2, 3), those of the reference (0,)."]
    first, where = message(small(between=[Broken()]), model)
    assert first == "The outputs: 6 of 6 values of the network are NaN or infinite."
    assert message(model, small(between=[Broken()]))[0] == first.replace("network", "reference")
    assert where.startswith("The first layer that differs is 'c1'")  # their weights differ


def test_two_inputs_two_outputs_and_a_layer_that_is_called_twice():
    def build():
        left, right = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
        shared = L.Conv2D(2, 3, name="shared", kernel_initializer="ones")
        maps = shared(left), shared(right)
        return keras.Model([left, right], [L.Add()(maps), L.Subtract()(maps)])

    pictures = [images((8, 8, 1)), images((8, 8, 1)) + 1]
    assert_equal_outputs(build(), build(), pictures)

    def other(left, right):
        return [keras.ops.convert_to_numpy(each) for each in build()([left, right + 0.5])]

    assert message(build(), other, pictures)[0].startswith("Output 0 differ by up to ")
    with pytest.raises(ValueError, match=r"must fit the inputs of `model`, .* and .*\. Received: \(2, 8, 8, 1\)$"):
        assert_equal_outputs(build(), build(), pictures[0])


def test_a_reference_without_a_graph_is_compared_by_its_outputs():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return keras.ops.ones((len(inputs), 3))

    assert len(message(small(), Subclassed())) == 1
    with pytest.raises(ValueError, match="the layer graph of a subclassed model is unknown"):
        assert_equal_outputs(Subclassed(), small(), images())


def test_wrong_arguments_are_refused():
    with pytest.raises(
        ValueError, match="`reference` must be a Keras model, a PyTorch module, or a function of images"
    ):
        assert_equal_outputs(small(), "small", images())
    with pytest.raises(ValueError, match=r"`images` must fit .*\(None, 12, 12, 1\)\. Received: \(2, 12, 12, 3\)"):
        assert_equal_outputs(small(), small(), images((12, 12, 3)))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_a_module_of_pytorch_takes_channels_first_and_stays_in_its_mode(torch):
    conv = torch.nn.Conv2d(3, 4, 3)
    module = torch.nn.Sequential(conv, torch.nn.BatchNorm2d(4).eval(), torch.nn.Dropout(0.5)).train()
    module[1].eval()
    model = keras.Sequential([keras.Input((8, 9, 3)), L.Conv2D(4, 3), L.BatchNormalization(epsilon=1e-5)])
    kernel, bias = conv.weight.detach().numpy().transpose(2, 3, 1, 0), conv.bias.detach().numpy()
    model.layers[0].kernel.assign(kernel)
    model.layers[0].bias.assign(bias)
    assert_equal_outputs(model, module, images((8, 9, 3)))
    assert [each.training for each in module] == [True, False, True]
    first_channels = keras.Sequential(
        [keras.Input((8, 9, 3)), L.Permute((3, 1, 2)), L.Permute((2, 3, 1)), *model.layers]
    )
    assert_equal_outputs(first_channels, module, images((8, 9, 3)))
    model.layers[0].bias.assign(bias + 1)
    (line,) = message(model, module, images((8, 9, 3)))  # torchvision does not have it
    assert line.startswith("The outputs differ by up to ")


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="torchvision is not installed")
def test_torchvisions_network_is_compared_layer_by_layer():
    from cnnzoo.models.cards import Counterpart
    from cnnzoo.models.weights import load_state
    from tests.models.reference import reference, state_of

    name = "squeezenet1_1"
    module = reference(name)
    model = cnnzoo.create_model(name, num_classes=7, input_shape=(64, 64, 3), classifier_activation=None)
    load_state(model, state_of(module), Counterpart("", cnnzoo.model_card(name).torchvision.module))
    pictures = images((64, 64, 3))
    assert_equal_outputs(model, module, pictures)
    layer = model.get_layer("fire5_expand3x3")
    layer.kernel.assign(1.1 * layer.kernel)
    assert message(model, module, pictures)[1].startswith("The first layer that differs is 'fire5_expand3x3', by up to")


def test_without_pytorch_nothing_asks_for_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    model = small()
    assert_equal_outputs(model, lambda pictures: model.predict(pictures, verbose=0), images())
