"""How far the networks that torchvision has, too, are from it, on each backend of Keras.

    python benchmarks/torchvision_equality.py docs/equality.csv [NETWORK ...] [--backends tensorflow jax torch]

Weights and running statistics are drawn at random, and go from torchvision into ours by the names in each paper's file.
For three sizes of images, every layer with weights is compared; the largest difference, relative to the layer's largest
value, is written. That the weights go back into the same bytes is checked, too. Needs torch, torchvision and jax. Each
network and backend has a process of its own, for memory.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

import cnnzoo

BACKENDS = ("tensorflow", "jax", "torch")
MEASURE = """
import sys
from tests.models.reference import differences, is_returned, network, reference, sizes
import cnnzoo
name = sys.argv[1]
theirs, card, found = reference(name), cnnzoo.model_card(name), []
for size in sizes(card):
    ours = network(name, size)
    found += [difference for _, difference in differences(ours, theirs, card.torchvision.module)]
assert is_returned(ours, theirs, card.torchvision.module), "the weights do not come back as the same bytes"
print(max(found))
"""


def measure(name: str, backend: str) -> float:
    """Return the largest difference of ``name`` on ``backend``."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [sys.executable, "-c", MEASURE, name]
    root = Path(__file__).parents[1]
    finished = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd=root)
    if finished.returncode:
        raise RuntimeError(f"{name} on {backend}: {finished.stderr[-2000:]}")
    return float(finished.stdout.split()[-1])


def main(path: Path, names: list[str], backends: list[str]) -> None:
    """Measure, backend by backend, and write each figure as it comes; figures that are not measured now stay."""
    rows = {row["network"]: row for row in csv.DictReader(path.open())} if path.exists() else {}
    has_counterpart = [name for name in cnnzoo.list_models(sort="params") if cnnzoo.model_card(name).torchvision]
    for backend in backends:
        for name in names or has_counterpart:
            row = rows.setdefault(name, {"network": name, **dict.fromkeys(BACKENDS, "")})
            row[backend] = f"{measure(name, backend):.1e}"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, ["network", *BACKENDS], lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows[each] for each in has_counterpart if each in rows)
            print(backend, name, row[backend], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path, help="the table to write, or to write into")
    parser.add_argument("networks", nargs="*", help="default: all that torchvision has, the smallest first")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    arguments = parser.parse_args()
    main(arguments.path, arguments.networks, arguments.backends)
