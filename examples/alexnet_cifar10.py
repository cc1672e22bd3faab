"""AlexNet on a tenth of CIFAR-10, from the data to the pictures.

python examples/alexnet_cifar10.py                      downloads CIFAR-10 (170 MB), unless a copy lies in the cache
python examples/alexnet_cifar10.py cifar-10-batches-bin takes a local archive or folder

5,000 photographs to train on, 1,000 to test on, enlarged to 224 x 224, ten epochs. It took two hours on two slow
cores of a CPU without native bfloat16; the bar says how long it will take you.
Writes alexnet_history.png, alexnet_confusion.png and alexnet_samples.png into the current folder, and the run
into runs/alexnet_cifar10, from which `cnnzoo train --resume` goes on when it was interrupted.
"""

import sys

import keras

import cnnzoo

SIZE = 224


def main() -> None:
    # 1. The data: the raw pixels; they are enlarged batch by batch
    path = sys.argv[1] if sys.argv[1:] else None
    train, test = cnnzoo.data.load_cifar10(fraction=0.1, path=path, dtype="uint8")
    print("training images:", train.images.shape, " test images:", test.images.shape)

    # 2. The network, layer by layer
    keras.utils.set_random_seed(0)
    model = cnnzoo.models.alexnet()
    model.summary()

    # 3. Training, by the recipe that works best
    run = cnnzoo.training.fit(model, train, test, image_size=(SIZE, SIZE), data="cifar10", out="runs/alexnet_cifar10")
    print(f"{run.metrics['test_accuracy']:.1%} of the {len(test.labels):,} test images are right; chance is 10 %")

    # 4. What it learned, what it takes for what, and where it is surest and wrong
    evaluation = cnnzoo.evaluation.evaluate(model, test, class_names=run.class_names, image_size=(SIZE, SIZE))
    shown = evaluation.showcase()
    pictures = {
        "history": cnnzoo.plots.history(run.history),
        "confusion": cnnzoo.plots.confusion(evaluation.confusion, evaluation.class_names),
        "samples": cnnzoo.plots.samples(
            test.images[shown] / 255, evaluation.labels[shown], evaluation.probabilities[shown], evaluation.class_names
        ),
    }
    for name, figure in pictures.items():
        figure.savefig(f"alexnet_{name}.png")


if __name__ == "__main__":
    main()
