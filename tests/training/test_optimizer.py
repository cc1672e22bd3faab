import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.training import Recipe
from cnnzoo.training._optimizer import LearningRate, build_optimizer, set_weight_decay


def rates(total=100, **options):
    schedule = LearningRate(Recipe(learning_rate=0.5, **options), total)
    return np.array([float(schedule(step)) for step in range(total + 1)])


def test_the_rate_rises_in_a_straight_line_to_its_peak():
    assert rates(warmup=0.25)[:25] == pytest.approx(0.5 * np.arange(1, 26) / 25)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_rate_falls_to_zero(schedule, warmup):
    falling = rates(schedule=schedule, warmup=warmup)[int(warmup * 100) :]
    assert falling[0] == pytest.approx(0.5)
    assert falling[-1] == pytest.approx(0, abs=1e-7)
    assert (np.diff(falling) <= 0).all()
    assert falling[len(falling) // 2] == pytest.approx(0.25, abs=0.01)


def test_a_constant_rate_stays():
    assert rates(schedule="constant", warmup=0.0) == pytest.approx(np.full(101, 0.5))


def test_steps_multiply_the_peak():
    steps = rates(schedule="steps", steps="0.5:0.1,0.75:0.01", warmup=0.0)
    assert steps[[0, 49, 50, 74, 75, 100]] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_the_optimizer_is_the_one_named(name, kind):
    optimizer = build_optimizer(Recipe(optimizer=name, momentum=0.8, clip_norm=2.0, weight_decay=0.01), 10)
    assert type(optimizer) is getattr(keras.optimizers, kind)
    assert optimizer.global_clipnorm == 2.0
    assert optimizer.weight_decay == (0.01 if name == "adamw" else None)
    assert name != "sgd" or optimizer.momentum == 0.8


def test_weight_decay_is_half_the_sum_of_squares_of_every_kernel():
    model = cnnzoo.models.lenet5()
    set_weight_decay(model, Recipe(weight_decay=0.01))
    squares = sum(float((w**2).sum()) for w in model.get_weights() if w.ndim > 1)
    assert float(sum(model.losses)) == pytest.approx(0.005 * squares, rel=1e-5)


@pytest.mark.parametrize(("given", "expected"), [(None, True), (0.0, False)])
def test_a_network_s_own_weight_decay_stays_or_goes(given, expected):
    model = cnnzoo.models.vgg19(input_shape=(32, 32, 3), kernel_initializer="zeros")
    set_weight_decay(model, Recipe(weight_decay=given))
    assert bool(model.losses) is expected


def test_decoupled_weight_decay_leaves_no_penalty():
    model = cnnzoo.models.lenet5()
    set_weight_decay(model, Recipe(optimizer="adamw", weight_decay=0.01))
    assert model.losses == []


def test_decoupled_weight_decay_takes_its_share_off_kernels_only():
    kernel, bias = (keras.Variable(np.ones((2, 2)), name=name) for name in ("kernel", "bias"))
    recipe = Recipe(optimizer="adamw", weight_decay=0.1, learning_rate=0.5, schedule="constant", warmup=0.0)
    optimizer = build_optimizer(recipe, 10)
    optimizer.build([kernel, bias])
    zero = np.zeros((2, 2), np.float32)
    optimizer.apply([keras.ops.convert_to_tensor(zero)] * 2, [kernel, bias])
    assert keras.ops.convert_to_numpy(kernel) == pytest.approx(np.full((2, 2), 1 - 0.1 * 0.5))
    assert keras.ops.convert_to_numpy(bias) == pytest.approx(np.ones((2, 2)))


def test_clipping_scales_all_gradients_to_the_norm():
    first, second = (keras.Variable([0.0], name=name) for name in ("first", "second"))
    recipe = Recipe(optimizer="sgd", momentum=0.0, clip_norm=1.0, learning_rate=1.0, schedule="constant", warmup=0.0)
    optimizer = build_optimizer(recipe, 10)
    optimizer.build([first, second])
    optimizer.apply([keras.ops.convert_to_tensor([30.0]), keras.ops.convert_to_tensor([40.0])], [first, second])
    assert float(first.numpy()[0]) == pytest.approx(-0.6)
    assert float(second.numpy()[0]) == pytest.approx(-0.8)
