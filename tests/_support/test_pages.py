"""Pages are closed: they load nothing, send nothing, and run no script but their own."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

import cnnzoo
from cnnzoo._support.pages import script_digest

TEMPLATES = [
    path
    for path in Path(cnnzoo.__file__).parent.rglob("templates/*.html")
    if "<head>" in path.read_text(encoding="utf-8")
]


def test_both_kinds_of_pages_are_looked_at():
    assert {path.parents[1].name for path in TEMPLATES} == {"play", "report"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_the_policy_of_a_page_forbids_all_but_its_own(template):
    text = template.read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.split(maxsplit=1) for rule in policy.split("; "))
    assert (rules["default-src"], rules["base-uri"], rules["form-action"]) == ("'none'",) * 3
    assert re.fullmatch(r"'sha256-\{\{ \w+ \}\}'", rules["script-src"])
    assert set(rules["img-src"].split()) <= {"data:", "blob:"}
    assert rules.keys() == {"default-src", "img-src", "style-src", "script-src", "base-uri", "form-action"}
    assert len(re.findall(r"<script>", text)) == 1  # beside data, which are no script


def test_the_digest_is_that_of_the_script():
    assert base64.b64decode(script_digest("run()")) == hashlib.sha256(b"run()").digest()
