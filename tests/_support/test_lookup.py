import pytest

from cnnzoo._support.files import suggest_path
from cnnzoo._support.lookup import MOST_LISTED, look_up


def test_a_long_list_does_not_bury_the_suggestion():
    names = {f"network{number}": number for number in range(MOST_LISTED + 1)}
    with pytest.raises(ValueError, match=r"^Unknown model 'netwrk3'\. Did you mean 'network3'\?$"):
        look_up(names, "netwrk3", "model")
    with pytest.raises(ValueError, match=r"^Unknown model 'zzz'\. Available: network0, network1"):
        look_up(names, "zzz", "model")


def test_a_path_is_suggested_whatever_its_case_but_not_itself(tmp_path):
    (tmp_path / "ALEXNET1.H5").touch()
    (tmp_path / "broken.keras").symlink_to(tmp_path / "nowhere")
    assert suggest_path(tmp_path / "alexnet.h5") == f" Did you mean '{tmp_path}/ALEXNET1.H5'?"
    assert suggest_path(tmp_path / "broken.keras") == ""
    assert suggest_path(tmp_path / "absent" / "a.h5") == ""
