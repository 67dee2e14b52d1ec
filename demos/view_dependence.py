"""Highlights move with the eye: a glossy thing as a radiance field whose colours know the direction, and one's do not.

Images of a dark, shining thing are fitted twice, by ``dr.VolumeRenderer`` and ``dr.radiance.Grid``: once every point
has one colour, once one for each direction, by spherical harmonics up to degree 2, which are nine numbers in place of
one.  A colour alone has to be the mean of what is seen from all sides, or a highlight becomes a bright thing behind the
surface; held-out views tell.

The images come from ``dr.SphereTracer``, 16 samples per pixel.

    python demos/view_dependence.py
"""

import numpy as np
import taichi as ti
from common import PAPER, difference, finish, psnr, save_movie, save_picture, sheet, spread, start

import taichi_dr as dr

VIEWS, SIZE = 40, 48  # images, pixels a side
AT_ONCE = 4  # images of a step
POINTS = 32  # along a side of the grids
SAMPLES = 44  # per ray
RATE = 0.25  # of the search
RADIUS = 1.0  # of the bounds
SHOWN = 144  # pixels of pictures
HELD_OUT = range(15, 360, 60)  # azimuths of the views that are not used
TURN = range(0, 360, 18)  # azimuths of the movie
FIELDS = {"without direction": 0, "with direction": 2}  # degrees of the harmonics


@ti.func
def thing(p):
    """A ball in a tilted ring."""
    q = dr.sdf.rotate(p, (1, 0, 0.4), 0.5)
    return dr.sdf.smooth_union(dr.sdf.sphere(p, 0.48), dr.sdf.torus(q, 0.74, 0.13), 0.1)


@ti.func
def paint(p):
    """Dark red and dark blue."""
    share = ti.math.clamp(8.0 * (p.norm() - 0.55), 0.0, 1.0)
    return (1.0 - share) * ti.Vector([0.3, 0.04, 0.03]) + share * ti.Vector([0.03, 0.08, 0.25])


def around(angles):
    """A camera with a view for each row of angles, azimuth and elevation."""
    azimuths, elevations = np.transpose(angles)
    return dr.Camera.orbit(azimuths, elevations, distance=3.2, fov_y_deg=38)


def photographs(angles, size, finer=4):
    """Images (V, size, size, 3) of the thing, ``finer`` x ``finer`` samples per pixel."""
    material = dr.Material(shading="phong", specular=0.9, shininess=10)
    suns = (
        dr.DirectionalLight((0.6, 1.0, 0.7), color=(0.8, 0.75, 0.65)),
        dr.DirectionalLight((-1.0, 0.4, 0.1), color=(0.2, 0.5, 0.6)),
        dr.DirectionalLight((0.3, 0.5, -1.0), color=(0.7, 0.4, 0.15)),
    )
    look = {"bounds": dr.Ball(radius=RADIUS), "color": paint, "material": material, "background": PAPER}
    tracer, lights = dr.SphereTracer(thing, finer * size, **look), dr.Lights(ambient=0.25, directional=suns)
    pictures = [tracer.render(around([view]), lights).numpy()[0] for view in angles]
    return np.reshape(pictures, (-1, size, finer, size, finer, 3)).mean(axis=(2, 4))


class Fit:
    """A grid of densities and colours, the renderer that shows it, and Adam (Kingma and Ba, 2015) for its numbers."""

    def __init__(self, degree):
        self.grid = dr.radiance.Grid((-RADIUS, RADIUS), POINTS, degree=degree)
        settings = {"bounds": dr.Ball(radius=RADIUS), "background": PAPER, "samples": SAMPLES}
        self.renderer = dr.VolumeRenderer(self.grid, SIZE, sampling="stratified", **settings)
        self.mean, self.square = 0.0, 0.0

    def run(self, angles, images, steps):
        """Fits images, ``AT_ONCE`` of them at each step, by random."""
        loss, random = ti.field(float, shape=(), needs_grad=True), np.random.default_rng(0)
        rate = dr.schedules.cosine(steps, 0.1)
        for step in range(steps):
            chosen = random.choice(len(angles), AT_ONCE, replace=False)
            self.renderer.seed, loss[None] = step, 0
            self.grid.clear_gradient()
            with ti.ad.Tape(loss):
                frame = self.renderer.render(around(angles[chosen]))
                dr.losses.mse(frame.color, images[chosen], loss)
            self.update(step + 1, RATE * rate(step))
            if step % 25 == 0 or step == steps - 1:
                print(f"    step {step:3d}: {-10 * np.log10(loss[None]):.1f} dB of linear colours")

    def update(self, step, rate):
        """One step of Adam."""
        gradient = self.grid.gradient()
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.99 * self.square + 0.01 * gradient**2
        size = np.sqrt(self.square / (1 - 0.99**step)) + 1e-12
        self.grid.set(self.grid.numpy() - rate * self.mean / (1 - 0.9**step) / size)

    def pictures(self, angles, size):
        """Pictures (V, size, size, 3)."""
        self.renderer.size = size
        found = np.concatenate([self.renderer.render(around([view])).numpy() for view in angles])
        self.renderer.size = SIZE
        return found


def poster(truth, found, scores):
    """Three held-out views: the truth, what was found, and how far that is off."""
    columns = [truth, *(part for pictures in found.values() for part in (pictures, difference(pictures, truth)))]
    titles = ["held-out views"]
    for name, score in scores.items():
        titles += [f"{name}\n{score:.1f} dB", "difference"]
    return sheet([[column[view] for column in columns] for view in (0, 2, 4)], titles)


def main(arguments=None):
    """Takes the images, fits both fields, compares them where no image was taken."""
    options = start(__file__, __doc__, steps=160, arguments=arguments)
    angles = spread(VIEWS)
    images = photographs(angles, SIZE)
    held_out, turn = np.array([(a, 25) for a in HELD_OUT]), np.array([(a, 15) for a in TURN])
    unseen, truth, moving = photographs(held_out, SIZE), photographs(held_out, SHOWN), photographs(turn, SHOWN)
    scores, found, turned = {}, {}, {}
    for name, degree in FIELDS.items():
        fit = Fit(degree)
        print(f"  {name}: {fit.grid}")
        fit.run(angles, images, options.steps)
        scores[name] = psnr(fit.pictures(held_out, SIZE), unseen)
        found[name], turned[name] = fit.pictures(held_out, SHOWN), fit.pictures(turn, SHOWN)
    save_picture(options.out / "view_dependence.png", poster(truth, found, scores))
    movie = [sheet([pictures], ("truth", *FIELDS)) for pictures in zip(moving, *turned.values(), strict=True)]
    save_movie(options.out / "view_dependence.gif", movie, [0.12] * len(movie))
    return finish(options, **{f"held-out psnr {name}": score for name, score in scores.items()})


if __name__ == "__main__":
    main()
