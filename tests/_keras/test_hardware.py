import sys
from types import SimpleNamespace

import keras
import pytest

from cnnzoo._keras import hardware as precision
from cnnzoo._keras.hardware import choose_precision


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    monkeypatch.setattr(precision, "list_gpus", list)


@pytest.mark.parametrize(
    ("line", "expected", "reason"),
    [
        ("flags\t\t: fpu sse avx2 avx512f avx512_bf16", "mixed_bfloat16", "avx512_bf16"),
        ("flags\t\t: fpu sse avx2 amx_bf16 amx_tile", "mixed_bfloat16", "amx_bf16"),
        ("Features\t: fp asimd bf16", "mixed_bfloat16", "bf16"),
        ("flags\t\t: fpu sse avx2 avx512f", "float32", "does not support bfloat16"),
        ("", "float32", "unknown"),
    ],
)
def test_the_cpu_s_flags_decide(tmp_path, monkeypatch, line, expected, reason):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: A CPU\n{line}\n\nprocessor\t: 1\n{line}\n")
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    chosen, why = choose_precision("auto")
    assert chosen == expected
    assert reason in why


def test_where_nothing_lists_the_flags_it_is_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "absent")
    assert choose_precision("auto")[0] == "float32"


@pytest.mark.parametrize(("able", "expected"), [(True, "mixed_bfloat16"), (False, "float32")])
def test_a_gpu_decides_before_the_cpu(tmp_path, monkeypatch, able, expected):
    (tmp_path / "cpuinfo").write_text("flags\t\t: avx512_bf16\n")
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(precision, "list_gpus", lambda: ["gpu:0"])
    monkeypatch.setattr(precision, "_gpu_has_bfloat16", lambda: able)
    chosen, why = choose_precision("auto")
    assert chosen == expected
    assert "GPU" in why


@pytest.mark.parametrize(("capability", "able"), [("7.5", False), ("8.0", True), ("12.0", True), ("gfx90a", False)])
def test_the_gpu_s_generation_decides_on_jax(monkeypatch, capability, able):
    jax = SimpleNamespace(devices=lambda: [SimpleNamespace(compute_capability=capability)])
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    assert precision._gpu_has_bfloat16() is able


@pytest.mark.parametrize("wanted", ["float32", "mixed_bfloat16"])
def test_what_the_recipe_names_is_taken(wanted):
    assert choose_precision(wanted) == (wanted, "set by the recipe")
