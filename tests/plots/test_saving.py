"""Figures as files."""

import pytest

from cnnzoo import plots

CURVES = {"loss": [2.0, 1.0], "val_loss": [2.5, 1.5], "accuracy": [0.3, 0.6], "val_accuracy": [0.2, 0.5]}


def test_a_picture_is_written_over_on_request_only(tmp_path):
    path = tmp_path / "mine.png"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="already exists and was not overwritten"):
        plots.save(plots.history(CURVES), path)
    assert path.read_text() == "mine"
    plots.save(plots.history(CURVES), path, force=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*absent' to write 'grid\.png' to"):
        plots.save(plots.history(CURVES), tmp_path / "absent" / "grid.png")
    assert list(tmp_path.iterdir()) == []
