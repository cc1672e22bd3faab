"""What torchvision publishes for its networks: weights for ImageNet's 1,000 classes.

Accuracies are those on ImageNet's 50,000 validation images, in percent, as torchvision's documentation gives them. The
name of a file ends in the beginning of its SHA-256; where lengths and whole hashes are given, at least two independent
public catalogues of these files have them. Imports no Keras.
"""

from cnnzoo.models.published import TorchWeights as Weights

# By torchvision's name of the network: its weights, from the oldest to those that it takes by default
WEIGHTS = {
    "alexnet": (
        Weights(
            "alexnet-owt-7be5be79.pth",
            56.522,
            79.066,
            233.087,
            size=244_408_911,
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
    ),
    "vgg11": (Weights("vgg11-8a719046.pth", 69.02, 88.628, 506.84),),
    "vgg11_bn": (Weights("vgg11_bn-6002323d.pth", 70.37, 89.81, 506.881),),
    "vgg13": (Weights("vgg13-19584684.pth", 69.928, 89.246, 507.545),),
    "vgg13_bn": (Weights("vgg13_bn-abd245e5.pth", 71.586, 90.374, 507.59),),
    "vgg16": (
        Weights(
            "vgg16-397923af.pth",
            71.592,
            90.382,
            527.796,
            size=553_433_881,
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
    ),
    "vgg16_bn": (
        Weights(
            "vgg16_bn-6c64b313.pth",
            73.36,
            91.516,
            527.866,
            size=553_507_836,
            sha256="6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
        ),
    ),
    "vgg19": (
        Weights(
            "vgg19-dcbb9e9d.pth",
            72.376,
            90.876,
            548.051,
            size=574_673_361,
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        ),
    ),
    "vgg19_bn": (
        Weights(
            "vgg19_bn-c79401a0.pth",
            74.218,
            91.842,
            548.143,
        ),
    ),
    "googlenet": (
        Weights(
            "googlenet-1378be20.pth",
            69.778,
            89.53,
            49.731,
            sha256="1378be20a8e875cf1568b8a71654e704449655e34711a959a38b04fb34905cef",
            preprocessing="tf",
        ),
    ),
    "inception_v3": (
        Weights(
            "inception_v3_google-0cc3c7bd.pth",
            77.294,
            93.45,
            103.903,
            size=108_949_747,
            sha256="0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
            resize=342,
            crop=299,
            preprocessing="tf",
        ),
    ),
    "squeezenet1_0": (Weights("squeezenet1_0-b66bff10.pth", 58.092, 80.42, 4.778),),
    "squeezenet1_1": (
        Weights(
            "squeezenet1_1-b8a52dc0.pth",
            58.178,
            80.624,
            4.729,
            size=4_958_839,
            sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        ),
    ),
    "resnet18": (
        Weights(
            "resnet18-f37072fd.pth",
            69.758,
            89.078,
            44.661,
            size=46_830_571,
            sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        ),
    ),
    "resnet34": (
        Weights(
            "resnet34-b627a593.pth",
            73.314,
            91.42,
            83.275,
            size=87_319_819,
            sha256="b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
        ),
    ),
    "resnet50": (
        Weights(
            "resnet50-0676ba61.pth",
            76.13,
            92.862,
            97.781,
            size=102_530_333,
            sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        ),
        Weights(
            "resnet50-11ad3fa6.pth",
            80.858,
            95.434,
            97.79,
            size=102_540_417,
            sha256="11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
            resize=232,
        ),
    ),
    "resnet101": (
        Weights(
            "resnet101-63fe2227.pth",
            77.374,
            93.546,
            170.511,
            sha256="63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
        ),
        Weights(
            "resnet101-cd907fc2.pth",
            81.886,
            95.78,
            170.53,
            sha256="cd907fc2a0de2292b2ba2b27d2216bc672d84632d1cf20058d01c0c03b5e020e",
            resize=232,
        ),
    ),
    "resnet152": (
        Weights(
            "resnet152-394f9c45.pth",
            78.312,
            94.046,
            230.434,
            sha256="394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58",
        ),
        Weights("resnet152-f82ba261.pth", 82.284, 96.002, 230.474, resize=232),
    ),
    "resnext50_32x4d": (
        Weights("resnext50_32x4d-7cdf4587.pth", 77.618, 93.698, 95.789),
        Weights("resnext50_32x4d-1a0047aa.pth", 81.198, 95.34, 95.833, resize=232),
    ),
    "resnext101_32x8d": (
        Weights("resnext101_32x8d-8ba56ff5.pth", 79.312, 94.526, 339.586),
        Weights("resnext101_32x8d-110c445d.pth", 82.834, 96.228, 339.673, resize=232),
    ),
    "resnext101_64x4d": (Weights("resnext101_64x4d-173b62eb.pth", 83.246, 96.454, 319.318, resize=232),),
    "wide_resnet50_2": (
        Weights(
            "wide_resnet50_2-95faca4d.pth",
            78.468,
            94.086,
            131.82,
            size=138_223_492,
            sha256="95faca4d11227dddf8633dbb5ff6c8a9003c1aa5b8945c73834b8007b10950b8",
        ),
        Weights("wide_resnet50_2-9ba9bcbe.pth", 81.602, 95.758, 263.124, resize=232),
    ),
    "wide_resnet101_2": (
        Weights(
            "wide_resnet101_2-32ee1156.pth",
            78.848,
            94.284,
            242.896,
        ),
        Weights("wide_resnet101_2-d733dc28.pth", 82.51, 96.02, 484.747, resize=232),
    ),
    "densenet121": (
        Weights(
            "densenet121-a639ec97.pth",
            74.434,
            91.972,
            30.845,
            size=32_342_954,
            sha256="a639ec97d7c33b07ae66f0b5fb7d0192f95a3b11b7576c66c0126c2a727c4395",
        ),
    ),
    "densenet161": (
        Weights(
            "densenet161-8d451a50.pth",
            77.138,
            93.56,
            110.369,
        ),
    ),
    "densenet169": (Weights("densenet169-b2777c0a.pth", 75.6, 92.806, 54.708),),
    "densenet201": (Weights("densenet201-c1103571.pth", 76.896, 93.37, 77.373),),
    "mobilenet_v2": (
        Weights(
            "mobilenet_v2-b0353104.pth",
            71.878,
            90.286,
            13.555,
            sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        ),
        Weights(
            "mobilenet_v2-7ebf99e0.pth",
            72.154,
            90.822,
            13.598,
            size=14_258_573,
            sha256="7ebf99e03e254b273379b23edca7ec0da9f48273b23a332b93c1c99d49e86e8f",
            resize=232,
        ),
    ),
    "mobilenet_v3_small": (
        Weights(
            "mobilenet_v3_small-047dcff4.pth",
            67.668,
            87.402,
            9.829,
            size=10_306_551,
            sha256="047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
        ),
    ),
    "mobilenet_v3_large": (
        Weights(
            "mobilenet_v3_large-8738ca79.pth",
            74.042,
            91.34,
            21.114,
        ),
        Weights("mobilenet_v3_large-5c1a4163.pth", 75.274, 92.566, 21.107, resize=232),
    ),
    "shufflenet_v2_x0_5": (Weights("shufflenetv2_x0.5-f707e7126e.pth", 60.552, 81.746, 5.282),),
    "shufflenet_v2_x1_0": (Weights("shufflenetv2_x1-5666bf0f80.pth", 69.362, 88.316, 8.791),),
    "shufflenet_v2_x1_5": (Weights("shufflenetv2_x1_5-3c479a10.pth", 72.996, 91.086, 13.557, resize=232),),
    "shufflenet_v2_x2_0": (Weights("shufflenetv2_x2_0-8be3c8ee.pth", 76.23, 93.006, 28.433, resize=232),),
    "mnasnet0_5": (Weights("mnasnet0.5_top1_67.823-3ffadce67e.pth", 67.734, 87.49, 8.591),),
    "mnasnet0_75": (Weights("mnasnet0_75-7090bc5f.pth", 71.18, 90.496, 12.303, resize=232),),
    "mnasnet1_0": (
        Weights(
            "mnasnet1.0_top1_73.512-f206786ef8.pth",
            73.456,
            91.51,
            16.915,
        ),
    ),
    "mnasnet1_3": (Weights("mnasnet1_3-a4c69d6f.pth", 76.506, 93.522, 24.246, resize=232),),
}
