"""Shadow art: a ball becomes a thing whose shadow is a heart on one wall, and a star on the other.

Two silhouettes are all that is known of the thing, and the two cameras do not even look at it: they see bare walls,
white where they are lit, black where they are not.  Colours and normals of the thing have no say in that.  What tells
the way is where the shadows end, so all of the gradient is that of ``boundary_gradients=True``.  ``dr.LargeSteps``
keeps the surface smooth on its way.  Numbers are IoU of shadows and silhouettes: 1 where they agree.

    python demos/shadow_art.py
"""

import numpy as np
import taichi as ti
from common import finish, save_movie, save_picture, sheet, start

import taichi_dr as dr

SIZE = 80  # pixels of the images that are fitted
FINE = 320  # of those that are measured
ROOM = 320  # of the pictures of the room
SUBDIVISIONS = 4  # of the ball: 4 is 5,120 faces
RATE = 0.04
EVERY = 8  # steps from one frame of the movie to the next
LEGEND = "grey both, red extra, blue missing"


def heart(x, y):
    """Where the sextic's heart is, of points in [-1, 1]^2, y up."""
    x, y = 1.35 * x, 1.35 * y + 0.12
    return (x**2 + y**2 - 0.72) ** 3 < x**2 * y**3


def star(x, y, outer=0.78, inner=0.38):
    """Where a star of five tips is; the tips are ``outer`` from its middle, the corners between them ``inner``."""
    y, half = y + 0.05, np.pi / 5
    angle = np.abs((np.arctan2(x, y) + half) % (2 * half) - half)  # to the nearest tip
    along, across = np.hypot(x, y) * np.cos(angle), np.hypot(x, y) * np.sin(angle)
    return (along - outer) * inner * np.sin(half) < across * (inner * np.cos(half) - outer)


def silhouettes(size, cells=4):
    """The heart and the star (2, size, size): shares of the pixels that they cover."""
    places = 2 * (np.arange(cells * size) + 0.5) / (cells * size) - 1
    drawn = np.stack([shape(*np.meshgrid(places, -places)) for shape in (heart, star)])
    return drawn.reshape(2, size, cells, size, cells).mean(axis=(2, 4))


def overlap(shadows, wanted):
    """IoU of two pairs of silhouettes (2, H, W): of each."""
    shadows, wanted = shadows > 0.5, wanted > 0.5
    return (shadows & wanted).sum(axis=(1, 2)) / (shadows | wanted).sum(axis=(1, 2))


class Studio:
    """A room with two walls and a lamp before each, and something in between."""

    def __init__(self):
        self.mesh = dr.shapes.icosphere(SUBDIVISIONS, radius=0.5, colors=(0.8, 0.45, 0.12))
        white = {"material": dr.Material(albedo=1.0)}
        walls = [
            dr.Rectangle((-2, 0, 0), (0, 0, -2), (0, 2, 0), **white),
            dr.Rectangle((0, 0, -2), (2, 0, 0), (0, 2, 0), **white),
        ]
        lamps = [dr.DirectionalLight(towards) for towards in ((1, 0, 0), (0, 0, 1))]
        self.scene = dr.Scene([self.mesh, *walls], dr.Lights(ambient=0, directional=lamps))
        self.camera = dr.Camera.orthographic([(-1.5, 0, 0), (0, 0, -1.5)], [(-2, 0, 0), (0, 0, -2)], near=0.01, far=2)
        self.tracer = dr.RayTracer(SIZE, samples=4, boundary_gradients=True)
        self.fine = dr.RayTracer(FINE)
        self.room = self.make_room(walls)
        self.wanted, self.measured = silhouettes(SIZE), silhouettes(FINE)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.errors, self.movie, self.stops = [], [], {}

    def make_room(self, walls):
        """What pictures show: the same under coloured lamps, and on a floor."""
        lamps = [
            dr.DirectionalLight((1, 0, 0), 0.8, (1, 0.85, 0.6)),
            dr.DirectionalLight((0, 0, 1), 0.8, (0.6, 0.8, 1)),
        ]
        floor = dr.Rectangle((0, -1, 0), (0, 0, 2), (2, 0, 0), material=dr.Material(albedo=0.5, reflectivity=0.15))
        lights = dr.Lights(ambient=0.12, directional=[*lamps, dr.DirectionalLight((0.3, 1, 0.5), 0.25)])
        scene = dr.Scene([self.mesh, *walls, floor], lights)
        camera = dr.Camera.orbit(45, 22, distance=6.4, fov_y_deg=38, target=(-0.7, -0.05, -0.7))
        tracer = dr.RayTracer(ROOM, samples=9, background=(1, 1, 1))
        return lambda: tracer.render(scene, camera).numpy("color")[0]

    def step(self, seed):
        """The gradient of the mean squared difference from what the walls are to show."""
        self.loss[None], self.tracer.seed = 0, seed
        with ti.ad.Tape(self.loss):
            self.smooth.apply()
            frame = self.tracer.render(self.scene, self.camera)
            dr.losses.mse(frame.color, (1 - self.wanted)[..., None].repeat(3, axis=-1), self.loss)

    def run(self, steps):
        """From a ball to what throws both shadows."""
        self.smooth = dr.LargeSteps(self.mesh, strength=10)
        optimizer = dr.UniformAdam([self.smooth.coordinates], lr=RATE, schedule=dr.schedules.cosine(steps))
        for step in range(steps):
            if step % EVERY == 0:
                self.watch(step, stop=step in (0, 3 * EVERY))
            self.step(step)
            optimizer.step()
        self.smooth.apply()
        self.watch(steps, stop=True)

    def shadows(self):
        """Both shadows as they are now (2, FINE, FINE)."""
        return 1 - self.fine.render(self.scene, self.camera).numpy("color")[..., 0]

    def watch(self, step, stop):
        """Measures, and draws a frame of the movie."""
        shadows = self.shadows()
        self.errors.append(overlap(shadows, self.measured))
        title = "step {}: IoU {:.3f} and {:.3f}".format(step, *self.errors[-1])
        pictures = [self.room(), *(compared(*pair) for pair in zip(shadows, self.measured, strict=True))]
        self.movie.append(
            sheet([[sheet([pictures], ("the room", "shadow at the left", "shadow at the right"))]], [title])
        )
        if stop:
            print(f"  {title}")
            self.stops[title] = pictures


def compared(shadow, wanted):
    """A shadow and a silhouette: grey where they agree, red where there is too much, blue where there is too little."""
    shares = np.minimum(shadow, wanted), np.maximum(shadow - wanted, 0), np.maximum(wanted - shadow, 0)
    inks = (0.12, 0.12, 0.12), (0.8, 0.05, 0.0), (0.0, 0.1, 0.8)
    inked = sum(share[..., None] * ink for share, ink in zip(shares, np.array(inks), strict=True))
    return inked + 0.9 * (1 - np.maximum(shadow, wanted)[..., None])


def main(arguments=None):
    """Fits the shadows, and shows how it went."""
    options = start(__file__, __doc__, steps=240, arguments=arguments)
    studio = Studio()
    studio.run(options.steps)
    save_movie(options.out / "shadow_art.gif", studio.movie, [0.12] * (len(studio.movie) - 1) + [2.5])
    rows = [*zip(*studio.stops.values(), strict=True)]
    save_picture(options.out / "shadow_art.png", sheet(rows, tuple(studio.stops), ("the room", LEGEND, LEGEND)))
    first, last = studio.errors[0], studio.errors[-1]
    return finish(
        options,
        heart_iou_at_first=float(first[0]),
        star_iou_at_first=float(first[1]),
        heart_iou=float(last[0]),
        star_iou=float(last[1]),
    )


if __name__ == "__main__":
    main()
