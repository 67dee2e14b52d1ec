"""A sphere becomes a car, and the car an airplane: shapes from nothing but silhouettes, seen from many sides.

``dr.fit_shape`` compares the silhouettes (1 where the object is, 0 elsewhere) with the soft rasterizer's ``alpha`` by
1 - IoU, and adds what else is known of a solid: it is smooth, of a large volume, and seen from outside.  The targets'
silhouettes are drawn by the other rasterizer; the numbers are those of views that were held out.

    python demos/deform_mesh.py
"""

import numpy as np
from common import PAPER, finish, save_movie, save_picture, sheet, start

import taichi_dr as dr

ELEVATIONS = (-60, -30, 0, 30, 60)
VIEWS, HELD_OUT = 40, 10
SIZE = 128  # of the images
TILE = 192  # pixels of the pictures
SECONDS, HOLD = 0.16, 2.0  # of a frame of the animation, and of the last one of a target
LEGEND = "silhouettes: grey both,\nred extra, blue missing"


def around(azimuth, elevation):
    """Cameras on all sides of a shape of radius 1."""
    return dr.Camera.orbit(azimuth, elevation, 2.7, fov_y_deg=45)


def rings(views):
    """``views`` cameras in five rings; no two rings look along the same azimuths."""
    elevation = np.repeat(ELEVATIONS, views // len(ELEVATIONS))
    stagger = np.arange(views) * 9 // 24  # degrees
    return around(np.arange(views) * len(ELEVATIONS) * 360 / views + stagger, elevation)


def scattered(views):
    """``views`` cameras spread evenly over the whole sphere: equal steps in height, turned by the golden angle each."""
    i = np.arange(views)
    return around(180 * (3 - np.sqrt(5)) * i % 360, np.rad2deg(np.arcsin(1 - (2 * i + 1) / views)))


def iou(alpha, target):
    """The mean over views of ``sum(a b) / sum(a + b - a b)``, a, b in [0, 1]."""
    both = (alpha * target).sum(axis=(1, 2), dtype=np.float64)
    return float(np.mean(both / ((alpha + target).sum(axis=(1, 2), dtype=np.float64) - both)))


class Stage:
    """A target, how near a mesh has come to it, and pictures of both from the front and from behind."""

    def __init__(self, target, every=8):
        self.target, self.every = target, every
        self.movie, self.seconds = [], []
        self.camera = dr.Camera.orbit([40, 220], [30, 15], 2.7, fov_y_deg=45)
        self.renderer = dr.Rasterizer(TILE, background=PAPER, antialias=True)
        self.fronts = dr.Rasterizer(TILE, cull_back=True)
        self.outlines, self.unseen = dr.Rasterizer(SIZE), scattered(HELD_OUT)
        self.goal, self.held_out = self.picture(target), self.silhouettes(target, self.unseen)

    def silhouettes(self, mesh, camera):
        """(V, SIZE, SIZE): 1 where a camera sees the mesh."""
        return self.outlines.render(mesh, camera).numpy("alpha")

    def iou(self, mesh):
        """That of the views that the fit does not see."""
        return iou(self.silhouettes(mesh, self.unseen), self.held_out)

    def picture(self, mesh):
        """Colours (2, H, W, 3) and silhouettes (2, H, W) of both views."""
        frame = self.renderer.render(mesh, self.camera, dr.Lights.default())
        return frame.numpy("color"), frame.numpy("alpha")

    def watch(self, fit):
        """Every few steps a frame of the animation, every 40 a line of text."""
        step = len(fit.losses) - 1
        if step % self.every:
            return
        text = f"{self.target.name}, step {step}: IoU of held-out views {self.iou(fit.mesh):.3f}"
        if step % 40 == 0:
            print(f"  {text}")
        pictures = [*self.picture(fit.mesh)[0], self.goal[0][0], self.differences(fit.mesh)[0]]
        titles = ("fitted, front", "fitted, back", "target", LEGEND)
        self.movie.append(sheet([[sheet([pictures], titles)]], [text]))
        self.seconds.append(SECONDS)

    def differences(self, mesh):
        """Both silhouettes of a mesh beside the target's."""
        return [difference(*pair) for pair in zip(self.picture(mesh)[1], self.goal[1], strict=True)]

    def columns(self, mesh):
        """What was reached, the target, and how the silhouettes differ: titles, each with pictures of both views."""
        self.seconds[-1] = HOLD
        return [
            (f"fitted {self.target.name}\nIoU of other views {self.iou(mesh):.3f}", self.picture(mesh)[0]),
            (f"target {self.target.name}", self.goal[0]),
            (LEGEND, self.differences(mesh)),
        ]

    def inside(self, mesh):
        """The share of the object's pixels that show the inside of its surface."""
        faces, fronts = (each.render(mesh, self.camera).numpy("face_id") for each in (self.renderer, self.fronts))
        return float((faces != fronts).sum() / (faces >= 0).sum())


def difference(alpha, target):
    """Two silhouettes: grey where they agree, red where there is too much, blue where there is too little."""
    shares = np.minimum(alpha, target), np.maximum(alpha - target, 0), np.maximum(target - alpha, 0)
    inks = (0.3, 0.3, 0.3), (0.8, 0.05, 0.0), (0.0, 0.1, 0.8)
    both = np.maximum(alpha, target)[..., None]
    return sum(share[..., None] * ink for share, ink in zip(shares, np.array(inks), strict=True)) + PAPER * (1 - both)


def main(arguments=None):
    """Fits the sphere to the car, then to the airplane."""
    options = start(__file__, __doc__, steps=120, arguments=arguments)
    mesh = dr.shapes.icosphere(4, radius=0.4, colors=(0.75, 0.45, 0.1))
    camera, results, columns, movie, seconds = rings(VIEWS), {}, [], [], []
    for shape in (dr.shapes.car, dr.shapes.airplane):
        stage = Stage(shape().normalized())
        columns = columns or [("start", stage.picture(mesh)[0])]
        silhouettes = stage.silhouettes(stage.target, camera)
        mesh = dr.fit_shape(mesh, silhouettes, camera, steps=options.steps, on_step=stage.watch).mesh
        columns += stage.columns(mesh)
        results[f"{stage.target.name}_iou"] = stage.iou(mesh)
        results[f"{stage.target.name}_iou_of_training_views"] = iou(stage.silhouettes(mesh, camera), silhouettes)
        results[f"{stage.target.name}_pixels_that_show_the_inside"] = stage.inside(mesh)
        movie, seconds = movie + stage.movie, seconds + stage.seconds
    save_movie(options.out / "deform_mesh.gif", movie, seconds)
    titles, pictures = zip(*columns, strict=True)
    save_picture(options.out / "deform_mesh.png", sheet(zip(*pictures, strict=True), titles, ("front", "back")))
    return finish(options, **results)


if __name__ == "__main__":
    main()
