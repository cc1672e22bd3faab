"""What images to load and how, so that they can be loaded again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSource:
    """What images to load and how, so that they can be loaded again.

    Attributes:
        name: One of ``list_datasets()``, or "folder" for a folder of images.
        path: The folder; for a data set, a local file or folder in place of the download, or None.
        fraction: Fraction of the training and of the test images, in (0, 1], stratified.
        image_size: Height and width in pixels that the images of a folder are read at; unused for a data set.
        seed: Seed of the draws.
        skip_broken: Whether to skip files of a folder that are not images instead of raising.
        crop: Whether the images of a folder keep their proportions and are cropped, instead of squashed.
    """

    name: str
    path: str | None = None
    fraction: float = 1.0
    image_size: tuple[int, int] | None = None
    seed: int = 0
    skip_broken: bool = False
    crop: bool = False
