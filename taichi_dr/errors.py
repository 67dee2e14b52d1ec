"""The exceptions that the package raises on purpose; every one is an ``Error``."""


class Error(Exception):
    """Base of every error that the package raises on purpose."""


class RuntimeStateError(Error, RuntimeError):
    """Taichi was not initialised, or was initialised again since an object was made."""


class BackendError(Error, RuntimeError):
    """A backend that this machine or the package does not support was asked for."""


class InputError(Error, ValueError):
    """A value outside its domain; the message says what was expected and what was got."""


class ShapeError(InputError):
    """An array or a field of the wrong shape; the message gives both shapes."""


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
