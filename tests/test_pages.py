"""Pages for those who carry this on: what they name in code font exists."""

import re

import pytest
from names import ROOT, code_spans, exists

PAGES = ("CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/kernels.md")
WORDS = {
    *("foo", "foo_adjoint", "_adjoint", "x_adjoint", "transmittance_slope"),  # of examples
    *("sum_k", "a.b", "make", "vulkan", "cpu32", "cpu64"),
    *("frame.color", "frame.color.grad"),  # by OUTPUTS
    *("draw.interpolate", "draw.texture", "draw.antialias"),  # of Primitives: test_kernels_page
}
"""Code spans that are no names of this repository."""


def names_of(page):
    """Code spans of a page that look like a path or an identifier."""
    spans = code_spans((ROOT / page).read_text(encoding="utf-8"))
    called = (re.sub(r"\(.*\)$", "", span) for span in spans)
    return sorted({span for span in called if re.fullmatch(r"[A-Za-z_][\w./]*", span) and not span.isupper()} - WORDS)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_exists(page):
    missing = [name for name in names_of(page) if not name.startswith(("ti.", "dr.")) and not exists(name)]
    assert not missing, f"{page} names what is not there: {', '.join(missing)}"


def test_files_that_any_page_names_exist():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    named = {
        (page.name, file)
        for page in pages
        for file in re.findall(
            r"(?:tests|benchmarks|demos|taichi_dr)/[a-z_0-9/]+\.py", page.read_text(encoding="utf-8")
        )
    }
    assert len(named) > 50
    assert not [(page, file) for page, file in sorted(named) if not (ROOT / file).exists()]


@pytest.mark.parametrize("page", [*PAGES, "docs/FORMULAS.md", "docs/photographs.md", "README.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing = [
        target for target in targets if "://" not in target and not (ROOT / page).parent.joinpath(target).exists()
    ]
    assert not missing, f"{page} links to what is not there: {', '.join(missing)}"
