"""The pictures of the front page: every demo's, and those of pages and commands."""

import ast
import re
import runpy

from PIL import Image
from sources import ROOT

MAKE = runpy.run_path(str(ROOT / "docs" / "make.py"))
WIDE = 2.2
"""Width by height from which on a picture has a row to itself; two of a demo have one too."""


def markdown():
    """The gallery in Markdown: a card for each demo, then one for each picture that is no demo's."""
    cards = [card(f"demos/{name}.py", pictures) for name, pictures in MAKE["DEMOS"].items()]
    return "\n\n".join(["## Gallery", grid(cards), "### Of commands and pages", grid(map(other, others()))])


def others():
    """``{picture: what it is taken from}`` of those that demos do not make."""
    made = dict.fromkeys(MAKE["COMPARED"].values(), "`taichi-dr compare`")
    made |= dict.fromkeys(MAKE["RECONSTRUCTION"].values(), "`taichi-dr reconstruct --as mesh`")
    made |= dict.fromkeys(MAKE["INSPECTED"], "`taichi-dr inspect`")
    made[MAKE["VIEWED"]] = "`taichi-dr view`"
    made[MAKE["LIT"]] = "`taichi-dr reconstruct --as light`"
    made |= {name: f"`taichi-dr reconstruct --as {kind}`" for name, (kind, _) in MAKE["FIELDS"].items()}
    made |= {name: "a program of [{0}](docs/{0})".format(page.split("/")[0]) for name, page in MAKE["PROGRAMS"].items()}
    return (made | dict.fromkeys(MAKE["DREAMS"], "[distillation.md](docs/distillation.md)")).items()


def grid(cards):
    """Cards side by side."""
    return "\n\n".join([":::::::{container} gallery", *cards, ":::::::"])


def card(demo, pictures):
    """A demo: its pictures, what it says of itself in a sentence, and how to run it."""
    sentence = ast.get_docstring(ast.parse((ROOT / demo).read_text("utf-8"))).split("\n\n")[0].replace("\n", " ")
    text = f"{sentence}\n\n[`python {demo}`]({demo})"
    return figure(pictures, sentence, text)


def other(item):
    """A picture that is no demo's, and what it is taken from."""
    name, source = item
    sentence = described(name)
    return figure((name,), sentence, f"{sentence}. From {source}.")


def figure(names, alt, text):
    """A card of some pictures of ``docs/`` with a text below."""
    wide = len(names) > 1 or ratio(names[0]) > WIDE
    pictures = (f":::{{image}} docs/{name}\n:alt: {alt}\n:::" for name in names)
    inside = [":::::{container} pictures", *pictures, ":::::", text]
    return "\n\n".join([f"::::::{{container}} card{' wide' * wide}", *inside, "::::::"])


def ratio(name):
    """Width by height of a picture of ``docs/``."""
    with Image.open(ROOT / "docs" / name) as picture:
        return picture.width / picture.height


def described(name):
    """What the page that shows a picture says of it."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    pattern = rf"!\[([^\]]+)\]\((?:docs/)?{re.escape(name)}\)"
    found = (re.search(pattern, page.read_text("utf-8")) for page in pages)
    return next((match[1].replace("\n", " ") for match in found if match), name)
