"""A program of the tests: a torus in a viewer until Escape; tells where the camera is whenever the picture is done.

show_torus.py KIND_OF_WINDOW
"""

import json
import sys
import time

import numpy as np

import taichi_dr as dr
from taichi_dr.gui import Controls, Slider


class Height(Controls):
    """A slider for how high the torus is."""

    def __init__(self):
        self.value = 1.0

    def items(self):
        return [Slider("height", self.value, 0.5, 2.0)]

    def set(self, name, value):
        self.value = value

    def press(self, key, viewer):
        return False

    def help(self):
        return []

    def status(self):
        return "torus"


def main(kind):
    dr.init("cpu")
    mesh, lights, renderers, height = dr.shapes.torus(), dr.Lights.default(), {}, Height()
    start = mesh.numpy("vertices")

    def draw(camera, size):
        if size not in renderers:
            renderers[size] = dr.Rasterizer(size, antialias=True, background=(0.1, 0.2, 0.3))
        mesh.set("vertices", start * [1, height.value, 1])
        return renderers[size].render(mesh, camera, lights)

    viewer = dr.gui.Viewer(draw, size=(300, 400), title=f"torus {kind}", window=kind, controls=height)
    started, frames, done = time.monotonic(), 0, False
    while viewer.running and time.monotonic() - started < 600:
        viewer.show(changed=frames < 20)
        frames += 1
        if viewer.finished and not done:
            tell(viewer, height)
        done = viewer.finished
    np.save("picture.npy", viewer.picture)


def tell(viewer, height):
    facts = {"height": height.value, "size": viewer.picture.shape[:2], "fps": viewer.frames_per_second}
    print(json.dumps({"pose": viewer.pose._asdict(), **facts}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
