"""A sphere becomes a car, and the car an airplane: shapes from nothing but silhouettes, seen from many sides.

The silhouettes (1 where the object is, 0 elsewhere) are compared with the soft rasterizer's ``alpha``, as in the Soft
Rasterizer paper (Liu et al., ICCV 2019, section 5.1): the loss is 1 - IoU, plus 0.03 times the Laplacian and 0.0003
times the flatness of the mesh, which keep it smooth.  Every gradient comes from ``dr.SoftRasterizer``; only vertices
move.  Sigma shrinks as the shape settles: blurred silhouettes pull from afar, sharp ones settle the details.

Silhouettes say nothing about the surface between them, and steps of single vertices crumple it.  So the demo moves them
through ``LargeSteps``, smooth coordinates of the mesh, and each step looks at a quarter of the views.  ``--paper`` does
neither: all of 120 views at every step and Adam on the vertices of a sphere of 2,700 faces, straight to the airplane;
its soft IoU passes 0.80 after 350 of 500 steps and ends at 0.85.

    python demos/deform_mesh.py
    python demos/deform_mesh.py --paper
"""

import numpy as np
import taichi as ti
from common import PAPER, finish, labelled, save_grid, start, tiled

import taichi_dr as dr
from taichi_dr.smoothing import LargeSteps

SIZE = 64
RADIUS = 0.35  # of the shapes; the losses' weights and the learning rate are meant for shapes of about this size
PARTS = 4  # a step looks at one of so many parts of the views
ELEVATIONS = (-60, -30, 0, 30, 60)
SIGMA_FIRST, SIGMA_LAST = 5e-5, 1e-5


class Silhouettes:
    """A target's silhouettes from all sides, in parts that each see it from all around."""

    def __init__(self, views, parts):
        elevation = np.repeat(ELEVATIONS, views // len(ELEVATIONS))
        stagger = np.arange(views) * 9 // 24  # degrees: no two elevations look along the same azimuths
        azimuth = np.arange(views) * len(ELEVATIONS) * 360 / views + stagger
        self.camera = dr.Camera.orbit(azimuth, elevation, 2.7 * RADIUS, fov_y_deg=45)
        self.parts = [np.arange(first, views, parts) for first in range(parts)]
        self.cameras = [self.camera[part] for part in self.parts]
        self.renderer = dr.SoftRasterizer(SIZE, sigma=SIGMA_LAST)
        self.images = None

    def show(self, mesh):
        """Photographs ``mesh``."""
        self.images = self.alpha(mesh)

    def alpha(self, mesh):
        """The silhouettes of ``mesh``, seen as the images were."""
        return self.renderer.render(mesh, self.camera).numpy("alpha")

    def iou(self, alpha):
        """Mean soft IoU of silhouettes with the images over all views."""
        both = (alpha * self.images).sum(axis=(1, 2))
        return float((both / ((alpha + self.images).sum(axis=(1, 2)) - both)).mean())


def fit(mesh, silhouettes, steps, watch, smooth):
    """Deforms ``mesh`` until its silhouettes are those; calls ``watch(step)`` before every step."""
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    renderer = dr.SoftRasterizer(SIZE)
    schedule = dr.schedules.cosine(steps, 0.2)
    if smooth:
        coordinates = LargeSteps(mesh, strength=4)
        optimizer = dr.Adam([coordinates.coordinates], lr=0.01, betas=(0.8, 0.99), schedule=schedule)
    else:
        optimizer = dr.Adam([mesh.vertices], lr=0.01, betas=(0.5, 0.99), schedule=schedule)
    for step in range(steps):
        watch(step)
        renderer.sigma = SIGMA_FIRST * (SIGMA_LAST / SIGMA_FIRST) ** (step / steps)  # a larger one fattens thin parts
        part = step % len(silhouettes.parts)
        goal = silhouettes.images[silhouettes.parts[part]]
        with ti.ad.Tape(loss):
            if smooth:
                coordinates.apply()
            frame = renderer.render(mesh, silhouettes.cameras[part])
            dr.losses.iou(frame.alpha, goal, loss)
            dr.losses.laplacian(mesh, loss, weight=0.03)
            dr.losses.flatten(mesh, loss, weight=0.0003)
        optimizer.step()


class Stage:
    """Keeps the pictures: the mesh seen from two sides, beside its target and the silhouettes' difference."""

    def __init__(self, out, mesh):
        self.out, self.mesh, self.movie = out, mesh, []
        self.camera = dr.Camera.orbit([40, 220], [30, 15], 2.8 * RADIUS, fov_y_deg=45)
        self.renderer = dr.Rasterizer(192, background=PAPER, antialias=True)
        self.lights = dr.Lights.default()

    def picture(self, mesh=None):
        """Two views (2, H, W, 3)."""
        return self.renderer.render(mesh or self.mesh, self.camera, self.lights).numpy("color")

    def aim(self, target, silhouettes):
        """Shows the next target."""
        self.name, self.goal, self.silhouettes = target.name, self.picture(target), silhouettes

    def watch(self, step, last=False):
        """Every 10 steps a frame of the animation, every 50 a line of text."""
        if step % 10 and not last:
            return
        alpha = self.silhouettes.alpha(self.mesh)
        text = f"{self.name}, step {step}: soft IoU {self.silhouettes.iou(alpha):.3f}"
        if step % 50 == 0:
            print(f"  {text}")
        self.movie.append(labelled(tiled([[*self.picture(), self.goal[0], self.difference(alpha)]]), text))

    def difference(self, alpha):
        """Silhouettes of one view: grey where they agree, red where too much, blue where too little."""
        view = self.silhouettes.camera.views // 2 + 2
        alpha, target = alpha[view], self.silhouettes.images[view]
        image = np.ones((SIZE, SIZE, 3))
        for share, ink in (
            (alpha * target, (0.6, 0.6, 0.6)),
            (np.maximum(alpha - target, 0), (0.1, 0.8, 0.9)),
            (np.maximum(target - alpha, 0), (0.9, 0.7, 0.1)),
        ):
            image -= share[..., None] * ink
        return np.clip(image, 0, 1).repeat(3, 0).repeat(3, 1)

    def save(self, columns, titles):
        """The animation and a picture of the stages."""
        dr.save_animation(self.out / "deform.gif", self.movie, fps=8)
        save_grid(self.out / "stages.png", list(zip(*columns, strict=True)), titles=titles)


def main(arguments=None):
    """Fits the sphere to the car, then to the airplane."""
    paper = {"action": "store_true", "help": "120 views at every step, 500 steps, airplane alone"}
    views = {"type": int, "default": 40, "help": "views, a multiple of 20 (40)"}
    options = start(__file__, __doc__, steps=150, arguments=arguments, paper=paper, views=views)
    if options.paper:
        options.views, options.steps = 120, 500
    targets = [shape.normalized(RADIUS) for shape in (dr.shapes.car(), dr.shapes.airplane())[options.paper :]]
    silhouettes = Silhouettes(options.views, 1 if options.paper else PARTS)
    looks = {"radius": 0.4 * RADIUS, "colors": (0.75, 0.45, 0.1)}
    mesh = dr.shapes.sphere(2700, **looks) if options.paper else dr.shapes.icosphere(4, **looks)
    stage = Stage(options.out, mesh)

    results, columns = {}, [stage.picture()]
    for target in targets:
        silhouettes.show(target)
        stage.aim(target, silhouettes)
        fit(mesh, silhouettes, options.steps, stage.watch, smooth=not options.paper)
        stage.watch(options.steps, last=True)
        results[f"{target.name}_soft_iou"] = silhouettes.iou(silhouettes.alpha(mesh))
        columns += [stage.picture(), stage.goal]
    stage.save(columns, ["start", *(f"{kind} {target.name}" for target in targets for kind in ("fitted", "target"))])
    return finish(options, **results)


if __name__ == "__main__":
    main()
