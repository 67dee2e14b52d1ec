"""Steps of a radiance grid by one process and by several: ``taichi-dr reconstruct --as grid`` under ``torchrun``.

    python benchmarks/distributed.py [DATA] [--steps 300] [--tiles 256 1024] [--processes 1 2]

Of posed images, or else of 40 pictures of a car of 256^2.  One process has all threads of the machine, or one; several
share them out evenly.  Times are those of the steps alone, without compiling, of a whole run each, one after the other;
bytes are what every process hands in at each step at last, at most: a row of numbers for every vertex, of which those
are sent that samples have touched.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BYTES_OF_A_ROW = 4 * (16 + 1)  # single precision; degree 1, and the weight by itself


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--tiles", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--processes", type=int, nargs="+", default=[2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or made(Path(folder) / "car")
        print("tiles  processes x threads  ms per step   thousand rays/s   MB at most   squared error")
        for tiles in options.tiles:
            cores = len(os.sched_getaffinity(0))
            for processes, threads in ((1, 1), (1, cores), *((n, max(1, cores // n)) for n in options.processes)):
                out = Path(folder) / f"{tiles}-{processes}-{threads}"
                run(data, out, processes, threads, options.steps, tiles)
                print(f"{tiles:5d} {processes:8d} x {threads:<9d} {row(out, options.steps, tiles)}", flush=True)


def made(folder):
    call([sys.executable, "-m", "taichi_dr", "dataset", "car", folder, "--views", 40, "--size", 256])
    return folder


def run(data, out, processes, threads, steps, tiles):
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    options = ["--as", "grid", "--backend", "cpu", "--steps", steps, "--tiles", tiles]
    call([*start, "-m", "taichi_dr", "reconstruct", data, out, *options], TI_CPU_MAX_NUM_THREADS=str(threads))


def call(command, **environment):
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    subprocess.run(
        [*map(str, command)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )


def row(out, steps, tiles):
    metrics = json.loads((out / "metrics.json").read_text())
    seconds, model = metrics["seconds_optimising"] / steps, metrics["model"]
    error = 10 ** (-metrics["held_out"]["psnr"] / 10)
    megabytes = (model["vertices"] + 1) * BYTES_OF_A_ROW / 1e6
    return f"{1e3 * seconds:14.1f} {64e-3 * tiles / seconds:17.1f} {megabytes:13.1f} {error:15.2e}"


if __name__ == "__main__":
    main()
