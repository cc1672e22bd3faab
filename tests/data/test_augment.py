import numpy as np
import pytest

from cnnzoo.data import Split
from cnnzoo.data.augment import check_augment, color_components


def test_names_come_as_one_string_or_several():
    assert check_augment("flip, crop") == check_augment(["flip", "crop"]) == ("flip", "crop")
    assert check_augment("none") == check_augment("") == check_augment(()) == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_components_are_those_of_the_covariance(dtype):
    rng = np.random.default_rng(0)
    pixels = np.clip(rng.multivariate_normal([0.5] * 3, np.diag([0.04, 0.01, 0.0025]), (20, 8, 8)), 0, 1)
    images = (pixels * 255).round().astype(np.uint8) if dtype == np.uint8 else pixels.astype(np.float32)
    components = color_components(Split(images, np.zeros(20, int)))
    covariance = np.cov(pixels.reshape(-1, 3), rowvar=False)
    np.testing.assert_allclose(components.T @ components, covariance, atol=1e-4)
    np.testing.assert_allclose(
        components @ components.T - np.diag(np.linalg.norm(components, axis=1) ** 2), 0, atol=1e-6
    )
