"""The exceptions that the package raises on purpose; every one is an ``Error``."""

import re

LONGEST, LONGEST_WORD = 1000, 300  # characters of a message, and of a part of it without a space


class Error(Exception):
    """Base of every error that the package raises on purpose.

    Its message is cut short where it repeats what a file or a caller gave at length.
    """

    def __str__(self) -> str:
        return shortened(super().__str__())


class RuntimeStateError(Error, RuntimeError):
    """Taichi was not initialised, or was initialised again since an object was made."""


class BackendError(Error, RuntimeError):
    """A backend that this machine or the package does not support was asked for."""


class InputError(Error, ValueError):
    """A value outside its domain; the message says what was expected and what was got."""


class ShapeError(InputError):
    """An array or a field of the wrong shape; the message gives both shapes."""


class TooLargeError(InputError, MemoryError):
    """What was asked for takes more memory than there is; the message says how much of both."""


class GeometryError(InputError):
    """A mesh that cannot be rendered: a vertex that is not finite, a face index out of range."""


class CameraError(InputError):
    """A camera that defines no image: eye = target, up parallel to the view, near >= far, ..."""


class FileError(Error, OSError):
    """A file that is missing, empty, corrupt or of an unknown format; the message names it."""


class DataSetError(FileError):
    """A set of posed images that is incomplete or inconsistent; the message names the images."""


class GradientError(Error, RuntimeError):
    """Gradients that would be wrong: one renderer used twice in one tape, a loop in a user's function, ..."""


def shortened(text: str, longest: int = LONGEST, longest_word: int = LONGEST_WORD) -> str:
    """A message of at most ``longest`` characters: what is longer loses its middle, long words (numbers, paths that
    are none) first.

    >>> text = shortened("a.json: w is no number: " + 5000 * "9", longest_word=40)
    >>> len(text), text[:28], text[-9:], "(4,984 characters)" in text
    (64, 'a.json: w is no number: 9999', ' 99999999', True)
    """
    words = re.compile(rf"\S{{{longest_word + 1},}}")
    return _without_middle(words.sub(lambda found: _without_middle(found[0], longest_word), text), longest)


def _without_middle(text, longest):
    if len(text) <= longest:
        return text
    sign = " … ({:,} characters) … "
    kept = max(longest - len(sign.format(len(text))), 2)
    first, last = (kept + 1) // 2, kept // 2
    return text[:first] + sign.format(len(text) - first - last) + text[len(text) - last :]
