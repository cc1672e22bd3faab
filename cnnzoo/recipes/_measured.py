"""The recipes that were found or tried here, the best of each network."""

from cnnzoo.models.catalog import MODEL_CARDS
from cnnzoo.recipes.card import RecipeCard, Result
from cnnzoo.recipes.recipe import Recipe

MEASURED = "measured here: benchmarks/README.md"
CHOSEN = "chosen on held-out images: benchmarks/README.md"

OF_RESNET20 = Recipe(
    epochs=90,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.15,
    warmup=0.2,
    weight_decay=5e-4,
    augment=("flip", "crop"),
)
# Networks of the same kind: for images of 32 pixels, with batch normalisation
ALIKE = [
    card.name
    for card in MODEL_CARDS.values()
    if card.input_shape[0] == 32 and card.normalization is not None and card.name != "resnet20"
]

CARDS = (
    RecipeCard(
        "alexnet",
        "default",
        Recipe(epochs=10, batch_size=32, learning_rate=3e-4, label_smoothing=0.1, augment=("flip",), normalize=True),
        "chosen of two on held-out images: benchmarks/README.md",
        results=(Result("cifar10", 0.552, MEASURED, fraction=0.1, image_size=224),),
    ),
    RecipeCard(
        "lenet5",
        "default",
        Recipe(
            epochs=15,
            batch_size=64,
            optimizer="adamw",
            learning_rate=3e-3,
            schedule="cosine",
            weight_decay=0.1,
            label_smoothing=0.1,
            augment=("distort",),
        ),
        MEASURED,
        results=(Result("digits", 0.982, MEASURED), Result("mnist", 0.9951, f"{MEASURED}, 59,000 images")),
    ),
    RecipeCard(
        "lenet1",
        "default",
        Recipe(epochs=20, batch_size=64, optimizer="adamw", learning_rate=0.01, schedule="cosine", precision="float32"),
        "the learning rate was chosen on held-out images: benchmarks/README.md",
        results=(Result("mnist", 0.9866, f"{MEASURED}, 59,000 images", image_size=28),),
    ),
    RecipeCard(
        "lenet5_1998",
        "default",
        Recipe(
            epochs=20,
            batch_size=64,
            optimizer="adamw",
            learning_rate=3e-3,
            schedule="cosine",
            augment=("distort",),
            precision="float32",
        ),
        CHOSEN,
        results=(Result("mnist", 0.9927, f"{MEASURED}, 59,000 images"),),
    ),
    RecipeCard(
        "resnet20",
        "default",
        OF_RESNET20,
        MEASURED,
        results=(Result("cifar10", 0.8830, f"{MEASURED}, a JPEG copy"),),
    ),
    RecipeCard(
        "vgg19",
        "default",
        Recipe(
            epochs=10,
            batch_size=16,
            learning_rate=1.4e-4,
            weight_decay=0.0,
            label_smoothing=0.1,
            augment=("flip",),
            normalize=True,
        ),
        "chosen of three on held-out images: benchmarks/README.md",
        results=(Result("cifar10", 0.565, MEASURED, fraction=0.1, image_size=64),),
    ),
    *(
        RecipeCard(network, "default", OF_RESNET20, "resnet20's recipe; not measured on this network")
        for network in ALIKE
    ),
)
