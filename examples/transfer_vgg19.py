"""Your own classes with VGG19: from a folder of photographs to predictions with names.

python examples/transfer_vgg19.py PHOTOS                  a folder with a folder of images for each class
python examples/transfer_vgg19.py PHOTOS vgg19_notop.h5   with a local file in place of the download (80 MB)

Writes the run folder runs/vgg19, or the next that is free.
"""

import argparse

import cnnzoo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="PHOTOS", help="a folder with a folder of images for each class")
    parser.add_argument("weights", nargs="?", default="imagenet", help="a local file in place of the download")
    given = parser.parse_args()
    photos = given.photos

    # 1. The network: ImageNet's convolutions stay as they are, a new last layer learns the classes
    run = cnnzoo.training.finetune("vgg19", photos, weights=given.weights)
    print(f"accuracy on the held-out photographs: {run.metrics['test_accuracy']:.1%}")

    # 2. Which classes it confuses
    for true_name, predicted_name, count in run.evaluate().most_confused():
        print(f"{true_name} predicted as {predicted_name}: {count}")

    # 3. What the last convolutions make of each photograph, for a search or a map of your own
    features = cnnzoo.pretrained.features(run.model, "block5_conv4")
    vectors = cnnzoo.pretrained.embed(features, photos)
    print("features:", vectors.shape)


if __name__ == "__main__":
    main()
