"""The pages that the site is made of: those of the repository, and those that are made of its programs."""

import re
import shutil

import api
import commands
import gallery
from sources import ROOT, Sources

GUIDE = {
    "Guide": {
        "README.md": "Everything on one page",
        "docs/photographs.md": "",
        "docs/viewer.md": "",
        "docs/sdf.md": "",
        "docs/volumes.md": "",
        "docs/rays.md": "",
        "docs/simulations.md": "",
        "docs/uncertainty.md": "",
        "docs/networks.md": "",
        "docs/single_image.md": "",
        "docs/distillation.md": "",
        "docs/many_machines.md": "",
        "docs/kernels.md": "",
    },
    "Reference": {
        "api/index.rst": "",
        "commands.md": "",
        "docs/FORMULAS.md": "",
        "docs/GRADIENTS.md": "Table of gradients",
        "benchmarks/RESULTS.md": "Times and errors",
        "docs/RELIABILITY.md": "",
    },
    "Inside": {"docs/ARCHITECTURE.md": "", "docs/AUTODIFF.md": "", "CONTRIBUTING.md": "", "CHANGELOG.md": ""},
}
"""The parts of the table of contents: the pages of each, and what they are called there if not by their title."""

MADE = ("api/index.rst", "commands.md")
BEGINNING = "## Images to a mesh"
"""Where the part of the README that is also the front page ends."""


def write(folder):
    """Writes all pages into ``folder``, with the pictures that they show."""
    copied = [page for part in GUIDE.values() for page in part if page not in MADE]
    sources = Sources(copied)
    texts = {page: (ROOT / page).read_text("utf-8") for page in copied}
    texts["index.md"] = front(texts["README.md"])
    for page, text in texts.items():
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(sources.relinked(text, page), encoding="utf-8")
    for picture in (ROOT / "docs").iterdir():
        if picture.suffix in (".png", ".gif", ".svg"):
            shutil.copyfile(picture, folder / "docs" / picture.name)
    sources.write(folder)
    api.write(folder / "api")
    commands.write(folder / "commands.md")


def front(readme):
    """The front page: what the README begins with, the gallery, and the table of contents."""
    beginning = readme[: readme.index(BEGINNING)]
    return "\n\n".join(["---\nhide-toc: true\n---", beginning, gallery.markdown(), *map(contents, GUIDE)]) + "\n"


def contents(part):
    """A part of the table of contents."""
    entries = (f"{title} <{page}>" if title else page for page, title in GUIDE[part].items())
    lines = "\n".join(re.sub(r"\.(md|rst)\b", "", entry) for entry in entries)
    return f":::{{toctree}}\n:hidden:\n:caption: {part}\n\n{lines}\n:::"
