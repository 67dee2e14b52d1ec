"""Folders that are never seen half-written."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from taichi_dr.errors import FileError
from taichi_dr.io.files import make_folder_of, remove_empty


@contextmanager
def whole_folder(folder):
    """A new folder beside ``folder`` to write into; it takes that name when the block ends, and vanishes on an error.

    What was at ``folder`` is replaced: check first that it may be.

    Raises:
        FileError: the folder cannot be made or replaced, or the body raised an OSError.
    """
    folder = Path(folder).resolve()
    made = make_folder_of(folder)
    partial = None
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        yield partial
        partial.chmod(0o755)  # mkdtemp's folders are private
        _replace(folder, partial)
    except BaseException as error:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        remove_empty(made)
        if isinstance(error, FileError):  # names the file where it is written, not where it was to be
            raise FileError(str(error).replace(str(partial), str(folder))) from error
        if isinstance(error, OSError):
            raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
        raise


def _replace(folder, partial):
    """Gives ``partial`` the name ``folder``; what had it is gone only after that."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    old = aside / folder.name
    try:
        folder.rename(old)
        partial.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
