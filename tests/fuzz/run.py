"""Mutates files of every format for as long as it is told to, and counts what comes of it.

    python tests/fuzz/run.py --minutes 10 --seed 1 [--format ply] [--keep failures]
    python tests/fuzz/run.py --replay failures/obj-17

A try is read in a process of its own kind, which is ended after ``SECONDS``.  What is neither valid nor refused by an
error of the package (another exception, the end of the process, too much time or memory) is kept with all its files.
"""

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEGABYTES = 20.0, 1500
FIRST_SECONDS = 120.0  # of a format in a process: Taichi starts, kernels compile
OUTCOMES = ("valid", "refused", "anything else")


def work(pipe, folder):
    """Answers ``(format, number)`` with ``(outcome, words)``; number None: as it is in the folder."""
    from fuzz.seeds import FORMATS, looked_at

    import taichi_dr as dr

    dr.init("cpu")
    folder, before = Path(folder), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while (asked := pipe.recv()) is not None:
        name, number = asked
        try:
            if number is not None:
                prepare(FORMATS[name], folder, name, number)
            outcome, words = looked_at(name, folder / "try" if number is not None else folder)
            if (grown := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) > 1000 * MEGABYTES:
                outcome, words = "anything else", f"{grown / 1000:.0f} MB"
        except Exception:
            outcome, words = "anything else", traceback.format_exc()
        pipe.send((outcome, words.encode("ascii", "backslashreplace").decode()))


def prepare(form, folder, name, number):
    """Writes the files of a try into ``folder/try``."""
    from fuzz.mutations import mutated

    base, place = folder / "base" / name, folder / "try"
    if not base.exists():
        base.mkdir(parents=True)
        form.make(base)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place)
    random = np.random.default_rng([number, *name.encode()])
    path = place / form.mutable[random.integers(len(form.mutable))]
    path.write_bytes(mutated(path.read_bytes(), random, form.kind))


class Reader:
    """A process that reads tries, started again when it was ended."""

    def __init__(self, folder):
        self._folder, self._process, self._read = folder, None, set()

    def ask(self, name, number):
        """``(outcome, words)`` of a try."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=work, args=(other, str(self._folder)), daemon=True)
            self._process.start()
            other.close()
            self._read.clear()
        patience = SECONDS if name in self._read else FIRST_SECONDS
        self._read.add(name)
        try:
            self._pipe.send((name, number))
            if self._pipe.poll(patience):
                outcome, words = self._pipe.recv()
                if words.endswith(" MB"):
                    self.close()  # what it holds counts against the next try
                return outcome, words
            words = f"more than {patience:g} s"
        except (EOFError, OSError):
            words = "the process has ended"
        self.close()
        return "anything else", words

    def close(self):
        """Ends the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def fuzz(minutes, seed, names, keep=None, tries=None):
    """``{format: [valid, refused, anything else]}`` of as many tries of each as fit into the time (or of ``tries``)."""
    counts, ends, number = {name: [0, 0, 0] for name in names}, time.monotonic() + 60 * minutes, seed * 1_000_000
    first = number
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        while time.monotonic() < ends and (tries is None or number - first < tries):
            for name in names:
                outcome, words = reader.ask(name, number)
                counts[name][OUTCOMES.index(outcome)] += 1
                if outcome == "anything else":
                    print(f"{name} {number}: {words}", flush=True)
                    if keep is not None:
                        _keep(Path(folder) / "try", Path(keep) / f"{name.replace(', ', '_')}-{number}", name, words)
            number += 1
        reader.close()
    return counts


def _keep(files, folder, name, words):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files, folder)
    (folder / "fuzz.txt").write_text(f"{name}\n{words}\n")


def table(counts):
    """The counts as a table of Markdown."""
    rows = ["| format | tried | valid | refused | anything else |", "|---|---|---|---|---|"]
    for name, found in [*counts.items(), ("all", np.sum(list(counts.values()), axis=0))]:
        rows.append(f"| {name} | {sum(found):,} | " + " | ".join(f"{count:,}" for count in found) + " |")
    return "\n".join(rows)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", default="", help="only formats whose names begin so")
    parser.add_argument("--keep", default=None, help="a folder for what fails")
    parser.add_argument("--replay", default=None, help="a folder that --keep has filled")
    options = parser.parse_args()
    if options.replay:
        name = (Path(options.replay) / "fuzz.txt").read_text().splitlines()[0]
        reader = Reader(Path(options.replay))
        print(*reader.ask(name, None), sep=": ")
        reader.close()
        return 0
    from fuzz.seeds import FORMATS

    counts = fuzz(options.minutes, options.seed, [n for n in FORMATS if n.startswith(options.format)], options.keep)
    print(table(counts))
    return 1 if any(found[2] for found in counts.values()) else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.exit(main())
