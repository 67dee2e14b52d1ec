"""How good dreamt things are: ``taichi-dr dream`` with and without its parts, judged by who knows nothing of it.

    python benchmarks/dreaming.py dream OUT [--rows whole no-guidance] [--pairs 10] [--part 1/2]
    python benchmarks/dreaming.py collapse OUT [--seeds 20] [--part 1/2]
    python benchmarks/dreaming.py table OUT

``dream`` dreams of pairs of shape and colour that the diffusion model was trained with and of pairs that it has never
seen, every shape in both groups; ``collapse`` dreams briefly, again and again, from a blob and from fog, with and
without the opacity term.  Both leave out what OUT holds already, so that they can be stopped, and shared among
processes: part 1 of 2, part 2 of 2.  ``table`` judges all that is there, prints it in Markdown, and draws some of it:
``dreams.png``.

* words: what the classifier of ``dream_judge.py`` reads off eight views of the volume together; "views" is the share of
  single views of which it reads both words.
* IoU: with the true thing, in 40^3 voxels; up to a turn about y, and as it stands: the words for the views say where
  the front is.
* nearest: the thing, of those that training has seen, whose eight pictures are nearest to those of the dream.  It
  cannot have both words of a pair that was never seen.
* wrong side: for chairs and cars, the share of views that look most like a view of the true thing more than 60 degrees
  away; "turned" allows the dream as a whole the turn for which these are the fewest.  Things with two fronts (the
  problem of Janus) have views on a wrong side whatever the turn.
* collapsed: less than 2 % or more than 90 % of the pictures are covered, or 5 % of the cube's rim is solid.
  "fog" is what has no solid yet: less than one voxel in a thousand.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from dream_judge import FACING_DEG, TURNS, Judge

import taichi_dr as dr
from taichi_dr.io.files import write_json
from taichi_dr.io.images import quantized
from taichi_dr.jobs.dream.pictures import looks
from taichi_dr.jobs.report.pages import write_grid
from taichi_dr.jobs.settings.dream import DreamSettings
from taichi_dr.torch.dreamer.dream import Dream
from taichi_dr.torch.dreamer.model import model_of
from taichi_dr.torch.dreamer.words import is_held_out

SEEN = {
    "chair": "blue",
    "torus": "cyan",
    "star": "green",
    "car": "red",
    "table": "yellow",
    "box": "white",
    "pyramid": "orange",
    "cylinder": "purple",
    "cone": "blue",
    "ball": "orange",
}
NEVER_SEEN = {
    "chair": "orange",
    "torus": "red",
    "star": "white",
    "car": "blue",
    "table": "cyan",
    "box": "orange",
    "pyramid": "white",
    "cylinder": "yellow",
    "cone": "green",
    "ball": "purple",
}

ROWS = {
    "whole": {},
    "no-guidance": {"guidance": 1.0},
    "no-annealing": {"annealing": "none"},
    "no-view-words": {"view_words": "off"},
    "no-opacity-orientation": {"opacity": 0.0, "orientation": 0.0},
}
"""What is other than by default."""

STARTS = {
    "blob, opacity": {},
    "blob": {"opacity": 0.0},
    "fog, opacity": {"start": "fog"},
    "fog": {"start": "fog", "opacity": 0.0},
}
OFTEN = "large cyan torus", "small blue chair", "large green star", "small red car"

COLLAPSED = {
    "empty": lambda one: one["covered"] < 0.02,
    "full": lambda one: one["covered"] > 0.9,
    "shell": lambda one: one["rim"] > 0.05,
}
FOG = 0.001
SHOWN, SIDE, SIDES = 6, 112, ([60.0, 240.0], [25.0, 25.0])  # of dreams.png

WORDS, OVERLAP = ("both words", "shape", "colour"), ("IoU up to a turn", "IoU")
HEAD = ["", *WORDS, "views", *OVERLAP]


class Run(NamedTuple):
    """A dream: the table's row, the words in the order of a prompt, what is other than by default, and its seed."""

    row: str
    words: str
    changes: dict
    seed: int

    def file(self, out, suffix):
        """Where it is kept."""
        return out / self.row.replace(", ", "-") / f"{self.words.replace(' ', '-')}-{self.seed}{suffix}"


def main():
    options = options_of_command()
    dr.init("cpu", cpu_max_num_threads=1)
    torch.set_num_threads(1)
    if options.command == "table":
        print("\n\n".join(tables(options.out)))
        return
    runs = dreams(options.rows, options.pairs) if options.command == "dream" else starts(options.seeds)
    part, parts = map(int, options.part.split("/"))
    for run in runs[part - 1 :: parts]:
        if not run.file(options.out, ".json").exists():
            dream(run, options)


def options_of_command():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, steps in (("dream", 500), ("collapse", 200), ("table", None)):
        command = commands.add_parser(name)
        command.add_argument("out", type=Path)
        if steps is not None:
            command.add_argument("--steps", type=int, default=steps)
            command.add_argument("--part", default="1/1", help="which part of how many")
            command.add_argument("--model", type=Path)
    commands.choices["dream"].add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    commands.choices["dream"].add_argument("--pairs", type=int, default=len(SEEN), help="of each group, the first ones")
    commands.choices["collapse"].add_argument("--seeds", type=int, default=20)
    return parser.parse_args()


def dreams(rows, pairs):
    """The runs of ``dream``, row after row: as many pairs of each group, in one size in one group and in the other."""
    sizes = "large", "small"
    words = [
        f"{sizes[(group + i) % 2]} {known[shape]} {shape}"
        for i, shape in enumerate(list(SEEN)[:pairs])
        for group, known in enumerate((SEEN, NEVER_SEEN))
    ]
    return [Run(row, prompt, ROWS[row], 0) for row in rows for prompt in words]


def starts(seeds):
    """The runs of ``collapse``."""
    return [
        Run(row, OFTEN[seed % len(OFTEN)], changes, seed) for seed in range(seeds) for row, changes in STARTS.items()
    ]


def dream(run, options):
    """Dreams, and writes the grid and how it came about."""
    settings = DreamSettings(f"a {run.words}", options.out, model=options.model, seed=run.seed, **run.changes)
    made, start = Dream(model_of(settings), settings), time.perf_counter()
    for step in range(options.steps):
        made.step(step / options.steps)
    seconds = time.perf_counter() - start
    run.file(options.out, "").parent.mkdir(parents=True, exist_ok=True)
    made.grid().save(run.file(options.out, ".npz"))
    about = {"row": run.row, "words": run.words, "seed": run.seed, "steps": options.steps, "seconds": round(seconds, 1)}
    write_json(run.file(options.out, ".json"), about)
    print(*about.values(), sep=", ", flush=True)


def tables(out):
    """Everything in OUT, in Markdown; writes verdicts.json."""
    judge = Judge(out)
    found = [json.loads(path.read_text()) for path in sorted(out.glob("*/*.json"))]
    for one in found:
        size, color, shape = one["words"].split()
        run = Run(one["row"], one["words"], {}, one["seed"])
        one |= judge.verdict(dr.radiance.Grid.load(run.file(out, ".npz")), shape, color, size)
        one |= {"held_out": is_held_out(shape, color), "truth": judge.truth(shape, color, size)}
    write_json(out / "verdicts.json", {"accuracy": judge.accuracy, "dreams": found})
    draw(out, found)
    rows = {row: [one for one in found if one["row"] == row] for row in (*ROWS, *STARTS)}
    parts = {row: rows[row] for row in ROWS if rows[row]}
    begun = {row: rows[row] for row in STARTS if rows[row]}
    return [
        table_of_classifier(judge.accuracy),
        *([table_of_words(rows["whole"])] if rows["whole"] else []),
        *([table_of_parts(parts), table_of_sides(parts)] if parts else []),
        *([table_of_starts(begun)] if begun else []),
    ]


def draw(out, found):
    """``dreams.png``: from before and from behind, a row for each part that is left out, of words that all have."""
    rows = [row for row in ROWS if any(one["row"] == row for one in found)]
    told = [{one["words"] for one in found if one["row"] == row} for row in rows]
    common = [run.words for run in dreams(["whole"], len(SEEN)) if all(run.words in words for words in told)][:SHOWN]
    tiles = []
    for row in rows:
        grids = [dr.radiance.Grid.load(Run(row, words, {}, 0).file(out, ".npz")) for words in common]
        seen = [looks(grid, *SIDES, size=SIDE).over(1.0) for grid in grids]
        names = [row, *common[1:]]
        pairs = [np.concatenate(quantized(np.clip(views, 0, 1)), axis=1) for views in seen]
        tiles.append(list(zip(names, pairs, strict=True)))
    if tiles and tiles[0]:
        write_grid(
            out / "dreams.png",
            tiles,
            f"{common[0]}, and what is written above the others, each from before and from behind",
        )


def table_of_classifier(accuracy):
    """The shares of pictures that it has not seen of which it knows both words."""
    lines = [[name, *(f"{share:.3f}" for share in shares)] for name, shares in accuracy.items()]
    return markdown(["pictures", "one view", "eight views"], lines)


def table_of_words(ones):
    """Words and overlap of pairs that training has seen and of others, of the nearest things and of the true ones."""
    lines = []
    for group, held_out in (("seen", False), ("never seen", True)):
        mine = [one for one in ones if one["held_out"] == held_out]
        if mine:
            lines += [
                line(f"dreams of pairs {group}", mine),
                line("... the nearest things", [one["nearest"] for one in mine]),
                line("... the things themselves", [one["truth"] for one in mine]),
            ]
    return markdown(HEAD, lines)


def table_of_parts(rows):
    """Words and overlap without one part or the other, beside those of the whole for the same words."""
    lines = []
    for row, ones in rows.items():
        told = {one["words"] for one in ones}
        same = [one for one in rows.get("whole", ()) if one["words"] in told]
        steps = "/".join(sorted({str(one["steps"]) for one in ones}))
        lines.append([*line(row, ones), steps, f"{mean(ones, 'seconds'):.0f}"])
        if row != "whole" and same:
            lines.append([*line("... the whole, of the same", same), "", ""])
    return markdown([*HEAD, "steps", "seconds"], lines)


def line(label, ones):
    """A row of the two tables."""
    views = f"{mean(ones, 'views'):.2f}" if "views" in ones[0] else ""
    return [label, *words_of(ones), views, *overlap_of(ones)]


def table_of_sides(rows):
    """How many views of things with one front look like another side."""
    lines = []
    for row, ones in rows.items():
        offsets = [one["facing"] for one in ones if one["facing"] is not None]
        if offsets:
            lines.append(
                [row, len(offsets), f"{wrong(offsets):.2f}", f"{np.mean([wrong_turned(o) for o in offsets]):.2f}"]
            )
    return markdown(["", "chairs and cars", "wrong side", "wrong side, turned"], lines)


def wrong(offsets):
    """The share of offsets in degrees of more than 60."""
    return float(np.mean(np.abs((np.asarray(offsets) + 180) % 360 - 180) > FACING_DEG))


def wrong_turned(offsets):
    """The least ``wrong`` of the offsets of one dream, turned."""
    return min(wrong(np.asarray(offsets) - 360 * turn / TURNS) for turn in range(TURNS))


def table_of_starts(rows):
    """How many dreams collapse."""
    lines = []
    for row, ones in rows.items():
        collapsed = sum(any(is_so(one) for is_so in COLLAPSED.values()) for one in ones)
        kinds = [sum(map(is_so, ones)) for is_so in COLLAPSED.values()]
        fog = sum(one["solid"] < FOG for one in ones)
        counts = [count(number, ones) for number in (collapsed, *kinds, fog)]
        lines.append([row, *counts, f"{mean(ones, 'covered'):.2f}", *words_of(ones), *overlap_of(ones)])
    names = ["collapsed", *COLLAPSED, "fog", "covered", *WORDS, *OVERLAP]
    return markdown(["start", *names], lines)


def words_of(ones):
    """Of how many both words, the shape and the colour are right."""
    both = sum(one["shape"] and one["color"] for one in ones)
    return [count(n, ones) for n in (both, *(sum(one[name] for one in ones) for name in ("shape", "color")))]


def overlap_of(ones):
    """The mean overlap, up to a turn and as they stand."""
    return [f"{mean(ones, name):.3f}" for name in ("iou_turned", "iou")]


def count(number, ones):
    """So many of all."""
    return f"{number} of {len(ones)}"


def mean(ones, name):
    """Of a number of each."""
    return float(np.mean([one[name] for one in ones]))


def markdown(head, lines):
    """A table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


if __name__ == "__main__":
    main()
