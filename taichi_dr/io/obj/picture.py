"""A picture that a line of an MTL file names, with options before or behind the name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from taichi_dr.io.images import PICTURES
from taichi_dr.io.obj.find import FOLDERS, find_file
from taichi_dr.io.obj.lines import cut, readings, rest_of

OPTIONS = {
    "-blendu": 1,
    "-blendv": 1,
    "-bm": 1,
    "-boost": 1,
    "-cc": 1,
    "-clamp": 1,
    "-colorspace": 1,
    "-imfchan": 1,
    "-mm": 2,
    "-o": 3,
    "-s": 3,
    "-t": 3,
    "-texres": 1,
    "-type": 1,
}
"""How many values an option takes at most."""

OF_WORDS = ("-blendu", "-blendv", "-cc", "-clamp", "-colorspace", "-imfchan", "-type")
NEUTRAL = {"-cc": {"off"}, "-mm": {"0 1"}, "-t": {"0", "0 0", "0 0 0"}}
"""At what values options that are not applied would change nothing."""

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s+"
READABLE = (*PICTURES, ".tga", ".webp", ".gif", ".exr", ".hdr")


@dataclass(frozen=True)
class Picture:
    """A ``file``, shown at ``scale * uv + offset`` (-s and -o), with a ``wrap`` mode along u and v (-clamp)."""

    file: Path
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    wrap: tuple[str, str] = ("repeat", "repeat")


def read_picture(file, line, notes):
    """The ``Picture`` that a line of the MTL ``file`` names, as in ``map_Kd -s 2 2 1 -clamp on my tex.png``.

    None without a name, and if there is no such file; ``notes`` says so then.
    """
    meanings = _meanings(rest_of(line))
    name, options = next((one for one in meanings if os.path.isfile(file.parent / one[0])), meanings[-1])
    if not name:
        return None
    found = find_file(file.parent, name)
    if found is None:
        found = find_file(file.parent, name, READABLE)
        notes.append(_missing(file, name, found))
    return found and _picture(file, found, options, notes)


def _missing(file, name, other):
    taken = f"{other.name} is taken" if other else f"not in its own folder, in {', '.join(FOLDERS)}, or the like there"
    return f"{file.name}: its texture {cut(name)} is missing: {taken}"


def _meanings(value):
    """``[(name, {option: values}), ...]``: what a value may mean, the usual last: a name may begin like an option, and
    have in it what looks like a comment or like an option behind it."""
    found = [(_unquoted(value), {})]
    for text in readings(value):
        options, name = _options(text)
        found.append((_unquoted(name), options))
        for gap in re.finditer(r"\s+(?=-[A-Za-z]+\s)", name):
            behind, left = _options(name[gap.end() :] + " ")
            if behind and not left:
                found.append((_unquoted(name[: gap.start()]), options | behind))
                break
    return found


def _options(text):
    """``({option: values}, what is behind them)``."""
    options = {}
    while (match := re.match(r"(-[A-Za-z]+)\s+", text)) and match[1].lower() in OPTIONS:
        option, text, values = match[1].lower(), text[match.end() :], []
        value = r"(\S+)\s+" if option in OF_WORDS else NUMBER
        while len(values) < OPTIONS[option] and (match := re.match(value, text)):
            values.append(match[1])
            text = text[match.end() :]
        options[option] = values
    return options, text


def _unquoted(name):
    quoted = re.fullmatch(r"""(["'])(.*)\1""", name)
    return quoted[2] if quoted else name


def _picture(file, found, options, notes):
    for option, neutral in NEUTRAL.items():
        values = options.get(option, [])
        plain = " ".join(value.lower() if option in OF_WORDS else f"{float(value):g}" for value in values)
        if values and plain not in neutral:
            notes.append(f"{file.name}: {option} {plain} of its texture {found.name} is not applied")
    scale = [float(value) for value in options.get("-s", [])] + [1.0, 1.0]
    offset = [float(value) for value in options.get("-o", [])] + [0.0, 0.0]
    wrap = "clamp" if options.get("-clamp", [""])[:1] == ["on"] else "repeat"
    return Picture(found, tuple(scale[:2]), tuple(offset[:2]), (wrap, wrap))
