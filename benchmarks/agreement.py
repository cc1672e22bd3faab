"""Whether OpenVINO predicts the classes that Keras predicts, on test images, by every network that ships trained.

    python benchmarks/agreement.py MNIST CIFAR10 [--images 1000]

MNIST and CIFAR10 are local copies, as ``cnnzoo.data`` reads them. Compared with Keras in float32 are OpenVINO in
float32 and in bfloat16: the images whose class differs, and the largest difference between two probabilities.
"""

import argparse

import numpy as np

import cnnzoo
from cnnzoo._keras.engine import HINTS, _compiled  # in either precision, on any CPU
from cnnzoo._keras.onnx_graph import write_onnx

SHIPPED = {"lenet1": "mnist", "lenet5_1998": "mnist", "lenet5": "mnist", "resnet20": "cifar10"}


def main() -> None:
    """Print a row for each network and precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist")
    parser.add_argument("cifar10")
    parser.add_argument("--images", type=int, default=1000)
    given = parser.parse_args()
    print("| network | precision | same class as Keras | largest difference of a probability |\n|---|---|---:|---:|")
    for name, data in SHIPPED.items():
        model = cnnzoo.create_model(name, weights=data)
        dataset = cnnzoo.data.load_dataset(cnnzoo.data.find_source(data, vars(given)[data]))
        size = model.input_shape[1:3]
        batches = cnnzoo.data.stream(dataset.test, batch_size=given.images, image_size=size, shuffle=True)
        images = next(iter(batches))[0].numpy()
        wanted = model.predict(images, verbose=0)
        content = write_onnx(model).SerializeToString()
        for precision in HINTS:
            found = _compiled(content, precision)(images)
            same = np.mean(found.argmax(1) == wanted.argmax(1))
            print(f"| {name} | {precision} | {100 * same:.1f} % | {np.abs(found - wanted).max():.1e} |", flush=True)


if __name__ == "__main__":
    main()
