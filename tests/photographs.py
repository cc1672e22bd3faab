"""Noisy pictures of two colours, as photographs of two classes."""

import numpy as np
from PIL import Image

COLORS = {"blue": (40, 60, 200), "red": (200, 50, 40)}


def write_two_colors(folder, count, side):
    """Write so many square pictures of each class into a subfolder; return ``folder``."""
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (folder / name).mkdir()
        for number in range(count):
            noise = rng.normal(0, 40, (side, side, 3))
            Image.fromarray(np.clip(noise + color, 0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder
