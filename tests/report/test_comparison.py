import shutil
from pathlib import Path

import numpy as np
import pytest

from cnnzoo.evaluation import mcnemar
from cnnzoo.report import write_comparison
from tests.report.reading import Page


@pytest.fixture(scope="module")
def other(trained_once):
    """Trained for less."""
    return trained_once("other/lenet5", "lenet5", epochs=1, limit=500)


@pytest.mark.slow
def test_runs_are_compared_on_the_same_images(run, other, tmp_path):
    comparison = write_comparison([run.path, other.path], tmp_path / "both.html")
    page, evaluations = Page(comparison.path), [run.evaluate(), other.evaluate()]
    _, *rows = page.tables["Metrics of the runs"]
    assert [row[2] for row in rows] == [f"{100 * evaluation.accuracy:.1f} %" for evaluation in evaluations]
    assert [row.accuracy for row in comparison.rows] == [evaluation.accuracy for evaluation in evaluations]
    (pair,) = comparison.pairs
    is_right = [evaluation.predictions == evaluation.labels for evaluation in evaluations]
    assert pair.test.only_first == np.sum(is_right[0] & ~is_right[1])
    assert pair.test == mcnemar(*evaluations)
    assert pair.verdict == f"{pair.first} is better"
    _, tested = page.tables["Paired tests"]
    assert tested[2:4] == [str(pair.test.only_first), str(pair.test.only_second)]
    _, *classes = page.tables["Recall per class"]
    assert [row[2] for row in classes] == [f"{100 * each.recall:.1f} %" for each in evaluations[1].by_class()]
    differences = {row[0]: row[1:] for row in page.tables["Differences"][1:]}
    assert differences == {"epochs": ["5", "1"], "training images": ["4000", "500"]}
    assert all(address.startswith("data:") or address == "#main" for address in page.addresses)


@pytest.mark.slow
def test_runs_of_the_same_name_are_told_apart(run, other, tmp_path):
    rows = write_comparison([run.path, other.path], tmp_path / "both.html").rows
    assert len({row.name for row in rows}) == 2
    assert all(row.name.endswith("lenet5") for row in rows)


@pytest.mark.slow
def test_the_network_that_ships_is_told_from_a_run(run, tmp_path):
    rows = write_comparison(["lenet5", run.path], tmp_path / "both.html", data="digits").rows
    assert [row.name for row in rows] == ["lenet5 as shipped", "lenet5"]


@pytest.mark.slow
def test_runs_on_other_images_are_not_tested_as_a_pair(run, hostile_run, tmp_path):
    comparison = write_comparison([run.path, hostile_run.path], tmp_path / "both.html")
    assert comparison.pairs[0].test is None
    page = Page(comparison.path)
    assert "not tested: the test images may differ" in page.text
    assert "Recall per class" not in page.tables
    assert "<i>run" in page.text
    assert "<i>" not in comparison.path.read_text()


@pytest.mark.slow
def test_one_run_in_two_folders_shows_no_difference(run, run_folder, tmp_path):
    (run_folder / "history.csv").unlink()
    comparison = write_comparison([run.path, run_folder], tmp_path / "both.html")
    assert comparison.pairs[0].test == (0, 0, 1.0)
    assert comparison.pairs[0].verdict == "no significant difference"
    assert "history.csv is not in the run folder" in Page(comparison.path).text
    (sentence,) = comparison.missing
    assert sentence.endswith("history.csv is not in the run folder, so the report lacks the learning curves.")


@pytest.mark.slow
def test_folders_are_the_same_where_their_files_are(hostile_run, tmp_path):
    again = shutil.copytree(hostile_run.path, tmp_path / "again")
    (again / "history.csv").write_text("epoch,rate\n1,0.1\n")
    comparison = write_comparison([hostile_run.path, again], tmp_path / "both.html")
    assert comparison.pairs[0].test == (0, 0, 1.0)
    assert "Learning curves" in Page(comparison.path).text


@pytest.mark.slow
def test_a_run_that_is_broken_is_listed_all_the_same(run, run_folder, tmp_path):
    for name in ("run.json", "history.csv"):
        (run_folder / name).unlink()
    comparison = write_comparison([run.path, run_folder], tmp_path / "both.html")
    assert comparison.rows[1].accuracy is None
    assert comparison.rows[1].params == 61_706


@pytest.mark.parametrize("runs", [[], ["lenet5"], ["lenet5", "lenet5"], ["lenet5", "LeNet5"]])
def test_two_different_runs_are_needed(tmp_path, runs):
    with pytest.raises(ValueError, match="at least two different runs"):
        write_comparison(runs, tmp_path / "both.html")


@pytest.mark.parametrize("kind", [str, Path])
def test_one_path_is_no_list_of_runs(tmp_path, kind):
    with pytest.raises(ValueError, match=r"`runs` must be a list of run folders, at least two. Received one: 'run'"):
        write_comparison(kind("run"), tmp_path / "both.html")


def test_a_page_that_is_there_stays(run, tmp_path):
    (tmp_path / "both.html").write_text("mine")
    with pytest.raises(FileExistsError):
        write_comparison([run.path, shutil.copytree(run.path, tmp_path / "copy")], tmp_path / "both.html")
    assert (tmp_path / "both.html").read_text() == "mine"
