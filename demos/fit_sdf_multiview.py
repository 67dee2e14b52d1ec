"""A ball becomes a torus, and a teapot: signed distances on a grid, from silhouettes of many views alone.

A mesh would keep the ball's topology.  Here the surface is wherever the distance is zero, so the ring's hole and the
handle's open by themselves.  Silhouettes are compared by how near each pixel's ray comes to the surface, which tells
the way from any distance.  A coarse grid comes first, whose values may sink and rise as they like; then one of half the
spacing, whose values are made distances again every few steps, which keeps the surface smooth and its topology as it is
by then.

    python demos/fit_sdf_multiview.py
"""

import numpy as np
import taichi as ti
from common import PAPER, finish, save_movie, sheet, start
from deform_mesh import iou, rings, scattered
from skimage.measure import marching_cubes

import taichi_dr as dr

VIEWS, HELD_OUT = 20, 10
TILE = 128  # pixels of the pictures of how it went
BOUNDS = (-1.1, 1.1)
START = 0.7  # radius of the ball
TRUTH = 96  # points along a side of the targets' grids
COARSE, FINE = (32, 64), (63, 96)  # points along a side of the grid, pixels along one of a silhouette
SHARE = 0.6  # of the steps on the coarse grid
AGAIN = 10  # steps from one redistancing to the next
FRAMES = 20


@ti.func
def ball(p):
    return dr.sdf.sphere(p, START)


@ti.func
def torus(p):
    return dr.sdf.torus(dr.sdf.rotate(p, (1, 0, 0), 0.5), 0.68, 0.24)


@ti.func
def teapot(p):
    """A body with a knob on it, a spout that bends once, and a handle."""
    q = p + ti.Vector([0.0, 0.08, 0.0])
    body = dr.sdf.ellipsoid(q, (0.56, 0.44, 0.56))
    knob = dr.sdf.sphere(q - ti.Vector([0.0, 0.5, 0.0]), 0.11)
    foot = dr.sdf.cylinder(q + ti.Vector([0.0, 0.4, 0.0]), 0.34, 0.05)
    low = dr.sdf.capsule(q, (0.4, -0.12, 0.0), (0.74, 0.1, 0.0), 0.11)
    high = dr.sdf.capsule(q, (0.74, 0.1, 0.0), (0.9, 0.4, 0.0), 0.075)
    ring = dr.sdf.torus((q + ti.Vector([0.62, -0.06, 0.0])).xzy, 0.27, 0.075)
    pot = dr.sdf.smooth_union(dr.sdf.smooth_union(body, knob, 0.06), foot, 0.06)
    return dr.sdf.smooth_union(dr.sdf.smooth_union(pot, ring, 0.05), dr.sdf.smooth_union(low, high, 0.1), 0.08)


TARGETS = {"torus": (torus, (0.8, 0.45, 0.15)), "teapot": (teapot, (0.15, 0.45, 0.6))}
"""Distance functions, and the colours they are shown in."""


class Fit:
    """A grid on its way from a ball to the silhouettes of a target."""

    def __init__(self, name):
        self.name = name
        function, self.color = TARGETS[name]
        self.truth = dr.sdf.Grid.from_function(function, BOUNDS, TRUTH)
        self.cameras, self.unseen = rings(VIEWS), scattered(HELD_OUT)
        self.near = dr.Camera.orbit([25, 205], [25, 40], 2.9, fov_y_deg=45)
        self.grid = dr.sdf.Grid.from_function(ball, BOUNDS, COARSE[0])
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.movie, self.done = [], 0

    def run(self, steps):
        """Free on the coarse grid; then on the fine one, its values made distances again every few steps."""
        self.steps = steps
        coarse = round(SHARE * steps)
        self.fit(coarse, COARSE[1], lr=0.02, softness=1.0)
        self.grid = self.grid.doubled()
        self.grid.redistance()
        self.fit(steps - coarse, FINE[1], lr=0.012, softness=0.5, again=AGAIN)
        self.grid.redistance()
        self.movie.append(self.pictures(self.grid))
        print()

    def fit(self, steps, size, lr, softness, again=None):
        """So many steps on silhouettes of ``size`` pixels."""
        masks = self.silhouettes(self.truth, self.cameras, size)
        tracer = self.tracer(self.grid, size)
        optimizer = dr.Adam({"values": self.grid.values}, lr=lr, schedule=dr.schedules.cosine(steps))
        for step in range(steps):
            self.watch()
            self.loss[None] = 0
            with ti.ad.Tape(self.loss):
                frame = tracer.render(self.cameras)
                dr.losses.silhouette_cross_entropy(frame.closest, masks, self.loss, softness=softness)
                dr.losses.eikonal(self.grid, self.loss, weight=0.1)
                dr.losses.grid_laplacian(self.grid, self.loss, weight=5e-4)
            optimizer.step()
            self.done += 1
            if again and (step + 1) % again == 0:
                self.grid.redistance()

    def tracer(self, grid, size):
        """Steps are shorter than the values, which while they are fitted may be more than distances."""
        return dr.SphereTracer(grid, size, bounds=dr.Box(*BOUNDS), color=self.color, background=PAPER, scale=0.9)

    def silhouettes(self, grid, cameras, size):
        """(V, size, size): how much of every pixel the surface covers."""
        return self.tracer(grid, size).render(cameras).numpy("alpha")

    def pictures(self, grid):
        """(2, TILE, TILE, 3): from the front and from behind."""
        return self.tracer(grid, TILE).render(self.near, dr.Lights.default()).numpy("color")

    def watch(self):
        """The progress bar, and now and then a frame of the movie."""
        if self.done % max(1, self.steps // FRAMES) == 0:
            self.movie.append(self.pictures(self.grid))
        bar = "#" * round(30 * (self.done + 1) / self.steps)
        print(f"\r  {self.name} [{bar:<30}] {self.done + 1}/{self.steps}", end="", flush=True)

    def iou(self):
        """That of the outlines in views that the fit does not see."""
        found, truth = (self.silhouettes(grid, self.unseen, FINE[1]) > 0.5 for grid in (self.grid, self.truth))
        return iou(1.0 * found, 1.0 * truth)

    def comparison(self):
        """With the target, in 3-D."""
        return dr.compare_meshes(surface(self.grid), surface(self.truth))


def surface(grid):
    """The mesh where the distance is zero."""
    vertices, faces, _, _ = marching_cubes(grid.numpy(), 0, spacing=grid.spacing)
    return dr.Mesh(vertices + np.float32(grid.lower), faces)


def main(arguments=None):
    """Fits both shapes, and shows them side by side."""
    options = start(__file__, __doc__, steps=120, arguments=arguments)
    results, fits = {}, [Fit(name) for name in TARGETS]
    for fit in fits:
        fit.run(options.steps)
        found = fit.comparison()
        results[f"{fit.name}_iou"] = fit.iou()
        results[f"{fit.name}_volume_iou"] = found.iou
        results[f"{fit.name}_chamfer"] = found.chamfer
        results[f"{fit.name}_genus"] = found.shape.genus
    goals = [fit.pictures(fit.truth) for fit in fits]
    frames = []
    for moment in zip(*(fit.movie for fit in fits), strict=True):
        rows = [[*pictures, goal[0]] for pictures, goal in zip(moment, goals, strict=True)]
        frames.append(sheet(rows, ("front", "back", "target"), tuple(TARGETS)))
    save_movie(options.out / "fit_sdf_multiview.gif", frames, [0.15] * (len(frames) - 1) + [2.0])
    return finish(options, **results)


if __name__ == "__main__":
    main()
