"""A program of the tests: three viewers of a grey picture that is always drawn anew, one after the other; tells how
many connections to others there are after each.  The third is shown until it is gone; the others close while they draw.

show_grey.py KIND_OF_WINDOW
"""

import os
import sys
from contextlib import suppress

import numpy as np

import taichi_dr as dr

PICTURES = 3  # of the first two


def show(kind, title):
    """Shows a viewer until it is closed."""
    count = 0

    def draw(camera):
        nonlocal count
        count += 1
        if count == PICTURES and title != "grey":
            viewer.close()
        return np.full((30, 40, 3), 0.5)

    viewer = dr.gui.Viewer(draw, size=(120, 160), title=title, window=kind)
    while viewer.running:
        viewer.show()
    viewer.close()


def connections():
    """How many sockets this process has open."""
    places = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the list itself
            places.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(place.startswith("socket") for place in places)


if __name__ == "__main__":
    dr.init("cpu")
    for name in ("first", "second", "grey"):
        show(sys.argv[1], name)
        print(name, connections(), flush=True)
