"""The networks that the tests of the page's engine try, of every family, and the side of the images, small for them."""

FAMILIES = {
    **{name: None for name in ("lenet1", "lenet5_1998", "lenet5", "resnet20", "nin_cifar10")},  # their own
    **{"squeezenet1_1": 67, "inception_v3": 75, "zfnet": 63, "alexnet": 163},
    **{name: 32 for name in ("wrn_16_4", "densenet_40_12", "shufflenet_v2_x0_5", "mnasnet0_5", "mobilenet_v1")},
    **{name: 32 for name in ("mobilenet_v2", "mobilenet_v3_small", "googlenet", "densenet121")},
    **{name: 32 for name in ("resnet18", "resnext50_32x4d", "vgg11")},
}
