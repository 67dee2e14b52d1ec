"""Docstrings of the package as Sphinx wants them: what stands indented in them is shown as written.

They are reStructuredText in Google's style, but for three things: formulas and programs are lines that are indented,
without ``::``; a bar is the one of ``|v|``; and there may be letters behind code, as in ``Variable``s.
"""

import ast
import inspect
import re

SECTION = re.compile(r"(Args|Arguments|Returns|Raises|Yields|Attributes):$")
ITEM = re.compile(r"^([*-]|\d+\.) ", re.MULTILINE)
PAGE = re.compile(r"\b(docs/\w+)\.md\b")
NAMED = re.compile(r"[\w, ().]+: ")


def setup(app):
    """Has every docstring go through ``prepare``, before napoleon reads it."""
    app.connect("autodoc-process-docstring", _handle, 400)
    return {"parallel_read_safe": True}


def _handle(app, what, name, thing, options, lines):
    prepare(lines)
    if what in ("property", "attribute", "data"):
        lines[:0] = ["..", ""]  # an empty comment: else napoleon takes what is before a colon for a type


def prepare(lines):
    """Makes blocks of the indented lines of a docstring, in place, given as a list of its lines.

    >>> lines = ["A square:", "", "    y = x(2)", "", "Args:", "    x: a number"]
    >>> prepare(lines)
    >>> lines
    ['A square:', '', '.. code-block:: python', '', '    y = x(2)', '', 'Args:', '    x: a number']
    """
    found, within = [], ""
    for paragraph in re.split(r"\n(?: *\n)+", "\n".join(lines)):
        if not paragraph.startswith("  "):
            within = paragraph
        if SECTION.match(within.split("\n")[0]) or ITEM.search(within):
            found.append(escaped(paragraph))
        elif paragraph.startswith("==="):
            found.append(paragraph)
        else:
            found += map(block, re.findall(r"(?:^ .*\n?)+|(?:^[^ ].*\n?)+", paragraph, re.MULTILINE))
    lines[:] = "\n\n".join(found).split("\n")


def block(text):
    """Lines that are all indented, or none of which is: a list if each has a name, else as written."""
    text = text.rstrip()
    if not text.startswith(" "):
        return escaped(text)
    entries = inspect.cleandoc(text).split("\n")
    if all(NAMED.match(entry) or entry.startswith(" ") for entry in entries):
        items = (f"  {entry.lstrip()}" if entry.startswith(" ") else f"* {entry}" for entry in entries)
        return escaped("\n".join(items))
    return f".. code-block:: {language(text)}\n\n{text}"


def escaped(text):
    """Text whose bars outside of ``code`` are bars, whose code may have a plural, and whose pages are links to them."""
    parts = re.split(r"(``.+?``)", text, flags=re.DOTALL)
    linked = (PAGE.sub(r":doc:`\g<0> </\1>`", part) for part in parts[::2])
    plain = (re.sub(r"(?<!\\)\|", r"\\|", part) for part in linked)
    ended = (re.sub(r"^(?=\w)", r"\\ ", part) for part in plain)
    return "".join(part for pair in zip(ended, [*parts[1::2], ""], strict=True) for part in pair).removeprefix("\\ ")


def language(text):
    """``python`` for a block that is a program, else ``text``."""
    try:
        ast.parse(inspect.cleandoc(text))
    except SyntaxError:
        return "text"
    return "python" if "(" in text else "text"
