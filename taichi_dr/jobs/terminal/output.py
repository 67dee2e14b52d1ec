"""Output folders that never swallow a stranger's files."""

import importlib.util
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from taichi_dr.errors import FileError
from taichi_dr.io.files import make_folder_of, remove_empty, target_of

NAMES_SHOWN = 5
HAS_LOCKS = importlib.util.find_spec("fcntl") is not None  # Windows has not: two runs in one folder are not noticed


@contextmanager
def alone_in(folder, writes=True):
    """Within the block no other process can be in an ``alone_in`` of the same ``folder``, made here if it is missing.

    The folder itself is locked, by the system, which forgets the lock of a process that has ended, however it did: no
    file is left behind.  A folder made here is removed if nothing has been put in it.  Processes that do not ``writes``
    pass, and file systems without locks lock nothing.

    Raises:
        FileError: another run is in there; the folder's own folder cannot be made.
    """
    if not (HAS_LOCKS and writes):
        yield
        return
    folder = Path(folder).resolve()
    made = make_folder_of(folder)
    held = None
    try:
        try:
            folder.mkdir()
            made.insert(0, folder)
        except OSError:
            _let_its_maker_in(folder)
        try:
            held = _locked(folder)
        except FileError:
            made.clear()  # another run may be in what was made here
            raise
        yield
    finally:
        remove_empty(made)
        if held is not None:
            os.close(held)


def _let_its_maker_in(folder):
    """Waits if a folder was made a moment ago: the run that made it takes it away if nothing has been put in it."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < 1:
            time.sleep(0.1)


def _locked(folder):
    """A descriptor of ``folder`` that holds its lock, None where it cannot be locked."""
    import fcntl

    while True:
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            folder.mkdir(exist_ok=True)  # another run has made it and, having failed, taken it away
            continue
        except OSError:  # may not be read: what writes there says so
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), folder.stat()):
                    return descriptor
            os.close(descriptor)  # replaced by another run since it was opened
        except BlockingIOError:
            os.close(descriptor)
            raise FileError(
                f"{folder}: another run is writing there: wait until it has ended, or name another folder"
            ) from None
        except OSError:  # a file system without locks
            os.close(descriptor)
            return None


def claim(folder, own, overwrite, advice="--overwrite replaces it"):
    """Checks that ``folder`` may become an output folder of a command that writes files and folders called ``own``.

    Temporary files that a killed run has left behind do not count.

    Raises:
        FileError: it is a file, or a folder with something in it and ``overwrite`` is false, or one with something in
            it that the command does not write (which overwriting would destroy).
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileError(f"{folder} is a file: the output needs a folder of its own")
    present = sorted(path.name for path in folder.iterdir() if target_of(path.name) not in own)
    if present and not overwrite:
        raise FileError(f"{folder} exists and is not empty: {advice}")
    strange = [name for name in present if name not in own]
    if strange:
        shown = ", ".join(strange[:NAMES_SHOWN]) + (", …" if len(strange) > NAMES_SHOWN else "")
        raise FileError(f"{folder} holds files that this command does not write, and is left as it is: {shown}")


def clear(folder, own):
    """Removes the files called ``own`` from ``folder``: what an earlier run has written.

    Raises:
        FileError: one of them cannot be removed.
    """
    for name in own:
        path = Path(folder) / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileError(f"{path}: cannot be removed: {error.strerror or error}") from error


def sweep(folder, own):
    """Removes from ``folder`` the temporary files of files called ``own`` that a killed run has left behind."""
    for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
        if target_of(path.name) in own:
            path.unlink(missing_ok=True)
