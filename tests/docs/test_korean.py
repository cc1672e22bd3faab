"""The pages in Korean: the code and the figures are those of the English ones."""

import re

import pytest

from tests.docs import pages

notebooks = pytest.importorskip("tests.example_notebooks", reason="nbclient and nbformat, of the extra cnnzoo[test]")

CHAPTERS = {"lenet5": "lecture_1_lenet5", "alexnet": "lecture_2_alexnet", "vgg19": "lecture_3_vgg19"}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"\d[\d.,]* ?(?:%|MB|MiB|GB)")


def page(name):
    return (pages.DOCS / f"{name}.md").read_text(encoding="utf-8")


def figures(text):
    return {figure.replace(" ", "") for figure in FIGURE.findall(text)}


@pytest.mark.parametrize(("chapter", "notebook"), CHAPTERS.items())
def test_a_chapter_has_the_cells_of_its_notebook(chapter, notebook):
    cells = notebooks.read(notebook).cells
    code = [cell.source for cell in cells if cell.cell_type == "code" and cell.id != "install"]
    assert [block.rstrip("\n") for _, block in BLOCK.findall(page(f"ko/{chapter}"))] == code


@pytest.mark.parametrize(("chapter", "notebook"), CHAPTERS.items())
def test_a_chapter_has_the_sections_and_figures_of_its_notebook(chapter, notebook):
    text = page(f"ko/{chapter}")
    cells = [cell.source for cell in notebooks.read(notebook).cells if cell.cell_type == "markdown"]
    assert text.count("\n## ") == sum(cell.startswith("## ") for cell in cells)
    shown = " ".join(str(each) for cell in notebooks.read(notebook).cells for each in cell.get("outputs", ()))
    accuracy = re.search(r"accuracy (\d+\.\d)0% \(", shown)[1]
    assert figures(text) <= figures("\n".join(cells)) | {f"{accuracy}%"}


def test_the_quick_start_has_code_and_figures_of_the_english_one():
    english, korean = page("quick-start"), page("ko/quick-start")
    assert BLOCK.findall(korean)
    assert set(BLOCK.findall(korean)) <= set(BLOCK.findall(english))
    assert figures(korean) <= figures(english)
