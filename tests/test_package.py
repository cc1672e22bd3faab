import subprocess
import sys

import cnnzoo


def in_new_interpreter(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_import_and_list_models_load_no_framework():
    code = (
        "import sys, cnnzoo; cnnzoo.list_models(); print(sorted({'keras', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    assert in_new_interpreter(code) == "[]"


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
