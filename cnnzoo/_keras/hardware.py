"""The best precision for this machine, and the reason."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

import keras

CPU_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")  # Linux names: x86, x86, ARM
CPUINFO = Path("/proc/cpuinfo")
AMPERE = 8.0  # the first generation of NVIDIA GPUs with bfloat16


def choose_precision(wanted: str) -> tuple[str, str]:
    """Return the Keras dtype policy for ``wanted``; "auto" depends on the hardware.

    Returns:
        "float32" or "mixed_bfloat16", and the reason in words.
    """
    if wanted != "auto":
        return wanted, "set by the recipe"
    if list_gpus():
        if _gpu_has_bfloat16():
            return "mixed_bfloat16", "the GPU supports bfloat16"
        return "float32", "the GPU does not support bfloat16"
    return cpu_precision()


def cpu_precision() -> tuple[str, str]:
    """Return the dtype policy that suits this CPU, and the reason in words."""
    flags = _cpu_flags(CPUINFO)
    found = [flag for flag in CPU_FLAGS if flag in flags]
    if found:
        return "mixed_bfloat16", f"the CPU supports bfloat16 ({found[0]})"
    return "float32", "the CPU does not support bfloat16" if flags else "the CPU's features are unknown"


def list_gpus() -> list[str]:
    """Return the GPUs available to the backend, in all processes that train together."""
    if keras.config.backend() == "torch":  # Keras does not list them
        return [f"cuda:{number}" for number in range(importlib.import_module("torch").cuda.device_count())]
    return [device for device in keras.distribution.list_devices() if device.startswith(("gpu", "cuda", "rocm"))]


@functools.cache  # on many cores, reading the file takes milliseconds
def _cpu_flags(cpuinfo: Path) -> frozenset[str]:
    """Return the CPU's feature flags on Linux; empty elsewhere."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    of_each = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(of_each, []))


def _gpu_has_bfloat16() -> bool:
    """Ask the backend whether the GPU supports bfloat16; False if unknown."""
    if keras.config.backend() == "torch":
        return bool(importlib.import_module("torch").cuda.is_bf16_supported())
    if keras.config.backend() == "jax":
        capability = str(getattr(importlib.import_module("jax").devices()[0], "compute_capability", ""))
        return capability.replace(".", "", 1).isdigit() and float(capability) >= AMPERE  # for AMD it is a name
    experimental = importlib.import_module("tensorflow").config
    details = experimental.experimental.get_device_details(experimental.list_physical_devices("GPU")[0])
    return bool(details.get("compute_capability", (0, 0)) >= (AMPERE, 0))
