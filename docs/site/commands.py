"""The page about the command line, made of what ``taichi-dr COMMAND --help`` prints."""

import contextlib
import io
import os
import re
import warnings

from taichi_dr import cli
from taichi_dr.jobs.reconstruct.kinds import KINDS

RULE = re.compile(r"[╭╰]─ ?(.*?) ?─+[╮╯]")
ENTRY = re.compile(r"(\S.*?)(?:  +(\S.*))?")


def write(path):
    """Writes the page: what the command is for, and a section for each of its commands."""
    kinds = [f"reconstruct --as {kind}" for kind in (*KINDS, cli.NETWORK)]
    names = [name for command in cli.COMMANDS for name in (command, *(kinds if command == "reconstruct" else ()))]
    front, _ = printed().split("usage:")
    parts = ["# On the command line", prose(front), *(section(name) for name in names)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def printed(command=""):
    """What ``taichi-dr COMMAND --help`` prints."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")  # where frames can be drawn, by which a part is told from the next
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit), warnings.catch_warnings(), columns("100"):
        cli.main([*command.split(), "--help"])
    out.flush()
    return out.buffer.getvalue().decode()


@contextlib.contextmanager
def columns(number):
    """Text is as wide as that many columns."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = number
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def section(command):
    """The section of a command: what it does, how it is called, and its arguments and options."""
    front, rest = printed(command).split("usage: ")
    usage, *lines = rest.rstrip().split("\n")
    parts = [f"## `taichi-dr {command}`", prose(front), f"```text\n{usage}\n```", options(lines)]
    return "\n\n".join(parts)


def prose(text):
    """The paragraphs of a help text, of which those with indented lines stay as they are."""
    parts = text.strip().split("\n\n")
    return "\n\n".join(f"```text\n{part}\n```" if "\n  " in part else plain(part) for part in parts)


def plain(text):
    """Text in which nothing is markup to Markdown, and options are code.

    >>> plain("a_b with --as mesh")
    'a\\\\_b with `--as` mesh'
    """
    parts = re.split(r"(--[a-z][\w-]*)", text)
    found = [
        f"`{part}`" if part.startswith("--") else re.sub(r"([\\`*_\[\]<>#{}|~$])", r"\\\1", part) for part in parts
    ]
    return "".join(found)


def options(lines):
    """Definition lists of the boxes of a help text, given by its lines."""
    found, name, words = [], None, []
    for line in lines:
        rule = RULE.fullmatch(line)
        text = line.removeprefix("│ ").removesuffix("│").rstrip()
        if name and (rule or not text.startswith(" ")):
            found.append(f"`{name}`\n: {plain(' '.join(words))}")
            name, words = None, []
        if rule:
            found += [f"**{rule[1]}**"] if rule[1] else []
        elif text.startswith(" "):
            words.append(text.strip())
        elif text:
            name, first = ENTRY.fullmatch(text).groups()
            words = [first] if first else []
    return "\n\n".join(found)
