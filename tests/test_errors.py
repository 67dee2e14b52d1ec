"""Messages of errors: what a file gives at length they do not repeat."""

import pytest

from taichi_dr import errors

KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.Error)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_is_short_whatever_it_repeats(kind):
    words = str(kind(f"a.json: frame {'x' * 5000}: is missing"))
    assert words.startswith("a.json: frame xxx")
    assert words.endswith("xxx: is missing")
    assert len(words) < 400
    text = str(kind("a.json: expected this, got " + 5000 * "3.14, " + "end"))
    assert text.startswith("a.json: expected this, got 3.14")
    assert text.endswith("3.14, end")
    assert len(text) <= 1000


def test_a_message_of_usual_length_stays_as_it_is():
    path = "/".join(["folder"] * 30) + "/a.obj"
    assert str(errors.FileError(f"{path}: no such file")) == f"{path}: no such file"
    assert str(errors.InputError()) == ""
    assert str(errors.FileError(2, "no such file")) == "[Errno 2] no such file"
