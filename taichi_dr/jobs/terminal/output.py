"""Output folders that never swallow a stranger's files."""

from pathlib import Path

from taichi_dr.errors import FileError
from taichi_dr.io.files import target_of

NAMES_SHOWN = 5


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
