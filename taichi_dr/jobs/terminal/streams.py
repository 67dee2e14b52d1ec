"""Standard output and error, whatever is at their ends: one that cannot show a character, none, one that is full."""

import codecs
import os
import sys

PLAIN = {
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{DEGREE SIGN}": " degrees",
    "\N{SUPERSCRIPT TWO}": "^2",
    "\N{SUPERSCRIPT THREE}": "^3",
    "\N{GREEK SMALL LETTER PI}": "pi",
    "\N{GREEK SMALL LETTER SIGMA}": "sigma",
    "\N{MODIFIER LETTER CAPITAL T}": "^T",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{MICRO SIGN}": "u",
    "\N{EN DASH}": "-",
}
"""What stands for the characters of messages where they cannot be shown."""

HANDLER = "taichi_dr.plain"


def make_printable():
    """Makes standard output and error take every text: characters that they have not are told by others.

    Streams that are closed become ones that lead nowhere.
    """
    codecs.register_error(HANDLER, _told_plainly)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  for the rest of the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)


def abandon(stream):
    """Lets a stream lead nowhere, so that what is still in it troubles nobody at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _told_plainly(error):
    """The handler of characters that an encoding has not: those of ``PLAIN``, else ``?``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end
