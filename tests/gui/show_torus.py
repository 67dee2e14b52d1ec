"""A program of the tests: a torus in a viewer until Escape; its pose and times at the end, as JSON, and its picture."""

import json
import sys
import time

import numpy as np

import taichi_dr as dr


def main(kind, folder):
    dr.init("cpu")
    mesh, lights, renderers = dr.shapes.torus(), dr.Lights.default(), {}

    def draw(camera, size):
        if size not in renderers:
            renderers[size] = dr.Rasterizer(size, antialias=True, background=(0.1, 0.2, 0.3))
        return renderers[size].render(mesh, camera, lights)

    viewer = dr.gui.Viewer(draw, size=(300, 400), title=f"torus {kind}", window=kind, folder=folder)
    started, frames, ready = time.monotonic(), 0, False
    while viewer.running and time.monotonic() - started < 60:
        viewer.show(changed=frames < 20)
        frames += 1
        if viewer.finished and not ready:
            print("ready", flush=True)
        ready = viewer.finished
    np.save(f"{folder}/picture.npy", viewer.picture)
    print(json.dumps({"pose": viewer.pose._asdict(), "fps": viewer.frames_per_second, "frames": frames}))


if __name__ == "__main__":
    main(*sys.argv[1:])
