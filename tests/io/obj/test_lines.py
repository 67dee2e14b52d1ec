"""Lines of OBJ and MTL files: byte-order marks, line ends, continuations, comments and names."""

import codecs

import pytest

from taichi_dr.io.obj.lines import logical_lines, readings, rest_of, shown, without_comment


def test_ends_of_lines():
    assert list(logical_lines(b"v 1\r\nv 2\nv 3\rv 4\r\r\nv 5")) == [
        (1, b"v 1"),
        (2, b"v 2"),
        (3, b"v 3"),
        (4, b"v 4"),
        (5, b""),
        (6, b"v 5"),
    ]


def test_form_feeds_and_vertical_tabs_end_no_lines():
    assert list(logical_lines(b"f 1\x0c2\x0b3\n")) == [(1, b"f 1\x0c2\x0b3")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b" \t\n", b"  \r\n"])
def test_a_backslash_joins_lines(end):
    data = b"f 1 \\" + end + b"2 \\" + end + b"3\nf 4 5 6\n"
    assert [(number, line.split()) for number, line in logical_lines(data)] == [
        (1, [b"f", b"1", b"2", b"3"]),
        (4, [b"f", b"4", b"5", b"6"]),
    ]


def test_comments_are_not_continued():
    assert list(logical_lines(b"# C:\\tmp\\\nv 1\nv 2 # \\\nv 3")) == [
        (1, b"# C:\\tmp\\"),
        (2, b"v 1"),
        (3, b"v 2 # \\"),
        (4, b"v 3"),
    ]


def test_a_backslash_at_the_end_joins_nothing():
    assert [line.split() for _, line in logical_lines(b"f 1 2 3 \\")] == [[b"f", b"1", b"2", b"3"]]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
    ],
)
def test_encodings(mark, encoding):
    assert list(logical_lines(mark + "v 1\nusemtl a\n".encode(encoding))) == [(1, b"v 1"), (2, b"usemtl a")]


def test_nuls_are_overlooked():
    assert list(logical_lines(b"v 1 2 3\0\0\n\0\0")) == [(1, b"v 1 2 3")]


def test_comments_behind_numbers():
    assert without_comment(b"f 1 2 3 # x").split() == [b"f", b"1", b"2", b"3"]
    assert without_comment(b"f 1 2 3#x").split() == [b"f", b"1", b"2", b"3"]
    assert without_comment(b"vt 1.#QNAN 0").split() == [b"vt", b"1.#QNAN", b"0"]


def test_names_are_utf8_or_latin1():
    assert rest_of("usemtl  K\u00f6rper 1 \t".encode()) == "K\u00f6rper 1"
    assert rest_of("usemtl K\u00f6rper 1".encode("latin-1")) == "K\u00f6rper 1"
    assert rest_of(b"usemtl") == rest_of(b"  usemtl  ") == ""


def test_names_may_have_a_comment_behind_them():
    assert readings("a b # c") == ["a b # c", "a b"]
    assert readings("a#b") == ["a#b"]
    assert readings("# c") == ["# c", ""]


def test_long_lines_are_cut_short():
    assert shown("x" * 5000) == "'" + "x" * 80 + "...'"
    assert shown(b"\xff") == "'\ufffd'"
