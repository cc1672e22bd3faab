"""Recipes that were published: those of the networks' papers, and a first lecture's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.recipes.card import RecipeCard, Result
from cnnzoo.recipes.recipe import Recipe

# Keras' defaults, as in a first lecture on these networks
LECTURE = Recipe(
    epochs=10,
    batch_size=128,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    warmup=0.0,
    precision="float32",
    initializer="glorot_uniform",
)
LECTURE_SOURCE = "a classic lecture in Keras: Glorot initialisation, Adam at a constant 1e-3, pixels in [0, 1]"
LECTURE_RESULTS = {
    "alexnet": Result("cifar10", 0.222, "published by the lecture", fraction=0.1, image_size=224),
    "lenet5": Result("mnist", 0.9903, "published by the lecture"),
    "vgg19": Result("cifar10", 0.087, "published by the lecture", fraction=0.1, image_size=224),
}

# What all papers below have in common
SGD = Recipe(optimizer="sgd", momentum=0.9, schedule="steps", steps=((0.5, 0.1),), warmup=0.0, precision="float32")

# The fractions of the training after which the learning rate falls, where a paper does not give epochs
QUARTERS = ((0.25, 0.1), (0.5, 0.01), (0.75, 0.001))
BY_QUARTERS = "the learning rate is divided by 10 after each quarter, in the paper when the validation {} stalls"
CROPS = "crops shift by up to an eighth of the side, in the paper {}"
NO_MEAN = "no means are subtracted from the pixels"
NO_NORMALIZATION = "the channels are not normalised by their means and deviations"
NO_WARM_UP = "the warm-up of ResNet-110, at a rate of 0.01 until the training error is below 80 %, is left out"
NESTEROV = "plain momentum, in the paper Nesterov's"

# Common to the papers of AlexNet and VGG
IMAGENET = replace(
    SGD, learning_rate=0.01, steps=QUARTERS, weight_decay=5e-4, augment=("flip", "crop", "color"), batch_size=128
)
RESIDUAL = replace(SGD, learning_rate=0.1, weight_decay=1e-4, augment=("flip", "crop"))
LINEAR = replace(SGD, schedule="linear", steps=(), augment=("flip", "crop"))


def _networks(family: str, *, is_small: bool | None = None) -> list[str]:
    """Return the networks of a family; only those for images of 32 pixels or of more, if asked."""
    cards = [card for card in MODEL_CARDS.values() if card.family == family]
    return [card.name for card in cards if is_small in (None, card.input_shape[0] == 32)]


def _of(
    networks: list[str],
    recipe: Recipe,
    source: str,
    deviations: tuple[str, ...] = (),
    results: Mapping[str, Result] | None = None,
) -> Iterator[RecipeCard]:
    """Yield the paper's recipe for each of ``networks``, with its results by network."""
    found = results or {}
    for network in networks:
        of_network = (found[network],) if network in found else ()
        yield RecipeCard(network, "paper", recipe, source, deviations, of_network)


def _errors(source: str, **percentages: float) -> dict[str, Result]:
    """Return results on CIFAR-10 by network, from the test errors that a paper prints."""
    return {network: Result("cifar10", round(1 - error / 100, 4), source) for network, error in percentages.items()}


LENET = replace(
    SGD,
    epochs=20,
    batch_size=1,
    learning_rate=0.01,
    # 5e-4 for two passes, 2e-4 for three, 1e-4 for three, 5e-5 for four, 1e-5 for the rest
    steps=((0.1, 0.4), (0.25, 0.2), (0.4, 0.1), (0.6, 0.02)),
    momentum=0.0,
)
LENET_SOURCE = "LeCun, Bottou, Bengio, Haffner 1998, sections II.C and III.B, appendices A and C"
LENET_RESULT = Result("mnist", 0.9905, "the paper, section III.C, without distortions")
PLAIN_DESCENT = (
    "plain gradient descent; the paper scales each weight's learning rate by a running estimate of its curvature. The "
    "peak is within the range of effective rates that the paper reports, 7e-5 to 0.016"
)
HE = "He initialisation; the paper draws uniformly from -2.4 / fan-in to 2.4 / fan-in"

ALEXNET_SOURCE = "Krizhevsky, Sutskever, Hinton 2012, sections 4.1 and 5"
ALEXNET_DEVIATIONS = (
    BY_QUARTERS.format("error"),
    CROPS.format("they are 224 of 256 pixels"),
    "all biases start at 0, in the paper some start at 1",
    NO_MEAN,
)

# Krizhevsky 2014 multiplies the learning rate three times by the third root of 1 / 250
BY_CUBE_ROOTS = tuple((quarter / 4, round(250 ** (-quarter / 3), 5)) for quarter in (1, 2, 3))

CARDS = (
    *(
        RecipeCard(network, "lecture", LECTURE, LECTURE_SOURCE, results=(result,))
        for network, result in LECTURE_RESULTS.items()
    ),
    *_of(
        ["lenet5"],
        LENET,
        LENET_SOURCE,
        (PLAIN_DESCENT, "cross-entropy; the paper uses a penalised squared distance", HE),
        {"lenet5": LENET_RESULT},
    ),
    *_of(
        ["lenet5_1998"],
        LENET,
        LENET_SOURCE,
        (PLAIN_DESCENT, "the cross-entropy of the distances' softmax, in the paper with a further constant class", HE),
        {"lenet5_1998": LENET_RESULT},
    ),
    *_of(
        ["alexnet", "alexnet_2012"],
        replace(IMAGENET, epochs=90, initializer="normal_0.01"),
        ALEXNET_SOURCE,
        ALEXNET_DEVIATIONS,
    ),
    *_of(
        ["alexnet_2014"],
        replace(IMAGENET, epochs=90, steps=BY_CUBE_ROOTS, initializer="normal_0.01"),
        "Krizhevsky 2014, the section on experiments, for one GPU",
        ALEXNET_DEVIATIONS[1:],
    ),
    *_of(
        _networks("zfnet"),
        replace(IMAGENET, epochs=70, weight_decay=0.0, augment=("flip", "crop"), initializer="normal_0.01"),
        "Zeiler, Fergus 2014, section 3",
        (
            BY_QUARTERS.format("error"),
            CROPS.format("they are ten of 224 of 256 pixels"),
            "no weight decay, which the paper does not give",
            "weights are drawn with a standard deviation of 0.01, where the paper says that they begin at 0.01",
            "the kernels are not renormalised when their RMS exceeds 0.1",
            NO_MEAN,
        ),
    ),
    *_of(
        _networks("vgg"),
        replace(IMAGENET, epochs=74, batch_size=256, initializer="normal_0.1"),
        "Simonyan, Zisserman 2015, section 3.1",
        (
            f"{BY_QUARTERS.format('accuracy')} (three times in 74 epochs)",
            CROPS.format("images are rescaled to 256 pixels or more first"),
            "all layers are initialised at random, in the paper some with the weights of its network A",
            "the networks with batch normalisation are not the paper's",
            NO_MEAN,
        ),
    ),
    *_of(
        _networks("squeezenet"),
        replace(LINEAR, epochs=68, batch_size=512, learning_rate=0.04, weight_decay=2e-4),
        "Iandola et al. 2016, section 3.3, and its configuration for Caffe: 170,000 steps of 512 images",
        (CROPS.format("they are 227 of 256 pixels"), "He initialisation, in the configuration Xavier's", NO_MEAN),
    ),
    *_of(
        _networks("resnet", is_small=False),
        replace(RESIDUAL, epochs=120, batch_size=256, steps=((0.25, 0.1), (0.5, 0.01))),
        "He, Zhang, Ren, Sun 2016, section 3.4: 600,000 steps",
        (
            "the learning rate is divided by 10 after 150,000 and 300,000 steps, as in figure 4; in the text when the "
            "error stalls",
            CROPS.format("they are 224 pixels of images that are scaled to 256 to 480"),
            "colours are not changed",
            NO_MEAN,
        ),
    ),
    *_of(
        _networks("resnet", is_small=True),
        replace(RESIDUAL, epochs=164, batch_size=128, steps=((0.5, 0.1), (0.75, 0.01))),
        "He, Zhang, Ren, Sun 2016, section 4.2: 64,000 steps, the learning rate falls after 32,000 and 48,000",
        (NO_MEAN, NO_WARM_UP),
        _errors("the paper, table 6", resnet20=8.75, resnet32=7.51, resnet44=7.17, resnet56=6.97, resnet110=6.43),
    ),
    *_of(
        _networks("wide_resnet", is_small=True),
        replace(RESIDUAL, epochs=200, batch_size=128, steps=((0.3, 0.2), (0.6, 0.04), (0.8, 0.008)), weight_decay=5e-4),
        "Zagoruyko, Komodakis 2016, section 3",
        (NESTEROV, NO_NORMALIZATION, "crops are padded with zeros, in the paper by reflection"),
        _errors("the paper, as printed in its last version", wrn_28_10=4.0),
    ),
    *_of(
        _networks("densenet", is_small=True),
        replace(RESIDUAL, epochs=300, batch_size=64, steps=((0.5, 0.1), (0.75, 0.01))),
        "Huang, Liu, van der Maaten, Weinberger 2017, section 4.2, of augmented images",
        (NESTEROV, NO_NORMALIZATION),
        _errors("the paper, table 2", densenet_40_12=5.24, densenet_bc_100_12=4.51),
    ),
    *_of(
        _networks("densenet", is_small=False),
        replace(RESIDUAL, epochs=90, batch_size=256, steps=((0.3333, 0.1), (0.6667, 0.01))),
        "Huang, Liu, van der Maaten, Weinberger 2017, section 4.2",
        (NESTEROV, NO_NORMALIZATION, CROPS.format("they have 8 % of an image or more"), "colours are not changed"),
    ),
    *_of(
        _networks("shufflenet_v2"),
        replace(LINEAR, epochs=240, batch_size=1024, learning_rate=0.5, weight_decay=4e-5),
        "Ma, Zhang, Zheng, Sun 2018, section 4, which follows Zhang et al. 2018 (ShuffleNet): 300,000 steps",
        (CROPS.format("they are scaled, too"),),
    ),
)
