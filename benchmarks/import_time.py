"""How long `import cnnzoo` and the cards of all networks take, beyond starting the interpreter.

python benchmarks/import_time.py
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cnnzoo

PACKAGE = Path(cnnzoo.__file__).parent
TIMED = """
import sys, time
start = time.perf_counter()
import cnnzoo
cards = [cnnzoo.model_card(name) for name in cnnzoo.list_models()]
print(1000 * (time.perf_counter() - start), len(cards))
assert "keras" not in sys.modules
"""


def timed(folder: Path) -> tuple[float, int]:
    """Milliseconds and networks, in an interpreter of its own."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    words = [sys.executable, "-c", TIMED]
    finished = subprocess.run(words, check=True, capture_output=True, text=True, env=environment, cwd=folder)
    milliseconds, networks = finished.stdout.split()
    return float(milliseconds), int(networks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder) / "cnnzoo")
        timed(Path(folder))  # compiles
        results = [timed(Path(folder)) for _ in range(options.runs)]
    times = [milliseconds for milliseconds, _ in results]
    print(
        f"{results[0][1]} networks: median {statistics.median(times):.1f} ms, from {min(times):.1f} to "
        f"{max(times):.1f}, {len(times)} runs"
    )


if __name__ == "__main__":
    main()
