"""A network of the zoo on a tenth of CIFAR-10, from the data to the pictures.

python examples/cifar10.py vgg19                      downloads CIFAR-10 (170 MB), unless a copy lies in the cache
python examples/cifar10.py vgg19 cifar-10-batches-bin takes a local archive or folder

5,000 photographs are enlarged, to 224 x 224 for AlexNet and to 64 x 64 for all others, and seen ten times. Two slow
cores without native bfloat16 take an hour and a half for AlexNet and an hour and a quarter for VGG19; the progress bar
shows how long it will take you. An interrupted run is resumed by `cnnzoo train --resume runs/vgg19_cifar10`.
"""

import argparse

import cnnzoo

SIZES = {"alexnet": 224}
OTHER_SIZE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=cnnzoo.list_models(), metavar="NETWORK")
    parser.add_argument("path", nargs="?", help="a local archive of CIFAR-10, or a folder")
    given = parser.parse_args()
    name, path = given.name, given.path
    size = SIZES.get(name, OTHER_SIZE)

    # 1. The data: 5,000 photographs to train on and 1,000 to test on, at their own 32 x 32; a few of each class
    train, test = cnnzoo.data.load_cifar10(fraction=0.1, path=path)
    print("training images:", train.images.shape, " test images:", test.images.shape)
    class_names = cnnzoo.data.data_card("cifar10").class_names
    cnnzoo.plots.class_grid(cnnzoo.data.Dataset(train, test, class_names)).savefig(f"{name}_images.png")

    # 2. The network, layer by layer
    cnnzoo.create_model(name, input_shape=(size, size, 3)).summary()

    # 3. Training by the default recipe; the images are enlarged batch by batch
    run = cnnzoo.training.train(
        name, data="cifar10", data_path=path, fraction=0.1, image_size=size, out=f"runs/{name}_cifar10"
    )
    print(f"test accuracy {run.metrics['test_accuracy']:.1%} ({len(test.labels):,} images); chance is 10 %")

    # 4. Which classes it confuses; the pictures lie in the run folder
    evaluation = run.evaluate()
    for of_class in evaluation.by_class():
        print(f"{of_class.name:>12} {of_class.recall:.1%}")
    for true_name, predicted_name, count in evaluation.most_confused():
        print(f"{true_name} predicted as {predicted_name}: {count}")
    print("learning curves, confusion matrix, samples:", *sorted(run.path.glob("*.png")))


if __name__ == "__main__":
    main()
