"""The site in a real browser, opened from disk, with no network: the pages that have something of their own."""

import functools
import http.server
import runpy
import shutil
import subprocess
import sys
import threading
import urllib.parse

import pytest

import cnnzoo
from tests.browser import axe, browser, watched  # noqa: F401  # two are fixtures
from tests.docs.pages import DOCS

pytest.importorskip("sphinx", reason="the extra cnnzoo[docs]")

PAGES = ("index", "networks", "from-keras-applications", "ko/quick-start", "ko/lenet5")
# What the real configuration generates for these pages alone; links lead to pages that are left out
LESS = """

suppress_warnings = ["myst.xref_missing", "toc.not_readable"]


def _generate(app, config):
    EXTRA.mkdir(parents=True)
    (GENERATED / "networks.md").write_text(_networks_page(), encoding="utf-8")
    _draw()
"""


@pytest.fixture(scope="module")
def configuration():
    return runpy.run_path(str(DOCS / "conf.py"))


def build(folder):
    docs = folder / "docs"
    for page in PAGES:
        (docs / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DOCS / f"{page}.md", docs / f"{page}.md")
    for part in ("_static", "images"):
        shutil.copytree(DOCS / part, docs / part)
    for table in DOCS.glob("*.csv"):
        shutil.copy(table, docs)
    shutil.copytree(DOCS.parent / "examples", folder / "examples")
    (folder / "benchmarks").mkdir()
    shutil.copy(DOCS.parent / "benchmarks" / "README.md", folder / "benchmarks")
    (docs / "conf.py").write_text((DOCS / "conf.py").read_text(encoding="utf-8") + LESS, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", docs, folder / "site"]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def site(made_once):
    return made_once("site", build) / "site"


@pytest.fixture
def opened(watched, site):  # noqa: F811
    return lambda name, *options: watched(site / f"{name}.html", *options)


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ('<script src="https://cdn.example/a.js">', ["https://cdn.example/a.js"]),
        ("<img alt='' src='//host/a.png'>", ["//host/a.png"]),
        ('<link rel="stylesheet" href="http://host/a.css">', ["http://host/a.css"]),
        ('<link rel="canonical" href="https://host/">', []),
        ('<a href="https://host/">', []),
        ('<script src="_static/a.js">', []),
    ],
)
def test_what_a_page_would_load_from_another_host_is_found(configuration, tag, found):
    assert configuration["FOREIGN"].findall(tag) == found


def test_a_page_that_loads_from_another_host_is_a_warning(configuration, tmp_path, monkeypatch):
    told = []
    check = configuration["_check_offline"]
    monkeypatch.setattr(check.__globals__["logger"], "warning", lambda *message: told.append(message))
    app = type("App", (), {"outdir": tmp_path})
    (tmp_path / "good.html").write_text('<img src="a.png">')
    check(app, None)
    assert told == []
    (tmp_path / "bad.html").write_text('<img src="https://host/a.png">')
    check(app, None)
    assert [message[2] for message in told] == ["https://host/a.png"]


def test_the_landing_page_counts_the_networks():
    cards = list(map(cnnzoo.model_card, cnnzoo.list_models()))
    papers = len({card.paper for card in cards})
    assert f"[**{len(cards)} networks of {papers} papers**]" in (DOCS / "index.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_page_fits_and_is_accessible(opened, name, width, scheme):
    page = opened(name, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.querySelectorAll('article img')].every((i) => i.complete && i.naturalWidth)")
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@pytest.mark.slow
def test_pages_say_in_which_language_they_are(opened):
    language = "document.documentElement.lang"
    assert opened("index").evaluate(language) == "en"
    assert opened("ko/lenet5").evaluate(language) == "ko"


def names(page):
    return page.locator(".networks tbody tr:visible td:first-child").all_inner_texts()


@pytest.mark.slow
def test_the_table_is_sorted_by_numbers_and_names(opened):
    page = opened("networks")
    assert names(page) == cnnzoo.list_models(sort="family")
    heading = page.locator(".networks th", has=page.get_by_role("button", name="parameters"))
    assert heading.get_attribute("aria-sort") is None
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    params = [cnnzoo.model_card(name).params for name in names(page)]
    assert params == sorted(params)
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    params = [cnnzoo.model_card(name).params for name in names(page)]
    assert params == sorted(params, reverse=True)
    page.get_by_role("button", name="name").click()
    assert heading.get_attribute("aria-sort") is None
    shown = names(page)
    assert (shown[0], shown[-1]) == ("alexnet", "zfnet_512")
    assert shown.index("resnet18") < shown.index("resnet101")
    page.get_by_role("button", name="top-1 %").click()
    top1 = [cnnzoo.model_card(name).top1() for name in names(page)]
    known = [value for value in top1 if value]
    assert known == sorted(known)
    assert top1[len(known) :] == [None] * (len(top1) - len(known))  # unknown ones last


@pytest.mark.slow
def test_the_table_is_filtered(opened):
    page = opened("networks")
    everything = cnnzoo.list_models(sort="family")
    status = page.get_by_role("status")
    assert status.inner_text() == f"{len(everything)} of {len(everything)} networks"
    page.get_by_label("Family").select_option("vgg")
    assert names(page) == cnnzoo.list_models(family="vgg", sort="family")
    page.get_by_label("Weights").select_option("imagenet")
    assert names(page) == cnnzoo.list_models(family="vgg", weights="imagenet", sort="family")
    page.get_by_label("Text").fill("VGG19")
    assert names(page) == ["vgg19", "vgg19_bn"]
    assert status.inner_text() == f"2 of {len(everything)} networks"
    page.get_by_label("Year").select_option("2012")
    assert names(page) == []
    for label in ("Family", "Weights", "Year"):
        page.get_by_label(label).select_option("")
    page.get_by_label("Text").fill("")
    assert names(page) == everything
    page.get_by_label("Weights").select_option("*")
    assert names(page) == [name for name in everything if cnnzoo.model_card(name).weights]


@pytest.mark.slow
def test_without_javascript_the_table_is_plain(browser, site):  # noqa: F811
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((site / "networks.html").as_uri())
    assert page.locator(".networks tbody tr").count() == len(cnnzoo.list_models())
    assert page.locator(".networks :is(button, form)").count() == 0
    context.close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Keep quiet."""


@pytest.mark.slow
def test_the_search_finds_pages_and_shows_where(browser, site):  # noqa: F811
    handler = functools.partial(_Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = browser.new_context()
        page = context.new_page()
        hosts = set()
        page.on("request", lambda request: hosts.add(urllib.parse.urlsplit(request.url).hostname))
        page.goto(f"http://127.0.0.1:{server.server_port}/search.html?q=decode_predictions")
        page.wait_for_selector("#search-results li .context")
        assert page.locator("#search-results li a").all_inner_texts() == ["From Keras Applications"]
        assert hosts == {"127.0.0.1"}
        context.close()
        server.shutdown()


@pytest.mark.slow
def test_the_search_works_from_disk(browser, site):  # noqa: F811
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(f"{(site / 'search.html').as_uri()}?q=합성곱")
    page.wait_for_selector("#search-results li a")
    assert "1장. LeNet-5로 MNIST 읽기" in page.locator("#search-results li a").all_inner_texts()
    context.close()
