"""Measures every gradient on every backend of this machine and writes docs/GRADIENTS.md: ``make gradients``.

Each backend has a process of its own, since Taichi keeps everything that it has compiled.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import taichi_dr as dr
from tests.gradients import measure
from tests.gradients.table import BACKENDS, OPERATIONS, page, too_large

RECORD = Path(__file__).with_name("cuda.json")
PAGE = Path(__file__).parents[2] / "docs" / "GRADIENTS.md"


def main():
    """Runs a process per backend and writes the page; exit status 1 if an error is larger than allowed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gradients", description=__doc__)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=available(), help="cpu64 comes first")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page to be written")
    parser.add_argument("--worker", nargs=2, metavar=("BACKEND", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments.worker[0], Path(arguments.worker[1]))
    with tempfile.TemporaryDirectory() as folder:
        for backend in dict.fromkeys(["cpu64", *arguments.backends]):
            command = [sys.executable, "-m", "tests.gradients", "--worker", backend, folder]
            subprocess.run(command, check=True)
        measured = {backend: load(Path(folder) / backend) for backend in dict.fromkeys(["cpu64", *arguments.backends])}
    if "cuda" not in measured:
        measured["cuda"] = {key: errors for key, errors in recorded().items() if key in measured["cpu64"]}
    arguments.out.write_text(page(measured, dr.__version__))
    print(f"wrote {arguments.out}")
    wrong = too_large(measured)
    print("\n".join(wrong) or "every gradient is as right as it must be")
    return 1 if wrong else 0


def recorded():
    """What was measured with CUDA, on an H100 and an H200 (driver 580.159.04), for machines without a device."""
    return {(group, operation, case): errors for group, operation, case, errors in json.loads(RECORD.read_text())}


def available():
    """The backends that this machine has."""
    return [name for name, (_, arch, _, _) in BACKENDS.items() if arch in dr.available_backends()]


def work(backend, folder):
    """Measures on one backend and leaves the errors in a file of the folder."""
    title, arch, double, _ = BACKENDS[backend]
    restart = partial(dr.init, arch, float64=double, random_seed=1)
    if double:
        differences, errors = measure.measure_differences(OPERATIONS, restart, show(title))
        save(folder / "differences", differences)
    else:
        errors = measure.measure_gradients(OPERATIONS, load(folder / "differences"), restart, show(title))
    save(folder / backend, errors)
    return 0


def show(title):
    """A callback that prints each case with the seconds that it took."""
    count = sum(len(operation.cases) for operation in OPERATIONS)
    done = iter(range(1, count + 1))
    return lambda key, seconds: print(f"{title} {next(done)}/{count}: {' / '.join(key)} ({seconds:.1f} s)", flush=True)


def save(path, value):
    path.write_bytes(pickle.dumps(value))


def load(path):
    return pickle.loads(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
