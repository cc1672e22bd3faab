"""The columns of table 1 of Simonyan and Zisserman, 2015, and torchvision's with batch normalisation."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A column of table 1: how many convolutions make each block; counted for 10 classes."""

    column: str
    convolutions: tuple[int, ...]
    params: int
    macs: int
    keras_name: str | None = None
    deviations: tuple[str, ...] = ("no weight decay by default, where the paper has 5e-4: see `weight_decay`",)
    buffers: int = 0  # of the batch normalisation after each convolution
    third: int = 3  # kernel of the third convolution of a block
    is_in_torchvision: bool = True

    def normalized(self, params: int, buffers: int) -> Row:
        """Return the row with batch normalisation."""
        deviations = (
            *Row._field_defaults["deviations"],
            "batch normalisation before the ReLU of each convolution, which the paper does not have",
        )
        return self._replace(params=params, buffers=buffers, keras_name=None, deviations=deviations)


A = Row("A", (1, 1, 2, 2, 2), 128_807_306, 7_605_035_008)
B = Row("B", (2, 2, 2, 2, 2), 128_991_818, 11_304_411_136)
D = Row("D", (2, 2, 3, 3, 3), 134_301_514, 15_466_209_280, "VGG16")
E = Row("E", (2, 2, 4, 4, 4), 139_611_210, 19_628_007_424, "VGG19")
E_DECAYED = ("weight decay on the convolutions only, by default twice as strong as the paper's: see `weight_decay`",)
TABLE = {
    "vgg11": A,
    "vgg11_lrn": A._replace(column="A-LRN", is_in_torchvision=False),
    "vgg13": B,
    "vgg16": D,
    "vgg16_c": Row("C", D.convolutions, 129_582_922, 11_766_833_152, third=1, is_in_torchvision=False),
    "vgg19": E._replace(deviations=E_DECAYED),
    "vgg11_bn": A.normalized(128_812_810, 5_504),
    "vgg13_bn": B.normalized(128_997_706, 5_888),
    "vgg16_bn": D.normalized(134_309_962, 8_448),
    "vgg19_bn": E.normalized(139_622_218, 11_008),
}


def torchvision_module(row: Row, layer: str) -> str:
    """Return what torchvision calls the module of a layer: it counts convolutions, normalisations, ReLUs, poolings."""
    if not layer.startswith("block"):
        return {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}[layer]
    block, convolution, *normalization = layer.removeprefix("block").replace("conv", "").split("_")
    poolings = int(block) - 1
    convolutions = sum(row.convolutions[:poolings]) + int(convolution) - 1
    return f"features.{convolutions * (3 if row.buffers else 2) + poolings + len(normalization)}"


def as_in_torchvision(name: str) -> str:
    """Return torchvision's name of a tensor, also of timm's, whose classifiers begin with convolutions."""
    module, _, kind = name.rpartition(".")
    classifier = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}
    return f"{classifier.get(module, module)}.{kind}"
