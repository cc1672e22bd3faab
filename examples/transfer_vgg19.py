"""Your own classes with VGG19: from a folder of photographs to predictions with names.

python examples/transfer_vgg19.py PHOTOS                  a folder with a folder of images for each class
python examples/transfer_vgg19.py PHOTOS vgg19_notop.h5   with a local file in place of the download (80 MB)

Writes the run folder runs/vgg19, or the next that is free.
"""

import sys

import cnnzoo


def main() -> None:
    photos, *weights = sys.argv[1:]

    # 1. The network: ImageNet's convolutions stay as they are, a new last layer learns the classes
    run = cnnzoo.training.finetune("vgg19", photos, weights=weights[0] if weights else "imagenet")
    print(f"{run.metrics['test_accuracy']:.1%} of the held-out photographs are right")

    # 2. Where it errs
    for true_name, predicted_name, count in run.evaluate().most_confused():
        print(f"{true_name} taken for {predicted_name}: {count}")

    # 3. What the last convolutions make of each photograph, for a search or a map of your own
    features = cnnzoo.pretrained.features(run.model, "block5_conv4")
    vectors = cnnzoo.pretrained.embed(features, photos)
    print("features:", vectors.shape)


if __name__ == "__main__":
    main()
