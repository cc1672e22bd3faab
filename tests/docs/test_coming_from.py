"""The pages that put the calls of other libraries beside those of cnnzoo: both columns are run, without a network."""

import importlib.util

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import cnnzoo
from cnnzoo.models._torch_layout import torch_state
from tests.docs import pages
from tests.weight_files import lively, write_official

CAPTIONS = {
    "from-keras-applications": {"both", "Keras Applications", "cnnzoo"},
    "from-torchvision-and-timm": {"torchvision", "cnnzoo", "timm"},
    "from-fastai": {"fastai", "cnnzoo"},
}
WIDEST = 56  # characters of a line that fit into a column
SUBJECTS = (
    *("List the networks", "Published weights", "Backbone and features", "Read a folder of images"),
    *("Freeze and fine-tune", "Evaluate", "Grad-CAM", "Export", "lacks"),
)


@pytest.mark.parametrize("page", CAPTIONS)
def test_a_page_has_every_subject_and_code_that_fits(page):
    text = (pages.DOCS / f"{page}.md").read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert [each for each in SUBJECTS if not any(each in heading for heading in headings)] == []
    found = pages.blocks(page)
    assert {caption for caption, _ in found} == CAPTIONS[page]
    assert text.count("```{code-block}") == len(found)  # none is overlooked
    assert [line for _, code in found for line in code.splitlines() if len(line) > WIDEST] == []
    for caption, code in found:
        compile(code, caption, "exec")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with photographs of two classes, and one more."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            noise(rng).save(tmp_path / "photos" / name / f"{number}.png")
    noise(rng).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noise(rng):
    return Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))


@pytest.fixture
def keras_weights(tmp_path, monkeypatch):
    """Weights drawn at random in place of those that Keras publishes, of MobileNetV2."""

    def get_file(fname, *_, **__):
        path = tmp_path / fname
        if not path.exists():
            include_top = "no_top" not in fname
            write_official(path, lively(keras.applications.MobileNetV2(weights=None, include_top=include_top)))
        return str(path)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    classes = enumerate(cnnzoo.data.imagenet_classes())
    names = {str(number): [each.wordnet_id, each.name] for number, each in classes}
    monkeypatch.setattr("keras.src.applications.imagenet_utils.CLASS_INDEX", names)


@pytest.fixture
def torchvision_weights(tmp_path, monkeypatch):
    """Weights drawn at random in place of those that torchvision and timm publish, of ResNet-18."""
    state = torch_state(cnnzoo.models.resnet18(num_classes=1000), cnnzoo.model_card("resnet18").torchvision.module)
    path = tmp_path / "published.safetensors"
    save_file(state, path)
    monkeypatch.setattr("cnnzoo.models._sources.fetch_weights", lambda _: path)
    return state


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")  # by Keras' own `fit`, of its own data
@pytest.mark.usefixtures("eagerly")
def test_from_keras_applications(folder, keras_weights):
    theirs, ours = pages.run("from-keras-applications", "Keras Applications", "cnnzoo")
    np.testing.assert_allclose(ours["probabilities"], theirs["probabilities"], rtol=1e-3)
    assert [name for name, _ in ours["answers"][0]] == [name for _, name, _ in theirs["answers"][0]]
    assert ours["maps"].output.keys() == theirs["maps"].output.keys()
    assert ours["vectors"].shape == (10, theirs["vectors"].shape[1])
    assert ours["evaluation"].confusion.sum() == 2
    assert ours["heat"].shape == (2, 224, 224)
    assert ours["run"].model.count_params() == theirs["model"].count_params()


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_from_torchvision(folder, torchvision_weights, monkeypatch):
    if not importlib.util.find_spec("torchvision"):
        pytest.skip("torchvision is not installed")
    from tests.models.reference import torch  # with torchvision, whose operators may not suit this PyTorch

    state = {name: torch.from_numpy(values) for name, values in torchvision_weights.items()}
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: state)
    torch.manual_seed(0)
    theirs, ours = pages.run("from-torchvision-and-timm", "torchvision", "cnnzoo")
    assert ours["label"] == theirs["label"]
    assert (ours["shape"][1:3], ours["shape"][3]) == (theirs["shape"][2:], theirs["shape"][1])
    assert ours["vectors"].shape == (10, theirs["vectors"].shape[1])
    assert len(ours["test"].labels) == len(theirs["test"])
    assert ours["mine"].output_shape == (None, 2)
    assert set(theirs["ours"].state_dict()) == set(theirs["model"].state_dict())


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_from_fastai(folder, torchvision_weights):
    (ours,) = pages.run("from-fastai", "cnnzoo")
    assert ours["prediction"].label in ("cat", "dog")
    assert ours["vectors"].shape == (10, 512)
    assert ours["evaluation"].confusion.sum() == 2
    assert ours["page"].path.is_file()
