"""Renders random scenes with every renderer, there and back, for as long as it is told to, and counts what comes of it.

    python tests/soak/run.py --minutes 30 --seed 1 --record soak.jsonl    # a piece: one line is added to the file
    python tests/soak/run.py --table soak.jsonl                           # all pieces together
    python tests/soak/run.py --replay ray_tracer 1000017

Scenes are rendered in a process of their own.  A scene is *wrong* if a number of a picture or of a gradient is not
finite, or not where it may be, or if it ends in an exception; a *crash* is the end of the process, more than
``SECONDS`` of its own, or ``STUCK`` without an answer.  Memory is what the process holds, every ``SETTLED`` rounds: in
the first ones kernels are compiled.  Ctrl-C ends a piece, which counts.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300.0  # of the processor, for a scene: on a busy machine it may wait for much longer
STUCK = 3600.0
SETTLED = 100  # rounds of a scene for each renderer


def work(pipe):
    """Answers ``(scene, number)`` with what is wrong with it, in words."""
    from soak.scenes import Stage

    import taichi_dr as dr

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the one who asks
    dr.init("cpu")
    stage = Stage()
    while (asked := pipe.recv()) is not None:
        pipe.send(looked_at(*asked, stage))


def looked_at(name, number, stage):
    """What is wrong with a scene, in words; empty if nothing is."""
    from soak.scenes import SCENES

    try:
        return SCENES[name](np.random.default_rng([number, *name.encode()]), stage).wrong()
    except Exception:
        return traceback.format_exc(limit=-4)


class Renderer:
    """A process that renders scenes, started again when it has ended."""

    def __init__(self):
        self._process, self.crashes = None, 0

    def ask(self, name, number):
        """What is wrong with a scene."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, other = context.Pipe()
            process = context.Process(target=work, args=(other,), daemon=True)
            process.start()
            self._process = process
            other.close()
        try:
            self._pipe.send((name, number))
            before, asked = self._seconds(), time.monotonic()
            while not self._pipe.poll(1.0):
                waited = time.monotonic() - asked
                if min(waited, self._seconds() - before) > SECONDS or waited > STUCK:  # all threads' seconds add up
                    break
            else:
                return self._pipe.recv()
            words = f"no answer after {self._seconds() - before:.0f} s"
        except (EOFError, OSError):
            words = "the process has ended"
        self.close()
        self.crashes += 1
        return words

    def _seconds(self):
        """Time of the processor that the process has had."""
        user, system = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def megabytes(self):
        """What the process holds in memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) if self._process else 0
        return pages * 4096 / 1e6

    def close(self):
        """Ends the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def soak(minutes, seed, names):
    """A piece: as many rounds of a scene for each renderer as fit into the time, and what came of them."""
    began, number, renderer = time.monotonic(), seed * 1_000_000, Renderer()
    tried, wrong, memory = dict.fromkeys(names, 0), dict.fromkeys(names, 0), {}
    with suppress(KeyboardInterrupt):
        while (spent := time.monotonic() - began) < 60 * minutes:
            for name in names:
                words = renderer.ask(name, number)
                tried[name] += 1
                if words:
                    wrong[name] += 1
                    print(f"{name} {number}: {words}", flush=True)
            number += 1
            rounds = number - seed * 1_000_000
            if rounds % SETTLED == 0:
                memory[rounds] = round(renderer.megabytes())
                print(f"{rounds} rounds in {spent / 60:.0f} min: {memory[rounds]} MB", flush=True)
    renderer.close()
    piece = {"seed": seed, "minutes": round(spent / 60, 1), "tried": tried, "wrong": wrong}
    return piece | {"crashes": renderer.crashes, "megabytes_by_round": memory}


def table(pieces):
    """All pieces as a table of Markdown."""
    names = list(dict.fromkeys(name for piece in pieces for name in piece["tried"]))
    rows = ["| renderer | scenes | wrong |", "|---|---|---|"]
    for name in [*names, "all"]:
        these = names if name == "all" else [name]
        tried, wrong = (
            sum(piece[kind].get(one, 0) for piece in pieces for one in these) for kind in ("tried", "wrong")
        )
        rows.append(f"| {name.replace('_', ' ')} | {tried:,} | {wrong} |")
    minutes, crashes = (sum(piece[kind] for piece in pieces) for kind in ("minutes", "crashes"))
    rows += ["", f"{minutes:.0f} minutes in {len(pieces)} pieces, {crashes} crashes; memory of the process in MB:"]
    for piece in pieces:
        grown = ", ".join(f"{size} after {rounds} rounds" for rounds, size in piece["megabytes_by_round"].items())
        rows.append(f"* seed {piece['seed']}: {grown or 'too short to tell'}")
    return "\n".join(rows)


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--renderer", nargs="+", default=[""], help="only renderers whose names begin so")
    parser.add_argument("--record", type=Path, help="a file that a line is added to")
    parser.add_argument("--table", type=Path, help="print the table of such a file")
    parser.add_argument("--replay", nargs=2, metavar=("RENDERER", "NUMBER"), help="one scene again")
    options = parser.parse_args()
    if options.table:
        print(table([json.loads(line) for line in options.table.read_text().splitlines()]))
        return 0
    from soak.scenes import SCENES

    if options.replay:
        renderer = Renderer()
        print(renderer.ask(options.replay[0], int(options.replay[1])) or "nothing is wrong")
        renderer.close()
        return 0
    piece = soak(options.minutes, options.seed, [name for name in SCENES if name.startswith(tuple(options.renderer))])
    print(table([piece]))
    if options.record:
        with options.record.open("a") as file:
            file.write(json.dumps(piece) + "\n")
    return 1 if any(piece["wrong"].values()) else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    sys.exit(main())
