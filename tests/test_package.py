import subprocess
import sys

import pytest

import cnnzoo


def in_new_interpreter(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_import_and_list_models_load_no_framework():
    code = (
        "import sys, cnnzoo; cnnzoo.list_models(); print(sorted({'keras', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    assert in_new_interpreter(code) == "[]"


@pytest.mark.parametrize(
    ("loaded", "setting", "first"),
    [("tensorflow", {}, True), ("tensorflow", {"TF_ENABLE_ONEDNN_OPTS": "1"}, False), ("other", {}, False)],
)
def test_it_knows_when_tensorflow_was_imported_before_it(loaded, setting, first):
    code = (
        f"import os, sys, types; sys.modules[{loaded!r}] = types.ModuleType({loaded!r}); "
        f"os.environ.pop('TF_ENABLE_ONEDNN_OPTS', None); os.environ.update({setting!r}); "
        "import cnnzoo; print(cnnzoo.TENSORFLOW_CAME_FIRST)"
    )
    assert in_new_interpreter(code) == str(first)


def test_completion_sees_the_public_names():
    assert set(dir(cnnzoo)) >= {"create_model", "data", "list_models", "model_card", "models", "pretrained", "training"}
    assert set(dir(cnnzoo.models)) >= {"alexnet", "lenet5", "vgg19"}


def test_a_builder_keeps_its_name_when_its_module_is_imported_first():
    code = "import cnnzoo.models.alexnet, cnnzoo.training.fit, cnnzoo; "
    code += "print(callable(cnnzoo.models.alexnet), callable(cnnzoo.training.fit))"
    assert in_new_interpreter(code) == "True True"


def test_command_line_help_loads_no_framework():
    code = "import sys, cnnzoo.cli; print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    assert in_new_interpreter(code) == "[]"
