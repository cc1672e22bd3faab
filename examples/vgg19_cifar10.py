"""VGG19 on a tenth of CIFAR-10, from the data to the pictures.

python examples/vgg19_cifar10.py                      downloads CIFAR-10 (170 MB), unless a copy lies in the cache
python examples/vgg19_cifar10.py cifar-10-batches-bin takes a local archive or folder

5,000 photographs are enlarged to 64 x 64 and seen ten times: at the 12 images a second of two slow cores, without
native bfloat16, an hour and a quarter. The bar says how long it will take you.
Interrupted, it goes on with `cnnzoo train --resume runs/vgg19_cifar10`.
"""

import sys

import cnnzoo

SIZE = 64


def main() -> None:
    # 1. The data: 5,000 photographs to train on and 1,000 to test on, at their own 32 x 32; a few of each class
    path = sys.argv[1] if sys.argv[1:] else None
    train, test = cnnzoo.data.load_cifar10(fraction=0.1, path=path)
    print("training images:", train.images.shape, " test images:", test.images.shape)
    names = cnnzoo.data.data_card("cifar10").class_names
    cnnzoo.plots.class_grid(cnnzoo.data.Dataset(train, test, names)).savefig("vgg19_images.png")

    # 2. The network, layer by layer
    cnnzoo.models.vgg19(input_shape=(SIZE, SIZE, 3)).summary()

    # 3. Training by the default recipe; the images are enlarged batch by batch
    run = cnnzoo.training.train(
        "vgg19", data="cifar10", data_path=path, fraction=0.1, image_size=SIZE, out="runs/vgg19_cifar10"
    )
    print(f"{run.metrics['test_accuracy']:.1%} of the {len(test.labels):,} test images are right; chance is 10 %")

    # 4. What it takes for what; the pictures lie in the run folder
    evaluation = run.evaluate()
    for of_class in evaluation.by_class():
        print(f"{of_class.name:>12} {of_class.recall:.1%}")
    for true_name, predicted_name, count in evaluation.most_confused():
        print(f"{count} times {true_name} taken for {predicted_name}")
    print("learning curves, confusion matrix, samples:", *sorted(run.path.glob("*.png")))


if __name__ == "__main__":
    main()
