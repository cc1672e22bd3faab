"""The networks of Keras Applications: a card for each. Imports no Keras."""

from __future__ import annotations

from dataclasses import dataclass

PREPROCESSING = {
    "caffe": "RGB to BGR, minus ImageNet's mean per channel: about -124 to 152",
    "tf": "[0, 255] to [-1, 1]",
    "torch": "[0, 255] to [0, 1], then normalised by ImageNet's mean and standard deviation per channel",
    "inside": "inside the network, which expects [0, 255]",
}


# Names of layers in their heads: those that compute the class scores, and those before them
CLASSIFIERS = ("predictions", "logits", "conv_preds", "head_dense")
HEADS = (*CLASSIFIERS, "conv_2", "fc1", "fc2")


@dataclass(frozen=True)
class Family:
    """What the networks of one paper have in common.

    Attributes:
        module: The module in ``keras.applications``.
        paper: Title of the paper.
        year: Year of publication.
        reference: Address of the paper.
        preprocessing: One of ``PREPROCESSING``.
        smallest_size: Smallest height and width of an image, in pixels.
    """

    module: str
    paper: str
    year: int
    reference: str
    preprocessing: str
    smallest_size: int


@dataclass(frozen=True)
class PretrainedCard:
    """A description of a network of Keras Applications, without building it.

    Size, accuracies and times are those published on the Keras website (for MobileNetV3, in Keras' docstrings); None
    if not published. The other figures are counted in the networks themselves.

    Attributes:
        name: The name in cnnzoo: Keras' name in lower case.
        title: The name of the builder in ``keras.applications``.
        input_size: Default height and width, in pixels.
        size_mb: Size of the weights file including the head, in MB.
        top1: Accuracy on ImageNet's validation images, in percent.
        top5: Top-5 accuracy on ImageNet's validation images, in percent.
        params: Parameters, which training learns, including the head for 1,000 classes.
        params_no_top: Parameters without the head.
        buffers: The other values in the weights, such as the means and variances of batch normalisation.
        depth: Number of layers with weights, including the head.
        cpu_ms: Time per step of 32 images on a CPU (AMD EPYC with 92 cores), in milliseconds.
        gpu_ms: The same on a GPU (Tesla A100).
        family: What the networks of its paper have in common.
    """

    name: str
    title: str
    input_size: int
    size_mb: int | None
    top1: float
    top5: float | None
    params: int
    params_no_top: int
    buffers: int
    depth: int
    cpu_ms: float | None
    gpu_ms: float | None
    family: Family

    def __repr__(self) -> str:
        """Show what the network is, in one line."""
        figures = f"{self.params:,} parameters, top-1 {self.top1} %"
        return f"<PretrainedCard {self.name}: {self.title} of Keras Applications, {figures}>"

    def _repr_html_(self) -> str:
        """Return the card for a notebook."""
        from cnnzoo._support.notebook import block, facts  # not when cards are only listed

        known = {
            "paper": f"{self.family.paper} ({self.family.year})",
            "reference": self.family.reference,
            "input": f"{self.input_size} x {self.input_size} x 3, at least {self.family.smallest_size}",
            "preprocessing": PREPROCESSING[self.family.preprocessing],
            "top-1": f"{self.top1} %",
            "top-5": f"{self.top5} %" if self.top5 else "",
            "parameters": f"{self.params:,}, without the head {self.params_no_top:,}",
            "buffers": f"{self.buffers:,}" if self.buffers else "",
            "depth": f"{self.depth} layers with weights",
            "file": f"{self.size_mb} MB" if self.size_mb else "",
        }
        return block(facts(known, f"{self.title} of Keras Applications ({self.name})"))


Row = tuple[str, int, int | None, float, float | None, int, int, int, int, float | None, float | None]

# title, input, MB, top-1, top-5, parameters with and without head, buffers, depth, CPU ms, GPU ms
_ROWS: dict[Family, tuple[Row, ...]] = {
    Family("convnext", "A ConvNet for the 2020s", 2022, "https://arxiv.org/abs/2201.03545", "inside", 32): (
        ("ConvNeXtTiny", 224, 109, 81.3, None, 28_589_128, 27_820_128, 0, 96, None, None),
        ("ConvNeXtSmall", 224, 192, 82.3, None, 50_223_688, 49_454_688, 0, 186, None, None),
        ("ConvNeXtBase", 224, 339, 85.3, None, 88_591_464, 87_566_464, 0, 186, None, None),
        ("ConvNeXtLarge", 224, 755, 86.3, None, 197_767_336, 196_230_336, 0, 186, None, None),
        ("ConvNeXtXLarge", 224, 1310, 86.7, None, 350_196_968, 348_147_968, 0, 186, None, None),
    ),
    Family(
        "densenet", "Densely connected convolutional networks", 2017, "https://arxiv.org/abs/1608.06993", "torch", 32
    ): (
        ("DenseNet121", 224, 33, 75.0, 92.3, 7_978_856, 6_953_856, 83_648, 242, 77.1, 5.4),
        ("DenseNet169", 224, 57, 76.2, 93.2, 14_149_480, 12_484_480, 158_400, 338, 96.4, 6.3),
        ("DenseNet201", 224, 80, 77.3, 93.6, 20_013_928, 18_092_928, 229_056, 402, 127.2, 6.7),
    ),
    Family(
        "efficientnet",
        "EfficientNet: rethinking model scaling for convolutional neural networks",
        2019,
        "https://arxiv.org/abs/1905.11946",
        "inside",
        32,
    ): (
        ("EfficientNetB0", 224, 29, 77.1, 93.3, 5_288_548, 4_007_548, 42_023, 132, 46.0, 4.9),
        ("EfficientNetB1", 240, 31, 79.1, 94.4, 7_794_184, 6_513_184, 62_055, 186, 60.2, 5.6),
        ("EfficientNetB2", 260, 36, 80.1, 94.9, 9_109_994, 7_700_994, 67_575, 186, 80.8, 6.5),
        ("EfficientNetB3", 300, 48, 81.6, 95.7, 12_233_232, 10_696_232, 87_303, 210, 140.0, 8.8),
        ("EfficientNetB4", 380, 75, 82.9, 96.4, 19_341_616, 17_548_616, 125_207, 258, 308.3, 15.1),
        ("EfficientNetB5", 456, 118, 83.6, 96.7, 30_389_784, 28_340_784, 172_743, 312, 579.2, 25.3),
        ("EfficientNetB6", 528, 166, 84.0, 96.8, 43_040_704, 40_735_704, 224_439, 360, 958.1, 40.4),
        ("EfficientNetB7", 600, 256, 84.3, 97.0, 66_347_960, 63_786_960, 310_727, 438, 1578.9, 61.6),
    ),
    Family(
        "efficientnet_v2",
        "EfficientNetV2: smaller models and faster training",
        2021,
        "https://arxiv.org/abs/2104.00298",
        "inside",
        32,
    ): (
        ("EfficientNetV2B0", 224, 29, 78.7, 94.3, 7_139_704, 5_858_704, 60_608, 151, None, None),
        ("EfficientNetV2B1", 240, 34, 79.8, 95.0, 8_141_052, 6_860_052, 71_072, 185, None, None),
        ("EfficientNetV2B2", 260, 42, 80.5, 95.1, 10_096_086, 8_687_086, 82_288, 193, None, None),
        ("EfficientNetV2B3", 300, 59, 82.0, 95.8, 14_358_406, 12_821_406, 109_216, 225, None, None),
        ("EfficientNetV2S", 384, 88, 83.9, 96.7, 21_458_488, 20_177_488, 153_872, 281, None, None),
        ("EfficientNetV2M", 480, 220, 85.3, 97.4, 54_139_356, 52_858_356, 292_032, 403, None, None),
        ("EfficientNetV2L", 480, 479, 85.7, 97.5, 118_515_272, 117_234_272, 512_576, 557, None, None),
    ),
    Family(
        "inception_resnet_v2",
        "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
        2016,
        "https://arxiv.org/abs/1602.07261",
        "tf",
        75,
    ): (("InceptionResNetV2", 299, 215, 80.3, 95.3, 55_813_192, 54_276_192, 60_544, 449, 130.2, 10.0),),
    Family(
        "inception_v3",
        "Rethinking the Inception architecture for computer vision",
        2015,
        "https://arxiv.org/abs/1512.00567",
        "tf",
        75,
    ): (("InceptionV3", 299, 92, 77.9, 93.7, 23_817_352, 21_768_352, 34_432, 189, 42.2, 6.9),),
    Family(
        "mobilenet",
        "MobileNets: efficient convolutional neural networks for mobile vision applications",
        2017,
        "https://arxiv.org/abs/1704.04861",
        "tf",
        32,
    ): (("MobileNet", 224, 16, 70.4, 89.5, 4_231_976, 3_206_976, 21_888, 55, 22.6, 3.4),),
    Family(
        "mobilenet_v2",
        "MobileNetV2: inverted residuals and linear bottlenecks",
        2018,
        "https://arxiv.org/abs/1801.04381",
        "tf",
        32,
    ): (("MobileNetV2", 224, 14, 71.3, 90.1, 3_504_872, 2_223_872, 34_112, 105, 25.9, 3.8),),
    Family("mobilenet_v3", "Searching for MobileNetV3", 2019, "https://arxiv.org/abs/1905.02244", "inside", 32): (
        ("MobileNetV3Large", 224, None, 75.6, None, 5_483_032, 2_971_952, 24_400, 110, None, None),
        ("MobileNetV3Small", 224, None, 68.1, None, 2_542_856, 927_008, 12_112, 88, None, None),
    ),
    Family(
        "nasnet",
        "Learning transferable architectures for scalable image recognition",
        2018,
        "https://arxiv.org/abs/1707.07012",
        "tf",
        32,
    ): (
        ("NASNetMobile", 224, 23, 74.4, 91.9, 5_289_978, 4_232_978, 36_738, 389, 27.0, 6.7),
        ("NASNetLarge", 331, 343, 82.5, 96.0, 88_753_150, 84_720_150, 196_668, 533, 344.5, 20.0),
    ),
    Family(
        "resnet", "Deep residual learning for image recognition", 2015, "https://arxiv.org/abs/1512.03385", "caffe", 32
    ): (
        ("ResNet50", 224, 98, 74.9, 92.1, 25_583_592, 23_534_592, 53_120, 107, 58.2, 4.6),
        ("ResNet101", 224, 171, 76.4, 92.8, 44_601_832, 42_552_832, 105_344, 209, 89.6, 5.2),
        ("ResNet152", 224, 232, 76.6, 93.1, 60_268_520, 58_219_520, 151_424, 311, 127.4, 6.5),
    ),
    Family(
        "resnet_v2", "Identity mappings in deep residual networks", 2016, "https://arxiv.org/abs/1603.05027", "tf", 32
    ): (
        ("ResNet50V2", 224, 98, 76.0, 93.0, 25_568_360, 23_519_360, 45_440, 103, 45.6, 4.4),
        ("ResNet101V2", 224, 171, 77.2, 93.8, 44_577_896, 42_528_896, 97_664, 205, 72.7, 5.4),
        ("ResNet152V2", 224, 232, 78.0, 94.2, 60_236_904, 58_187_904, 143_744, 307, 107.5, 6.6),
    ),
    Family(
        "vgg16",
        "Very deep convolutional networks for large-scale image recognition",
        2015,
        "https://arxiv.org/abs/1409.1556",
        "caffe",
        32,
    ): (("VGG16", 224, 528, 71.3, 90.1, 138_357_544, 14_714_688, 0, 16, 69.5, 4.2),),
    Family(
        "vgg19",
        "Very deep convolutional networks for large-scale image recognition",
        2015,
        "https://arxiv.org/abs/1409.1556",
        "caffe",
        32,
    ): (("VGG19", 224, 549, 71.3, 90.0, 143_667_240, 20_024_384, 0, 19, 84.8, 4.4),),
    Family(
        "xception",
        "Xception: deep learning with depthwise separable convolutions",
        2017,
        "https://arxiv.org/abs/1610.02357",
        "tf",
        71,
    ): (("Xception", 299, 88, 79.0, 94.5, 22_855_952, 20_806_952, 54_528, 81, 109.4, 8.1),),
}

PRETRAINED_CARDS = {
    row[0].lower(): PretrainedCard(row[0].lower(), *row, family) for family, rows in _ROWS.items() for row in rows
}
