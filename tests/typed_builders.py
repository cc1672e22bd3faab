"""Calls of builders for a type checker: mypy fails here where a wrong argument is no type error any more."""

from typing import TYPE_CHECKING

from cnnzoo.models import alexnet, lenet5, resnet18, vgg16, vgg19

if TYPE_CHECKING:
    vgg19(num_classes=5, input_shape=(64, 64, 3), weight_decay=5e-4, preprocess=True, weights="imagenet")
    resnet18(num_classes=None, include_top=False, input_shape=(None, None, 3), classifier_activation=None, name="left")
    vgg16(weight_decya=5e-4)  # type: ignore[call-arg]  # misspelt
    resnet18(dropout_rate=0.5)  # type: ignore[call-arg]  # of other papers
    lenet5(10)  # type: ignore[call-arg]  # by position
    alexnet(num_classes="5")  # type: ignore[arg-type]
    lenet5(input_shape=(32, 32))  # type: ignore[arg-type]
