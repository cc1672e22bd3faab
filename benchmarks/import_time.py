"""How long `import cnnzoo` and `cnnzoo.list_models()` take, beyond starting the interpreter.

python benchmarks/import_time.py
"""

import argparse
import statistics
import subprocess
import sys

TIMED = "import time; t = time.perf_counter(); import cnnzoo; cnnzoo.list_models(); print(time.perf_counter() - t)"


def milliseconds() -> float:
    finished = subprocess.run([sys.executable, "-c", TIMED], check=True, capture_output=True, text=True)
    return 1000 * float(finished.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the import of cnnzoo.")
    parser.add_argument("--runs", type=int, default=21)
    times = [milliseconds() for _ in range(parser.parse_args().runs)]
    print(f"median {statistics.median(times):.1f} ms, from {min(times):.1f} to {max(times):.1f}, {len(times)} runs")


if __name__ == "__main__":
    main()
