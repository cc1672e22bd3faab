"""The command line as users call it, from an empty folder: in a process of its own or, which is quicker, here."""

import csv
import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnzoo
from cnnzoo.cli import main
from tests.weight_files import lively


def cnnzoo_command(*words, cwd=None):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-m", "cnnzoo", *map(str, words)],
        cwd=cwd,
        env=environment,  # as users have it: TensorFlow writes what it likes
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def command(monkeypatch, capfd, tmp_path):
    """Run a command in the test's folder, within this process, where TensorFlow is loaded already."""
    monkeypatch.chdir(tmp_path)

    def run_command(*words):
        monkeypatch.setattr(sys, "argv", ["cnnzoo", *map(str, words)])
        with pytest.raises(SystemExit) as exit_info:
            main()
        return subprocess.CompletedProcess(words, exit_info.value.code or 0, *capfd.readouterr())

    return run_command


@pytest.fixture
def picture(digits, tmp_path):
    """The first held-out digit, a zero, as a picture."""
    path = tmp_path / "digit.png"
    Image.fromarray((digits[1].images[0, 2:30, 2:30, 0] * 255).astype(np.uint8)).save(path)
    return path


@pytest.mark.slow
def test_train_says_what_it_did_and_where_things_are(tmp_path):
    finished = cnnzoo_command("train", "lenet5", "--epochs", 1, "--limit", 100, "--seed", 1, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert "epoch 1/1   training: loss" in finished.stdout
    assert re.search(r"lenet5: test accuracy [\d.]+% \([\d,]+/1,000\), loss", finished.stdout)
    assert "run folder: runs/lenet5\n" in finished.stdout
    assert (tmp_path / "runs" / "lenet5" / "model.keras").is_file()


def test_evaluate_repeats_the_accuracy(command, run):
    finished = command("evaluate", run.path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith(f"accuracy {run.metrics['test_accuracy']:.2%} (")


def test_evaluate_lists_the_classes(command, run):
    printed = command("evaluate", run.path).stdout
    evaluation = run.evaluate()
    low, high = evaluation.accuracy_interval()
    assert f"95% interval {low:.2%} to {high:.2%}" in printed
    assert f"top-5 accuracy {evaluation.top_k_accuracy(5):.2%}" in printed
    three = evaluation.by_class()[3]
    assert f"3 100 {three.precision:.2%} {three.recall:.2%} {three.f1:.2%} #" in " ".join(printed.split())


@pytest.mark.slow
def test_train_report_and_compare_leave_pages(command, run):
    finished = command("train", "lenet5", "--limit", 100, "--epochs", 1, "--out", "one", "--report")
    assert "  report.html\n" in finished.stdout
    shutil.copytree(run.path, "two")
    finished = command("report", "two")
    assert (finished.stdout, finished.stderr) == ("two/report.html\n", "")
    finished = command("compare", "one", "two")
    assert finished.stderr == ""
    assert "one, two: " in finished.stdout
    assert finished.stdout.endswith("\ncomparison.html\n")
    assert all(Path(name).stat().st_size for name in ("one/report.html", "two/report.html", "comparison.html"))
    Path("two/history.csv").unlink()
    missing = "history.csv is not in the run folder, so the report lacks the learning curves.\n"
    assert command("report", "two", "--out", "without.html").stderr == f"missing: {missing}"
    assert command("compare", "one", "two", "--out", "without-curves.html").stderr == f"missing: two: {missing}"


def test_predict_prints_every_class_best_first(command, run, picture):
    finished = command("predict", run.path, picture)
    assert finished.returncode == 0, finished.stderr
    title, best, *others = finished.stdout.splitlines()
    assert title == f"{picture}: 0"
    assert best.split()[0] == "0"
    assert len(others) == 9


@pytest.mark.slow
def test_predict_prints_as_many_classes_as_asked_for(command, run, picture):
    shown = command("predict", run.path, picture, "--top", "2").stdout.splitlines()
    assert len(shown) == 3
    rows = command("predict", run.path, picture, "--csv", "--top", "2").stdout.splitlines()
    assert rows[0] == "image,label,error,class 1,p 1,class 2,p 2"
    assert rows[1].split(",")[3] == rows[1].split(",")[1]
    assert (
        len(json.loads(command("predict", run.path, picture, "--json", "--top", "3").stdout)[0]["probabilities"]) == 3
    )


def test_the_engine_is_an_option(command, tmp_path):
    picture = Path(cnnzoo.__file__).parents[1] / "examples" / "seven.png"
    by_keras, by_openvino = (
        json.loads(command("predict", "lenet5", picture, "--json", "--engine", engine).stdout)[0]
        for engine in ("keras", "openvino")
    )
    assert by_keras["label"] == by_openvino["label"] == "7"
    assert by_keras["probabilities"]["7"] == pytest.approx(by_openvino["probabilities"]["7"], abs=0.02)
    assert command("embed", "lenet5", picture, "--out", "a.npz", "--engine", "openvino").returncode == 0
    refused = command("predict", "lenet5", picture, "--engine", "open")
    assert refused.returncode == 2
    assert "Unknown engine 'open'. Did you mean 'openvino'?" in refused.stderr


def test_predict_needs_no_training_where_weights_ship(picture, tmp_path):
    finished = cnnzoo_command("predict", "lenet5", picture, cwd=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith(f"{picture}: 0\n")


def test_recipes_lists_every_field_with_its_sources(command):
    printed = command("recipes", "vgg19").stdout
    for cell in ("learning_rate", "normal_0.1", "0.25:0.1,0.5:0.01,0.75:0.001", "Simonyan", "8.7% on 10% of cifar10"):
        assert cell in printed


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_another_option_is_refused(command, tmp_path):
    out = tmp_path / "run"
    words = ["train", "lenet5", "--limit", "200", "--epochs", "500", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "cnnzoo", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (out / "checkpoint.npz").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.startswith("\nStopping after the step under way.")
    assert "\nerror: Stopped after " in told
    assert told.endswith(f"which is saved. Resume it with `cnnzoo train --resume {out}`.\n")
    finished = command("train", "--resume", out, "--epochs", "3")
    assert finished.returncode == 2
    assert finished.stderr.startswith(
        "error: A resumed run keeps its settings: it began with epochs=500. Received: epochs=3."
    )


@pytest.mark.slow
def test_tensorboard_s_logs_lie_in_the_run(command, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra `tensorboard`")
    assert command("train", "lenet5", "--epochs", 1, "--limit", 20, "--out", "run", "--tensorboard").returncode == 0
    assert {path.name for path in (tmp_path / "run" / "tensorboard").iterdir()} == {"train", "validation"}


def test_options_of_a_team_need_distributed(command):
    finished = command("train", "lenet5", "--addresses", "localhost:1")
    assert finished.returncode == 2
    assert "need `--distributed`" in finished.stderr


def test_predict_prints_json(command, run, picture):
    finished = command("predict", run.path, picture, picture, "--json")
    first, second = json.loads(finished.stdout)
    assert (first["image"], first["label"], len(first["probabilities"])) == (str(picture), "0", 10)
    assert second["probabilities"] == pytest.approx(first["probabilities"], abs=1e-6)


@pytest.fixture
def mixed(picture, tmp_path):
    """A folder with a digit of an awkward name, a broken picture, and another digit."""
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    shutil.copy(picture, tmp_path / "folder" / 'a, "b"\nc.png')
    (tmp_path / "folder" / "broken.png").write_text("no image")
    shutil.copy(picture, tmp_path / "folder" / "deep" / "d.png")
    return ['folder/a, "b"\nc.png', "folder/broken.png", "folder/deep/d.png"]


def test_predict_takes_folders_and_goes_on_after_a_broken_picture(command, run, picture, mixed):
    finished = command("predict", run.path, "digit.png", "folder", "absent.png", "digit.png")
    assert finished.returncode == 1
    assert [line for line in finished.stdout.splitlines() if line.endswith(": 0")] == [
        "digit.png: 0",
        "c.png: 0",  # the name has two lines
        "folder/deep/d.png: 0",
        "digit.png: 0",
    ]
    broken, absent = finished.stderr.splitlines()
    assert broken.startswith("error: 'folder/broken.png' is not a readable image.")
    assert absent == "error: No such image: 'absent.png'"


def test_predict_is_read_by_programs_also_where_a_picture_is_broken(command, run, picture, mixed):
    finished = command("predict", run.path, "folder", "--json")
    assert finished.returncode == 1
    told = json.loads(finished.stdout)
    assert [each["image"] for each in told] == mixed
    assert [each.get("label") for each in told] == ["0", None, "0"]
    assert "not a readable image" in told[1]["error"]
    finished = command("predict", run.path, "folder", "--csv")
    assert finished.returncode == 1
    rows = list(csv.DictReader(io.StringIO(finished.stdout)))
    assert [row["image"] for row in rows] == mixed
    assert [row["label"] for row in rows] == ["0", "", "0"]
    assert float(rows[2]["p(0)"]) == pytest.approx(told[2]["probabilities"]["0"], abs=1e-6)
    assert "not a readable image" in rows[1]["error"]


def test_predict_fails_where_nothing_is_predicted(command, run, tmp_path):
    (tmp_path / "empty").mkdir()
    for layout, stdout in (
        ([], ""),
        (["--json"], '[{"image": "empty", "error": "The folder \'empty\' contains no images."}]\n'),
    ):
        finished = command("predict", run.path, "empty", *layout)
        assert (finished.returncode, finished.stdout) == (2, stdout)
        assert finished.stderr == "error: The folder 'empty' contains no images.\n"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="where names of files are always text")
def test_predict_prints_names_that_are_not_utf8(command, run, picture, tmp_path):
    os.rename(picture, os.fsencode(tmp_path) + b"/caf\xe9.png")
    finished = command("predict", run.path, ".")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith("caf\\udce9.png: 0\n")


def test_list_names_every_network():
    printed = cnnzoo_command("list").stdout
    for name in cnnzoo.list_models():
        assert name in printed
        assert f"{cnnzoo.model_card(name).params:,}" in printed


def test_show_prints_layers_and_totals(command):
    printed = command("show", "lenet5").stdout
    for cell in ("c1", "28 x 28 x 6", "117,600", "61,706", "416,520", "Deviations from the paper"):
        assert cell in printed


def test_show_knows_the_networks_of_keras_applications_and_files(command, tmp_path):
    printed = command("show", "MobileNetV3Small").stdout
    for cell in ("expanded_conv_depthwise", "DepthwiseConv2D", "2,542,856", "12,112", "112 x 112 x 16"):
        assert cell in printed
    cnnzoo.models.lenet5(num_classes=3, name="mine").save(tmp_path / "mine.keras")
    assert "mine, input 32 x 32 x 1" in command("show", "mine.keras").stdout


def test_show_takes_either_of_two_networks_of_a_name(command, run, tmp_path):
    assert "Deviations from the paper" in (ours := command("show", "resnet50").stdout)
    theirs = command("show", "ResNet50", "--keras").stdout
    assert "Deviations" not in theirs
    assert "23,528,522" in ours
    assert "25,583,592" in theirs
    (tmp_path / "vgg16").mkdir()
    shutil.copytree(run.path, tmp_path / "vgg19")
    assert command("show", "vgg16", "--keras").stdout.startswith("vgg16")
    assert (command("show", "vgg19", "--keras").returncode, command("show", "vgg19", "--keras").stderr) == (0, "")
    refused = "is not a network of Keras Applications, which `--keras` (`of_keras=True`) asks for."
    for name in ("lenet5", str(run.path)):
        assert refused in command("show", name, "--keras").stderr


def test_a_run_comes_before_a_network_of_its_name(command, run, picture, tmp_path):
    (tmp_path / "lenet5").mkdir()  # a folder that is no run does not
    shipped = command("predict", "lenet5", picture).stdout
    assert "Deviations from the paper" in command("show", "lenet5").stdout
    shutil.copytree(run.path, tmp_path / "lenet5", dirs_exist_ok=True)
    predicted = command("predict", "lenet5", picture)
    assert predicted.stdout == command("predict", run.path, picture).stdout != shipped
    assert predicted.stderr == "note: 'lenet5' is the run folder of that name here, not the network.\n"
    assert "Deviations" not in command("show", "lenet5").stdout
    for name in ("lenet5", "runs"):
        assert command("embed", name, picture, "--out", f"{name}.npz").returncode == (0 if name == "lenet5" else 2)
    shutil.rmtree(tmp_path / "lenet5")
    assert "no run folder './lenet5'. Did you mean 'lenet5'?" in command("predict", "./lenet5", picture).stderr
    assert "Did you mean 'lenet5'?" in command("predict", "lenet", picture).stderr


def test_show_prints_what_programs_read(command, tmp_path):
    written = json.loads(command("show", "lenet5", "--json").stdout)
    assert written["total"]["params"] == 61_706
    rows = list(csv.DictReader(io.StringIO(command("show", "lenet5", "--csv").stdout)))
    assert [row["name"] for row in rows][:2] == ["c1", "s2"]
    assert command("show", "lenet5", "--markdown").stdout.startswith("| name |")
    assert command("show", "lenet5", "--diagram", "drawn.svg").stdout == "drawn.svg\n"
    assert (tmp_path / "drawn.svg").read_text(encoding="utf-8").startswith("<svg")


def test_without_words_it_prints_help():
    finished = cnnzoo_command()
    assert finished.returncode == 0
    assert "train" in finished.stdout


def test_data_commands_say_what_there_is(command, tmp_path):
    assert "CIFAR-10" in command("data", "list").stdout
    assert command("data", "where").stdout.strip() == os.environ["CNNZOO_HOME"]
    assert command("data", "verify").stdout == f"no local copies in {os.environ['CNNZOO_HOME']}\n"
    assert command("data", "show", "digits", "--out", "grid.png").stdout == "grid.png\n"
    with Image.open(tmp_path / "grid.png") as picture:
        assert min(picture.size) > 500


def test_a_damaged_copy_is_reported_by_verify(command):
    copy = Path(os.environ["CNNZOO_HOME"], "mnist.npz")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"broken off")
    finished = command("data", "verify")
    assert finished.returncode == 2
    assert finished.stdout == f"mnist: damaged: {copy}\n"
    assert finished.stderr == f"error: Damaged copies: 1. Delete '{copy}' and run `cnnzoo data fetch mnist`.\n"


def test_export_says_how_the_file_compares_and_what_runs_it(command):
    finished = command("export", "lenet1", "--float16", "--out", "small.onnx")
    assert finished.returncode == 0, finished.stderr
    first, second, third = finished.stdout.splitlines()
    assert re.fullmatch(r"small\.onnx  \d+\.\d kB \(weights in float32: 10\.3 kB\)", first)
    assert second.startswith("On 1,000 images (digits that ship with cnnzoo), outputs differ by at most ")
    assert third == "To run it on a picture: python small_onnx.py PICTURE"


@pytest.mark.slow
def test_train_on_a_folder_and_ask_about_one_of_its_images(command, tmp_path):
    rng = np.random.default_rng(0)
    for name, color in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(np.array(color) + rng.integers(-50, 50, (20, 30, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "red" / "broken.png").write_text("no image")
    (tmp_path / "photos" / "red" / "notes.txt").write_text("no image")
    words = ["train", "lenet5", "--data", "./photos", "--image-size", 32, "--augment", "flip,crop", "--epochs", 2]
    finished = command(*words, "--batch-size", 4, "--skip-broken")
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    left_out, broken, found, passed_over, *_ = finished.stdout.splitlines()
    assert left_out == "skipped, not readable as images: 1 file"
    assert broken.endswith("photos/red/broken.png")
    assert found == "layout: one folder per class; 20% of each class used for testing"
    assert passed_over == "ignored: 1 file (.txt)"
    finished = command("evaluate", "runs/lenet5")
    assert finished.stderr.splitlines()[-2:] == [found, passed_over]
    assert command("data", "show", "photos", "--skip-broken", "--out", "a.png").stderr.splitlines()[-1] == passed_over
    asked = command("predict", "runs/lenet5", "photos/blue/3.png")
    assert asked.stdout.startswith("photos/blue/3.png: blue\n")
    assert len(cnnzoo.training.load_run(tmp_path / "runs" / "lenet5").evaluate().labels) == 4


def test_version():
    assert cnnzoo_command("--version").stdout == f"cnnzoo {cnnzoo.__version__}\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="this system has UTF-8 names only")
def test_folders_whose_names_are_not_utf8_are_used_and_told(command, monkeypatch, tmp_path):
    data, out = os.fsdecode(b"d\xe9ta"), os.fsdecode(b"r\xe9n")
    for name, shade in (("cat", 0), ("dog", 200)):
        (tmp_path / data / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), shade).save(tmp_path / data / name / f"{number}.png")
    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", terminal)
        finished = command("train", "lenet5", "--data", data, "--epochs", 1, "--out", out, "--report")
    assert finished.returncode == 0, finished.stderr
    terminal.seek(0)
    assert "run folder: r\\udce9n\n" in terminal.read()
    assert (tmp_path / out / "report.html").is_file()
    assert len(cnnzoo.training.load_run(tmp_path / out).evaluate().labels) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "lenet"], "error: Unknown model 'lenet'. Did you mean 'lenet5'?"),
        (["show", "vgg91"], "error: Unknown network, run folder or file 'vgg91'. Did you mean 'vgg19'?"),
        (["show", "lenet5", "--json", "--csv"], "error: Give one of `--json`, `--csv`, `--markdown` and `--diagram`."),
        (["train", "lenet5", "--epochs", "0"], "error: `epochs` must be an integer of at least 1"),
        (["train", "lenet5", "--data", "mnist"], "error: mnist.npz could not be downloaded"),
        (
            ["train", "lenet5", "--out", "taken"],
            "error: 'taken' already exists and was not overwritten. Choose another name.",
        ),
        (["train", "lenet5", "--epochs", "many"], "error: Invalid value for '--epochs'"),
        (["train", "lenet5", "--batch-size", "99999999999999999999"], "error: `batch_size` must be an integer"),
        (["train", "lenet5", "--out", "text.png/run"], "error: The run folder 'text.png/run' cannot be made"),
        (["train", "lenet5", "--data", "./photos"], "error: There is no folder './photos'."),
        (["train", "lenet5", "--augment", "flop"], "error: Unknown augmentation 'flop'. Did you mean 'flip'?"),
        (["train"], "error: Name a network to train, or give --resume RUN."),
        (["train", "lenet5", "--recipe", "papers"], "error: Unknown recipe 'papers'. Did you mean 'paper'?"),
        (["train", "--resume", "RUN"], "error: The run"),
        (["train", "lenet5", "--distributed"], "error: Training together needs several processes"),
        (["list", "--family", "vgf"], "error: Unknown family 'vgf'. Did you mean 'vgg'?"),
        (["list", "--max-params", "5"], "error: The smallest of these networks has"),
        (["pretrained", "--max-params", "ten"], "error: `--max-params` must be a number like 10M or 500K."),
        (["pretrained", "--sort", "top2"], "error: Unknown order 'top2'. Did you mean 'top5'?"),
        (["finetune", "vgg20", "photos"], "error: Unknown network, run folder or file 'vgg20'. Did you mean 'v"),
        (["finetune", "vgg19", "taken", "--epochs", "0"], "error: `epochs` must be an integer of at least 1"),
        (["finetune", "vgg19", "taken"], "error: '/"),
        (
            ["embed", "vgg19", "taken", "--out", "text.png", "--weights", "none"],
            "error: `out` must be a file that ends",
        ),
        (
            ["embed", "vgg19", "taken", "--out", "a.npz", "--weights", "b.h5"],
            "error: `weights` must be a name of published weights, a file, a run folder or None.",
        ),
        (["trian"], "error: No such command 'trian'"),
        (["train", "lenet5", "--epoch", "3"], "error: No such option: --epoch"),
        (["evaluate"], "error: Missing argument 'NETWORK'. Add --help for help."),
        (["train", "Xception"], "error: 'Xception' is in `cnnzoo.pretrained`, not in `cnnzoo.models`"),
        (
            ["recipes", "xceptio"],
            "error: Unknown model 'xceptio'. Did you mean 'xception' in `cnnzoo.pretrained`?",
        ),
        (
            ["finetune", "alexnet", "taken"],
            "error: There are no published weights of alexnet. Train it first",
        ),
        (["embed", "runs/absent", "taken", "--out", "a.npz"], "error: There is no run folder or file 'runs/absent'."),
        (["predict", "RUN", "text.png", "--json", "--csv"], "error: Give one of `--json` and `--csv`."),
        (["data", "fetch", "minst"], "error: Unknown data set 'minst'. Did you mean 'mnist'?"),
        (["data", "fetch", "digits"], "error: The data set 'digits' ships with the package"),
        (["data", "show", "digits", "--out", "text.png"], "error: 'text.png' already exists and was not overwritten."),
        (
            ["data", "show", "digits", "--out", "absent/a.png"],
            "error: There is no folder 'absent' to write 'a.png' to.",
        ),
        (["report", "RUN", "--out", "taken", "--force"], "error: 'taken' already exists and was not overwritten."),
        (["evaluate", "absent"], "error: There is no run folder 'absent'."),
        (["evaluate", "text.png"], "error: 'text.png' is a file. Give the folder of a run."),
        (["evaluate", "taken"], "error: 'taken' is not a finished run: it has no model.keras."),
        (["report", "absent"], "error: There is no run folder 'absent'."),
        (["report", "taken"], "error: 'taken' is not a run folder: it contains none of run.json"),
        (["report", "RUN", "--out", "text.png"], "error: 'text.png' already exists and was not overwritten."),
        (["compare", "RUN"], "error: `runs` must name at least two different runs."),
        (["compare", "RUN", "absent"], "error: There is no run folder 'absent'."),
        (["predict", "RUN", "absent.png"], "error: No such image: 'absent.png'"),
        (["predict", "resnet18", "absent.png"], "error: No such image: 'absent.png'"),
        (["predict", "RUN", "text.png", "--top", "0"], "error: `top` must be an integer of at least 1"),
        (["predict", "RUN", "text.png", "--crop"], "error: `crop` is for photographs, and "),
        (["evaluate", "resnet18"], "error: Give a folder with one subfolder per class of ImageNet: `--data`."),
        (["export", "RUN", "--to", "onxx"], "error: Unknown format 'onxx'. Did you mean 'onnx'?"),
        (["export", "RUN", "--out", "net.xml"], "error: The file must end in .onnx. Received: 'net.xml'"),
        (["predict", "RUN", "text.png"], "error: 'text.png' is not a readable image."),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(command, tmp_path, run, words, message):
    (tmp_path / "taken").mkdir()
    (tmp_path / "text.png").write_text("no image")
    finished = command(*(run.path if word == "RUN" else word for word in words))
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.startswith(message)
    assert finished.stderr.count("\n") == 1
    assert not re.search(r"[?!.][.,]", finished.stderr), "two marks at the end of a sentence"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "text.png"]


@pytest.mark.parametrize(
    ("words", "file", "work"),
    [
        pytest.param(
            ["report", "RUN", "--out", "out.html"], "out.html", "cnnzoo.report.run_report.find", marks=pytest.mark.slow
        ),
        pytest.param(["report", "copy"], "copy/report.html", "cnnzoo.report.run_report.find", marks=pytest.mark.slow),
        pytest.param(
            ["compare", "RUN", "copy"], "comparison.html", "cnnzoo.report.comparison.find", marks=pytest.mark.slow
        ),
        (["data", "show", "digits", "--out", "out.png"], "out.png", "cnnzoo.data.load_dataset"),
        (["show", "lenet5", "--diagram", "out.svg"], "out.svg", "cnnzoo.pretrained.networks.open_network"),
        pytest.param(
            ["embed", "mobilenet", "digit.png", "--weights", "none", "--image-size", "32", "--out", "out.npz"],
            "out.npz",
            "cnnzoo.pretrained.embeddings.open_backbone",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_file_is_overwritten_on_request_only_which_is_checked_first(
    command, run, picture, tmp_path, monkeypatch, words, file, work
):
    shutil.copytree(run.path, tmp_path / "copy")
    (tmp_path / file).write_text("mine")
    words = [run.path if word == "RUN" else word for word in words]
    with monkeypatch.context() as patch:
        module, name = work.rsplit(".", 1)
        patch.setattr(importlib.import_module(module), name, lambda *_, **__: pytest.fail("the work has begun"))
        finished = command(*words)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.endswith("Choose another name, or overwrite it with `force` (--force).\n")
    assert (tmp_path / file).read_text() == "mine"
    assert command(*words, "--force").returncode == 0
    assert (tmp_path / file).stat().st_size > 1000
    assert not [path for path in tmp_path.rglob(".partial*")]


def test_pretrained_lists_what_there_is(command):
    finished = command("pretrained", "--sort", "top1", "--max-params", "10M")
    assert finished.returncode == 0, finished.stderr
    heading, best, *others = finished.stdout.splitlines()
    assert heading.split()[:3] == ["name", "input", "parameters"]
    assert best.split()[:3] == ["efficientnetb2", "260", "9,109,994"]
    assert len(others) == 10


@pytest.mark.slow
def test_finetune_and_embed_take_a_folder_of_photographs(command, tmp_path):
    rng = np.random.default_rng(0)
    for name, brightness in (("dark", 0), ("light", 155)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(brightness, brightness + 100, (40, 40, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    network = lively(cnnzoo.pretrained.load("vgg16", weights=None, input_shape=(32, 32, 3)), gain=2)
    network.save_weights(tmp_path / "vgg16.weights.h5")
    words = ("--weights", "vgg16.weights.h5", "--image-size", 32, "--epochs", 20, "--out", "run")
    finished = command("finetune", "vgg16", "photos", *words)
    assert finished.returncode == 0, finished.stderr
    assert "test accuracy 100.00% (4/4)" in finished.stdout
    finished = command("predict", "run", "photos/light/0.png")
    assert finished.stdout.startswith("photos/light/0.png: light\n")
    finished = command("embed", "mobilenet", "photos", "--weights", "none", "--image-size", 64, "--out", "f.npz")
    assert finished.stdout == "f.npz\n"
    with np.load(tmp_path / "f.npz") as arrays:
        assert (arrays["features"].shape, arrays["files"][0]) == ((20, 1024), "dark/0.png")


def test_embed_takes_what_is_trained_here(command, tmp_path, run):
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(tmp_path / "photos" / "0.png")
    for network in (run.path, "lenet5"):
        finished = command("embed", network, "photos", "--out", "f.npz", "--force")
        assert finished.stdout == "f.npz\n", finished.stderr
        with np.load(tmp_path / "f.npz") as arrays:
            assert arrays["features"].shape == (1, 120)
