"""The site is made without a warning, leads nowhere that is not there, and can be read on a phone."""

import doctest
import importlib
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from names import ROOT
from website import browser, links

import taichi_dr as dr
from taichi_dr import cli

NEEDED = ("sphinx", "myst_parser", "furo")
FILES = ROOT / "docs" / "site"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs pip install '.[site]', and Python 3.11 for it"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site's pages, made anew with warnings as errors."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(FILES / "build.py"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def seen(site, tmp_path_factory):
    """What Chromium finds on each page, and in a search."""
    if browser.BROWSER is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    names = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    return browser.look_at(site, [*names, "search.html?q=antialiased"], tmp_path_factory.mktemp("profile"))


def test_every_link_leads_somewhere(site):
    broken = {str(path.relative_to(site)): links.missing(path) for path in site.rglob("*.html")}
    assert not {name: found for name, found in broken.items() if found}


def test_nothing_is_loaded_from_other_hosts(site):
    pages = {path: links.page(path) for path in site.rglob("*.html")}
    assert len(pages) > 100
    assert not [target for page in pages.values() for target in page.loaded if links.is_foreign(target)]
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert styles
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']+", "\n".join(styles))


def test_every_page_of_the_repository_and_every_demo_is_there(site):
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "benchmarks" / "RESULTS.md"]
    pages += [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    front = {target.partition("#")[0] for target in links.page(site / "index.html").links}
    assert {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in pages} <= front
    demos = {path.relative_to(ROOT).as_posix() for path in (ROOT / "demos").glob("*.py")} - {"demos/common.py"}
    assert {f"source/{demo}.html" for demo in demos} <= front


def test_every_picture_is_on_the_front_page(site):
    shown = {target.rpartition("/")[2] for target in links.page(site / "index.html").pictures}
    pictures = {path.name for pattern in ("*.png", "*.gif") for path in (ROOT / "docs").glob(pattern)}
    assert pictures <= shown


def test_every_public_name_has_its_place(site):
    ids = set().union(*(links.page(path).ids for path in (site / "api").glob("*.html")))
    rooms = ("shapes", "losses", "sdf", "radiance", "encodings", "schedules", "kernels")
    names = {f"taichi_dr.{name}" for name in dr.__all__ if name not in rooms}
    for room in ("losses", "sdf", "radiance", "encodings", "gui"):
        module = getattr(dr, room)
        names |= {f"taichi_dr.{room}.{name}" for name in module.__all__}
    names |= {"taichi_dr.torch.Rasterizer", "taichi_dr.torch.ScoreDistillation", "taichi_dr.torch.losses.iou"}
    names |= {"taichi_dr.shapes.car", "taichi_dr.schedules.cosine", "taichi_dr.types.ArrayLike"}
    names |= {"taichi_dr.Mesh.vertices", "taichi_dr.Camera.orbit", "taichi_dr.Rasterizer.render"}
    assert not names - ids


def test_types_go_by_their_names(site):
    text = (site / "api" / "renderers-of-meshes.html").read_text("utf-8")
    assert "ArrayLike" in text
    assert "_SupportsArray" not in text


def test_every_option_of_the_command_line_is_told(site):
    commands = _file("commands")
    assert doctest.testmod(commands) == (0, 1)
    page = re.sub(r"<[^>]+>", "", (site / "commands.html").read_text("utf-8"))
    assert "taichi-dr reconstruct --as mesh" in page
    assert not re.search(r"\u2013[a-z]", page), "dashes of an option became one"
    for command in cli.COMMANDS:
        options = re.findall(r"^│ (--[\w-]+)", commands.printed(command), re.MULTILINE)
        assert command == "doctor" or len(options) > 2
        assert f"taichi-dr {command}" in page
        assert not [option for option in options if option not in page]


def test_no_page_is_wider_than_a_phone(seen):
    assert not {name: found["wide"] for name, found in seen.items() if found["width"] > 360}


def test_no_page_is_wider_than_a_window(seen):
    wide = {
        name: [width for width, reached in found["beside"].items() if reached > int(width)]
        for name, found in seen.items()
    }
    assert not {name: widths for name, widths in wide.items() if widths}


def test_every_picture_loads_and_nothing_goes_wrong(seen):
    wrong = {name: found["broken"] + found["faults"] for name, found in seen.items()}
    assert not {name: found for name, found in wrong.items() if found}


def test_the_search_finds_pages(seen):
    assert seen["search.html?q=antialiased"]["results"] > 3


BAD = """<!doctype html><html><head></head><body id="top"><article>
<div style="width: 500px">wide</div> <img src="gone.png"> <a href="#top">here</a> <a href="#nowhere">there</a>
<script src="https://example.org/a.js"></script> <script>console.error("out of order")</script>
</article></body></html>"""


def test_a_bad_page_is_found_out(tmp_path):
    if browser.BROWSER is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    (tmp_path / "bad.html").write_text(BAD, encoding="utf-8")
    assert links.missing(tmp_path / "bad.html") == ["#nowhere", "gone.png"]
    assert [target for target in links.page(tmp_path / "bad.html").loaded if links.is_foreign(target)]
    found = browser.look_at(tmp_path, ["bad.html"], tmp_path / "profile")["bad.html"]
    assert found["width"] >= 500
    assert found["wide"][0].startswith("DIV")
    assert [picture.rpartition("/")[2] for picture in found["broken"]] == ["gone.png"]
    faults = "\n".join(found["faults"])
    assert "out of order" in faults
    assert "another host: https://example.org/a.js" in faults


def test_docstrings_are_shown_as_written():
    docstrings = _file("extensions.docstrings")
    assert doctest.testmod(docstrings).attempted > 0
    assert not doctest.testmod(docstrings).failed
    lines = [
        "Of |v|:",
        "    eye: where",
        "        it is",
        "    up: vec3",
        "and ``|v|`` of ``Variable``s.",
        "",
        "== ",
        "* a",
        "  b",
    ]
    docstrings.prepare(lines)
    assert lines == [
        *("Of \\|v\\|:", "", "* eye: where", "  it is", "* up: vec3", ""),
        *("and ``|v|`` of ``Variable``\\ s.", "", "== ", "* a", "  b"),
    ]
    lines = ["Marches:", "", "    t' = t + d(p)", "", "Raises:", "    InputError: |x| > 1"]
    docstrings.prepare(lines)
    assert lines[2] == ".. code-block:: text"
    assert lines[-2:] == ["Raises:", "    InputError: \\|x\\| > 1"]
    lines = ["See docs/sdf.md, not ``docs/sdf.md``."]
    docstrings.prepare(lines)
    assert lines == ["See :doc:`docs/sdf.md </docs/sdf>`, not ``docs/sdf.md``."]


def test_a_link_that_leads_nowhere_is_an_error():
    sources = _file("sources").Sources(["docs/sdf.md"])
    text = "[a](sdf.md#grids) [b](../demos/nerf.py) [c](https://x.org/y.py) ![d](sdf.png) [e](../tests/fuzz)"
    assert sources.relinked(text, "docs/rays.md") == (
        "[a](sdf.md#grids) [b](../source/demos/nerf.py.md) [c](https://x.org/y.py) ![d](sdf.png) "
        "[e](../source/tests/fuzz.md)"
    )
    assert sources.found == {"demos/nerf.py", "tests/fuzz"}
    with pytest.raises(FileNotFoundError, match=r"docs/rays.md: gone.md: no such file"):
        sources.relinked("[f](gone.md)", "docs/rays.md")


def _file(name):
    """A file of the site's, as a module."""
    sys.path.insert(0, str(FILES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FILES))
