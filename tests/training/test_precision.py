import pytest

from cnnzoo.training import precision
from cnnzoo.training.precision import choose_precision


@pytest.mark.parametrize(
    ("line", "expected", "reason"),
    [
        ("flags\t\t: fpu sse avx2 avx512f avx512_bf16", "mixed_bfloat16", "avx512_bf16"),
        ("flags\t\t: fpu sse avx2 amx_bf16 amx_tile", "mixed_bfloat16", "amx_bf16"),
        ("Features\t: fp asimd bf16", "mixed_bfloat16", "bf16"),
        ("flags\t\t: fpu sse avx2 avx512f", "float32", "no bfloat16"),
        ("", "float32", "no bfloat16"),
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


@pytest.mark.parametrize("wanted", ["float32", "mixed_bfloat16"])
def test_what_the_recipe_names_is_taken(wanted):
    assert choose_precision(wanted) == (wanted, "as the recipe asks")
