"""Which precision pays on this machine, and why."""

from __future__ import annotations

import importlib
from pathlib import Path

import keras

CPU_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")  # as Linux names them: x86, x86, ARM
CPUINFO = Path("/proc/cpuinfo")
AMPERE = 8.0  # the first generation of NVIDIA's GPUs that computes bfloat16


def choose_precision(wanted: str) -> tuple[str, str]:
    """Return the Keras policy for ``wanted``, and why in words: "auto" looks at the machine.

    Returns:
        "float32" or "mixed_bfloat16", and the reason.
    """
    if wanted != "auto":
        return wanted, "as the recipe asks"
    if list_gpus():
        if _gpu_has_bfloat16():
            return "mixed_bfloat16", "the GPU computes bfloat16 natively"
        return "float32", "the GPU computes no bfloat16 natively"
    flags = _cpu_flags()
    found = [flag for flag in CPU_FLAGS if flag in flags]
    if found:
        return "mixed_bfloat16", f"the CPU computes bfloat16 natively ({found[0]})"
    return "float32", "the CPU computes no bfloat16 natively" if flags else "the CPU does not say what it computes"


def list_gpus() -> list[str]:
    """Return the GPUs that the backend can use, of all processes that train together."""
    if keras.config.backend() == "torch":  # for which Keras lists none
        return [f"cuda:{number}" for number in range(importlib.import_module("torch").cuda.device_count())]
    return [device for device in keras.distribution.list_devices() if device.startswith(("gpu", "cuda", "rocm"))]


def _cpu_flags() -> set[str]:
    """Return what the CPU can do, as Linux lists it; nothing elsewhere."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    of_each = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    return set(next(of_each, []))


def _gpu_has_bfloat16() -> bool:
    """Ask the backend; only GPUs that say so count."""
    if keras.config.backend() == "torch":
        return bool(importlib.import_module("torch").cuda.is_bf16_supported())
    if keras.config.backend() == "jax":
        capability = str(getattr(importlib.import_module("jax").devices()[0], "compute_capability", ""))
        return capability.replace(".", "", 1).isdigit() and float(capability) >= AMPERE  # AMD's are names
    experimental = importlib.import_module("tensorflow").config
    details = experimental.experimental.get_device_details(experimental.list_physical_devices("GPU")[0])
    return bool(details.get("compute_capability", (0, 0)) >= (AMPERE, 0))
