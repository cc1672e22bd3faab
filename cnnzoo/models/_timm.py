"""What timm publishes for networks that are torchvision's: weights for ImageNet's 1,000 classes, from newer trainings.

Files, recipes and sizes of images are those of timm 1.0; accuracies are those of its table of results, in percent, with
bicubic interpolation. Lengths are not published: they are computed from the values that a network has. Imports no
Keras.
"""

from functools import partial

from cnnzoo.models.published import Publisher, TorchWeights

RELEASES = "https://github.com/huggingface/pytorch-image-models/releases/download"
LICENCE = "Apache-2.0; the weights come from ImageNet, see its terms"
TIMM = partial(Publisher, "timm", licence=LICENCE, tolerance=8 << 20)
STRIKES_BACK = TIMM(f"{RELEASES}/v0.1-rsb-weights")  # Wightman, Touvron, Jegou 2021: ResNet strikes back
OWN = TIMM(f"{RELEASES}/v0.1-weights")
ON_TPU = TIMM(f"{RELEASES}/v0.1-tpu-weights")

Weights = partial(TorchWeights, resize=288, crop=288, publisher=STRIKES_BACK)

# By torchvision's name of the network, and by timm's of the recipe: "a1" is that of resnet50.a1_in1k
WEIGHTS = {
    "resnet18": {"a1": Weights("resnet18_a1_0-d63eafa0.pth", 73.158, 91.026, 44.6)},
    "resnet34": {"a1": Weights("resnet34_a1_0-46f8f793.pth", 77.918, 93.766, 83.2)},
    "resnet50": {
        "a1": Weights("resnet50_a1_0-14fe96d1.pth", 81.214, 95.102, 97.7),
        "a1h": Weights("resnet50_a1h2_176-001a1197.pth", 80.676, 95.306, 97.7, resize=224, crop=224),
    },
    "resnet101": {
        "a1": Weights("resnet101_a1_0-cdcb52a9.pth", 82.322, 95.632, 170.3),
        "a1h": Weights("resnet101_a1h-36d3f2aa.pth", 82.778, 96.310, 170.3),
    },
    "resnet152": {
        "a1": Weights("resnet152_a1_0-2eee8a7a.pth", 82.732, 95.720, 230.2),
        "a1h": Weights("resnet152_a1h-dc400468.pth", 83.450, 96.538, 230.2),
    },
    "resnext50_32x4d": {
        "a1": Weights("resnext50_32x4d_a1_0-b5a91a1d.pth", 81.466, 95.174, 95.7),
        "a1h": Weights("resnext50_32x4d_a1h-0146ab0a.pth", 82.014, 95.934, 95.7),
    },
    "resnext101_64x4d": {
        "c1": Weights("resnext101_64x4d_c-0d0e0cc0.pth", 83.156, 96.374, 319.1, publisher=ON_TPU),
    },
    "wide_resnet50_2": {
        "racm": Weights("wide_resnet50_racm-8234f177.pth", 82.280, 96.064, 263.0, resize=303, publisher=OWN),
    },
}
