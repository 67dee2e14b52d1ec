"""Output folders that are never seen half-written, and that never swallow a stranger's files."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from taichi_dr.runtime import FileError

NAMES_SHOWN = 5


def claim(folder, own, overwrite, advice="--overwrite replaces it"):
    """Checks that ``folder`` may become an output folder of a command that writes files and folders called ``own``.

    Raises:
        FileError: it is a file, or a folder with something in it and ``overwrite`` is false, or one with something in
            it that the command does not write (which overwriting would destroy).
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileError(f"{folder} is a file: the output needs a folder of its own")
    present = sorted(path.name for path in folder.iterdir())
    if present and not overwrite:
        raise FileError(f"{folder} exists and is not empty: {advice}")
    strange = [name for name in present if name not in own]
    if strange:
        shown = ", ".join(strange[:NAMES_SHOWN]) + (", …" if len(strange) > NAMES_SHOWN else "")
        raise FileError(f"{folder} holds files that this command does not write, and is left as it is: {shown}")


@contextmanager
def whole_folder(folder):
    """A new folder beside ``folder`` to write into; it takes that name when the block ends, and vanishes on an error.

    What was at ``folder`` is replaced: ``claim`` it first.
    """
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp's folders are private
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
