"""The lines of OBJ and MTL files, as bytes: byte-order marks, ends of lines, continuations, comments, names.

Bytes, because a file may have names of more than one encoding, and because white space is then what the format means.
"""

import codecs
import re

MARKS = (  # longest first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LONGEST_SHOWN = 80
_COMMENT = re.compile(rb"(?<!\S)#.*")
_BEHIND_NUMBER = re.compile(rb"(?<!\.)#.*")


def logical_lines(data):
    """``[(number, line), ...]`` of a file's bytes, counted from 1; lines that end in a backslash joined with the next.

    Lines end with LF, CRLF or CR; blanks behind the backslash are overlooked; comments are never continued.

    >>> list(logical_lines(b"f 1 2 \\\\\\r\\n3\\r\\n# a\\\\\\r\\nv"))
    [(1, b'f 1 2  3'), (3, b'# a\\\\'), (4, b'v')]
    """
    lines = _as_utf8(data).splitlines()
    return _joined(lines) if b"\\" in data else enumerate(lines, start=1)


def _as_utf8(data):
    """Without its byte-order mark, which says how it is encoded, and without NULs, which pad some files."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            data = data.decode(encoding, errors="replace").encode("utf-8", errors="replace")
            break
    return data.replace(b"\0", b"")


def _joined(lines):
    start, begun = 0, b""
    for number, line in enumerate(lines, start=1):
        whole = begun + line
        stripped = whole.rstrip()
        if stripped.endswith(b"\\") and not _COMMENT.search(stripped):
            start, begun = start or number, stripped[:-1] + b" "
            continue
        yield start or number, whole
        start, begun = 0, b""
    if begun:
        yield start, begun


def without_comment(line):
    """A line of numbers without what is behind a ``#``; but ``1.#IND`` and its like are numbers (that are none).

    >>> without_comment(b"v 1 2 3 # red"), without_comment(b"vt -1.#IND 0")
    (b'v 1 2 3 ', b'vt -1.#IND 0')
    """
    return _BEHIND_NUMBER.sub(b"", line)


def rest_of(line):
    """What is behind a line's first word, as text: UTF-8, or Latin-1 where it is none.

    >>> rest_of(b"usemtl  dark red "), rest_of("newmtl K\\u00f6rper".encode("latin-1"))
    ('dark red', 'K\\xf6rper')
    """
    value = line.strip().partition(line.split(None, 1)[0])[2].strip()
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def readings(value):
    """A name that may have a comment behind it: as it stands, and without what follows a ``#`` behind white space.

    >>> readings("red # of the roof"), readings("C#")
    (['red # of the roof', 'red'], ['C#'])
    """
    short = re.sub(r"(?:^|\s+)#.*", "", value)
    return [value] if short == value else [value, short]


def cut(text):
    """A text of a file for a message, cut short where it is long."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def shown(text):
    """Text or bytes of a file for a message, in quotes, cut short where it is long.

    >>> shown(b"v 1 x")
    "'v 1 x'"
    """
    return repr(cut(text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text))
