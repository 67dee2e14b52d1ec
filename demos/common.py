"""What the demos share: options, the output folder, and the list of pictures at the end."""

import argparse
from pathlib import Path

import taichi_dr as dr


def start(description, steps):
    """Parses the options, starts Taichi and makes the output folder; returns the options.

    ``description`` is the demo's docstring; ``options.steps`` defaults to ``steps`` iterations.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the pictures (default: out/NAME_OF_THE_DEMO)")
    parser.add_argument("--backend", default="auto", choices=("auto", "cpu", "cuda", "vulkan"))
    if steps:
        parser.add_argument("--steps", type=int, default=steps, help=f"iterations (default {steps})")
    options = parser.parse_args()
    options.out = options.out or Path("out") / Path(parser.prog).stem
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{Path(parser.prog).stem}: {dr.init(options.backend)} backend")
    return options


def finish(options, **results):
    """Prints the demo's results and its pictures."""
    for name, value in results.items():
        print(f"  {name.replace('_', ' ')}: {value}")
    for path in sorted(options.out.iterdir()):
        print(f"  wrote {path}")
