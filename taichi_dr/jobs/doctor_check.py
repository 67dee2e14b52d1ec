"""``python -m taichi_dr.jobs.doctor_check BACKEND``: gradients of a small soft rendering against central differences.

Prints one line of JSON: the relative error along a random direction of all vertices and colours, and whether that is
small enough.  In double precision where the backend has it.
"""

import json
import os
import sys

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "False")

import numpy as np
import taichi as ti

import taichi_dr as dr


def check(name):
    """``{"error", "allowed", "passed"}`` of a backend."""
    double = name != "vulkan"
    dr.init(name, float64=double)
    step, allowed = (1e-6, 1e-5) if double else (1e-3, 2e-2)
    mesh, values, directions = _scene()
    program = _Program(mesh)
    slope = program.slope(values, directions)
    ahead, behind = (program.loss_at(values, directions, side * step) for side in (1, -1))
    error = abs(slope - (ahead - behind) / (2 * step)) / max(abs(slope), 1e-12)
    return {"error": float(error), "allowed": allowed, "passed": bool(np.isfinite(error) and error <= allowed)}


def _scene():
    random = np.random.default_rng(0)
    mesh = dr.shapes.icosphere(1)
    values = {"vertices": mesh.numpy("vertices"), "colors": random.uniform(0.2, 0.8, mesh.numpy("colors").shape)}
    values["vertices"] = values["vertices"] + random.normal(0, 0.03, values["vertices"].shape)
    directions = {name: random.normal(size=array.shape) for name, array in values.items()}
    return mesh, values, directions


class _Program:
    """The loss of one rendering as a function of the mesh's vertices and colours."""

    def __init__(self, mesh):
        self.mesh = mesh
        self.camera = dr.Camera.orbit(azimuth_deg=[20, 140], elevation_deg=15)
        # A large gamma, at which the soft rasterizer's cut-off of faint faces hardly shows: a step as long as single
        # precision needs takes some pixels across it.
        self.renderer = dr.SoftRasterizer(size=(32, 32), sigma=3e-3, gamma=1.0)
        self.loss = ti.field(mesh.vertices.dtype, shape=(), needs_grad=True)
        self.target = np.random.default_rng(1).uniform(size=(2, 32, 32, 3))

    def loss_at(self, values, directions, distance):
        """The loss after moving every value by ``distance`` along its direction."""
        for name, value in values.items():
            self.mesh.set(name, value + distance * directions[name])
        return self._run()

    def slope(self, values, directions):
        """The derivative of ``loss_at`` at distance 0 by the gradients."""
        self.loss_at(values, directions, 0.0)
        fields = {"vertices": self.mesh.vertices, "colors": self.mesh.colors}
        return sum(float(np.sum(field.grad.to_numpy() * directions[name])) for name, field in fields.items())

    def _run(self):
        self.loss[None] = 0
        with ti.ad.Tape(self.loss):
            frame = self.renderer.render(self.mesh, self.camera)
            dr.losses.mse(frame.color, self.target, self.loss, weight=100.0)
            dr.losses.iou(frame.alpha, self.target[..., 0], self.loss)
        return self.loss[None]


if __name__ == "__main__":
    print(json.dumps(check(sys.argv[1])))
