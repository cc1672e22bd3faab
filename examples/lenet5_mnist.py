"""The classic lecture, from the images to the prediction of one digit: LeNet-5 on MNIST.

python examples/lenet5_mnist.py            trains on the 5,000 digits that ship with the package
python examples/lenet5_mnist.py mnist.npz  trains on all of MNIST: a local file, or a folder with its IDX files

Writes lenet5_training.png and lenet5_prediction.png into the current folder.
"""

import sys

import cnnzoo


def main() -> None:
    # 1. The data: 28 x 28 digits, padded to the 32 x 32 field that LeNet-5 takes
    train, test = cnnzoo.data.load_mnist(path=sys.argv[1]) if sys.argv[1:] else cnnzoo.data.load_digits()
    print("training images:", train.images.shape, "labels:", train.labels.shape)
    print("test images:    ", test.images.shape, "labels:", test.labels.shape)

    # 2. The network, layer by layer
    model = cnnzoo.models.lenet5()
    model.summary()

    # 3. Training
    run = cnnzoo.training.fit(model, train, test, recipe=cnnzoo.training.Recipe(epochs=5, batch_size=64))
    cnnzoo.plots.history(run.history).savefig("lenet5_training.png")

    # 4. Evaluation
    evaluation = cnnzoo.evaluation.evaluate(model, test)
    print(f"test accuracy {evaluation.accuracy:.2%} ({len(test.labels):,} images)")

    # 5. One digit: its class, and how sure the network is
    probabilities = model.predict(test.images[:1], verbose=0)
    print("true class:", test.labels[0], " predicted class:", probabilities[0].argmax())
    figure = cnnzoo.plots.samples(test.images[:1], test.labels[:1], probabilities, evaluation.class_names)
    figure.savefig("lenet5_prediction.png")


if __name__ == "__main__":
    main()
