"""NeRF in small: two networks learn a scene from its pictures, and the coarse one says where the fine one looks.

As published, but for its size: positions and directions as waves of doubling frequencies, ReLU layers that give
density and colour, a coarse network at places drawn evenly along each ray, a fine one at these and at more where the
coarse one's weights are, Adam on the squared errors of both (``dr.NeRFFit``).  The pictures come from
``dr.SphereTracer``: a shining patterned ball in a ring, 36 views of 64 x 64 pixels.

    nerf.png    a view that was not used beside the truth, by both networks; depth; what both see along the marked ray
    nerf.gif    the same as training goes on

    python demos/nerf.py

Source: Mildenhall et al., NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis, ECCV 2020.
"""

import time
from typing import NamedTuple

import numpy as np
import taichi as ti
from common import (
    difference,
    enlarged,
    finish,
    marked,
    pixel_rays,
    plot,
    quantized,
    save_movie,
    save_picture,
    sheet,
    spread,
    start,
)
from matplotlib import colors as colormaps
from matplotlib import pyplot

import taichi_dr as dr

VIEWS, SIZE = 36, 64  # pictures to learn from, pixels a side
FREQUENCIES = 6, 2  # of positions and of directions; the paper has 10 and 4
HIDDEN, SKIPS = (64,) * 4, (2,)  # the paper has (256,) * 8 and (5,)
SAMPLES, ADDED = 32, 64  # of a ray; the paper has 64 and 128
RAYS = 256  # of a step; the paper has 4,096
RATE, LAST_RATE = 1e-2, 0.1  # of Adam, and what it falls to; wide networks want less: the paper has 5e-4
RADIUS = 1.05  # of the ball that everything is in
WHITE = (1.0, 1.0, 1.0)
HELD_OUT = (35.0, 28.0)  # azimuth and elevation of the view that is shown
OTHERS = range(10, 360, 72)  # azimuths of the views that are scored
SHOWN, FILMED = 192, 64  # pixels a side of pictures
FRAMES = 24  # of the movie
MARKED = 0.47, 0.56  # row and column of the ray that is looked at, of the picture's side
DEPTHS = pyplot.get_cmap("viridis"), colormaps.Normalize(2.3, 4.2)
SOLID = 0.5  # opacity of pixels whose depth counts
NEAR = 0.1  # world units: what is that near to the surface counts as there
COARSE, FINE = "tab:orange", "tab:blue"


@ti.func
def thing(p):
    """A ball within a tilted ring."""
    q = dr.sdf.rotate(p, (1, 0, 0.35), 0.6)
    return dr.sdf.union(dr.sdf.sphere(p, 0.5), dr.sdf.torus(q, 0.84, 0.13))


@ti.func
def paint(p):
    """Blue and white waves on the ball, red and yellow ones around the ring."""
    waves = ti.math.clamp(0.5 + 2.0 * ti.sin(11.0 * p.x) * ti.sin(11.0 * p.y) * ti.sin(11.0 * p.z + 0.8), 0.0, 1.0)
    ball = waves * ti.Vector([0.75, 0.8, 0.85]) + (1.0 - waves) * ti.Vector([0.02, 0.12, 0.45])
    turns = ti.math.clamp(0.5 + 2.0 * ti.sin(9.0 * ti.math.atan2(p.z, p.x)), 0.0, 1.0)
    ring = turns * ti.Vector([0.75, 0.45, 0.05]) + (1.0 - turns) * ti.Vector([0.55, 0.03, 0.03])
    return ti.select(p.norm() < 0.6, ball, ring)


def around(angles):
    """A camera with a view for each row of angles, azimuth and elevation."""
    azimuths, elevations = np.transpose(angles)
    return dr.Camera.orbit(azimuths, elevations, distance=3.3, fov_y_deg=38)


def photographs(angles, size, finer=3):
    """Display colours (V, size, size, 3) over white, and depths (V, size, size), of the thing."""
    material = dr.Material(shading="phong", specular=0.5, shininess=20)
    suns = dr.DirectionalLight((0.6, 1.0, 0.7), 0.8), dr.DirectionalLight((-1.0, 0.2, -0.4), 0.4)
    lights = dr.Lights(ambient=0.35, directional=suns)
    look = {"bounds": dr.Ball(radius=RADIUS), "color": paint, "material": material, "background": WHITE}
    tracer, pictures, depths = dr.SphereTracer(thing, finer * size, **look), [], []
    for view in angles:
        frame = tracer.render(around([view]), lights)
        pictures.append(frame.numpy()[0].reshape(size, finer, size, finer, 3).mean(axis=(1, 3)))
        depths.append(frame.numpy("depth")[0, finer // 2 :: finer, finer // 2 :: finer])
    return dr.linear_to_srgb(np.stack(pictures)), np.stack(depths)


def rays_of(angles, size):
    """Eyes and directions (V, size, size, 3) of all pixels' rays, where they enter and leave the bounds, which do."""
    eyes, directions = pixel_rays(around(angles), size)
    eyes = np.broadcast_to(eyes[:, None, None], directions.shape)
    middle = -np.sum(eyes * directions, axis=-1)
    room = RADIUS**2 - (np.sum(eyes**2, axis=-1) - middle**2)
    half = np.sqrt(np.maximum(room, 0))
    return eyes, directions, np.stack([middle - half, middle + half], axis=-1), room > 0


def known_rays(angles, colors):
    """``dr.KnownRays`` of all pixels whose rays meet the bounds: all that there is to learn from."""
    eyes, directions, ends, met = rays_of(angles, colors.shape[1])
    pixels = np.concatenate([colors, np.ones_like(colors[..., :1])], axis=-1)
    return dr.KnownRays(eyes[met], directions[met], ends[met], pixels[met], np.ones_like(pixels[met][:, :3]))


def place(size):
    """Row and column of the pixel whose ray is looked at."""
    return tuple(int(share * size) for share in MARKED)


class Picture(NamedTuple):
    """Display colours (size, size, 3), and mean depth and opacity (size, size)."""

    color: np.ndarray
    depth: np.ndarray
    opacity: np.ndarray


def picture(nerf, angles, size, **samples):
    """The ``Picture`` of one view, over white."""
    eyes, directions, ends, met = rays_of([angles], size)
    seen = dr.render_rays(nerf, eyes[met], directions[met], *ends[met].T, background=1, **samples)
    backward = around([angles]).frames()[2][0]
    color, depth, opacity = np.ones((size, size, 3)), np.zeros((size, size)), np.zeros((size, size))
    color[met[0]], opacity[met[0]] = seen.color, seen.opacity
    depth[met[0]] = -directions[met] @ backward * seen.distance / np.maximum(seen.opacity, 1e-6)
    return Picture(np.clip(color, 0, 1), depth, opacity)


def both(nerf, angles, size):
    """The pictures of the coarse and of the fine network."""
    coarse = picture(nerf.coarse, angles, size, samples=SAMPLES)
    return coarse, picture(nerf, angles, size, samples=SAMPLES, added=ADDED)


class Ray:
    """One ray by hand, the paper's formulas in NumPy: what both networks see along it."""

    def __init__(self, nerf, angles, size):
        self.eye, self.direction, (self.near, self.far), _ = (part[0][place(size)] for part in rays_of([angles], size))
        self.coarse_t = np.linspace(self.near, self.far, SAMPLES)
        self.coarse_weights, _ = self.seen(nerf.coarse, self.coarse_t)
        self.added_t = self.inverse(np.linspace(0, 1, ADDED))
        self.t = np.sort(np.concatenate([self.coarse_t, self.added_t]))
        self.weights, colors = self.seen(nerf, self.t)
        self.color = self.weights @ colors + 1 - self.weights.sum()

    def seen(self, network, t):
        """Weights w_i = T_i (1 - exp(-sigma_i delta_i)) (equation 3) and colours at places on the ray."""
        density, colors = network.at(self.eye + t[:, None] * self.direction, self.direction)
        left = np.exp(-density * np.append(np.diff(t), 1e10))
        return np.cumprod(np.append(1, left[:-1])) * (1 - left), colors

    def distribution(self):
        """Edges, half-way between the coarse samples, and shares of what the coarse network has seen (equation 5)."""
        edges, weights = (self.coarse_t[1:] + self.coarse_t[:-1]) / 2, self.coarse_weights[1:-1] + 1e-5
        return edges, weights / weights.sum()

    def inverse(self, u):
        """Where the distribution's integral is u: evenly spaced u give many places where much was seen."""
        edges, shares = self.distribution()
        return np.interp(u, np.append(0, np.cumsum(shares)), edges)

    def draw_coarse(self, axes, surface):
        """The coarse weights, a histogram, and the places drawn from it."""
        edges, shares = self.distribution()
        axes.stairs(shares, edges, fill=True, color=COARSE, alpha=0.6, label="coarse weights, normalized")
        axes.plot(self.coarse_t, np.full(SAMPLES, -0.06), "|", color=COARSE, markersize=8, label=f"{SAMPLES} samples")
        axes.plot(self.added_t, np.full(ADDED, -0.15), "|", color=FINE, markersize=8, label=f"{ADDED} added")
        self._finish(axes, surface)
        axes.set_ylabel("share")

    def draw_seen(self, axes, surface):
        """How much each network has seen up to t: the opacity 1 - T, by the sum of its weights."""
        for t, weights, color, name in (
            (self.coarse_t, self.coarse_weights, COARSE, f"coarse network at {SAMPLES}"),
            (self.t, self.weights, FINE, f"fine network at all {SAMPLES + ADDED}"),
        ):
            axes.plot(t, np.cumsum(weights), ".-", color=color, markersize=4, linewidth=1, label=name)
        self._finish(axes, surface)
        axes.set(xlabel="t, from the eye along the marked ray", ylim=(-0.05, 1.05), ylabel="opacity")

    def _finish(self, axes, surface):
        axes.axvline(surface, color="black", linewidth=0.8, linestyle=":", label="the true surface")
        axes.set(xlim=(self.near, self.far), ylim=(-0.22, 1.02), yticks=(0, 0.5, 1))
        axes.legend(fontsize=7, loc="center right")


class Lesson:
    """A training with what was seen on the way."""

    def __init__(self, nerf, steps):
        self.nerf, self.steps, self.began = nerf, steps, time.perf_counter()
        self.fit = dr.NeRFFit(nerf, SAMPLES, ADDED, lr=RATE, schedule=dr.schedules.exponential(LAST_RATE, steps))
        (self.truth, _), (self.target, depth) = photographs([HELD_OUT], FILMED), photographs([HELD_OUT], SHOWN)
        camera = around([HELD_OUT])
        cosine = -pixel_rays(camera, SHOWN)[1][0][place(SHOWN)] @ camera.frames()[2][0]
        self.depth, self.surface = depth[0], depth[0][place(SHOWN)] / cosine
        self.curve, self.film = [], []

    def run(self, rays):
        """Steps on random rays; looks at the held-out view ``FRAMES`` times, often at first."""
        random, looks = np.random.default_rng(0), self.looks()
        for step in range(self.steps + 1):
            if step in looks:
                self.look(step)
            if step < self.steps:
                chosen = random.choice(len(rays.origins), RAYS)
                self.fit.step(dr.KnownRays(*(numbers[chosen] for numbers in rays)), seed=step)

    def looks(self):
        """The steps before which it is looked."""
        return set(np.round(self.steps * np.linspace(0, 1, FRAMES) ** 2).astype(int))

    def look(self, step):
        """A frame of the movie, and a point of the curve."""
        coarse, fine = both(self.nerf, HELD_OUT, FILMED)
        scores = [decibels(each.color, self.truth[0]) for each in (coarse, fine)]
        self.curve.append((step, *scores))
        self.film.append((step, coarse, fine, Ray(self.nerf, HELD_OUT, SHOWN)))
        print(f"    step {step:5d}: {scores[0]:.1f} and {scores[1]:.1f} dB, coarse and fine, {self.seconds:.0f} s")

    @property
    def seconds(self):
        """Since it began."""
        return time.perf_counter() - self.began

    def draw_curve(self, axes):
        """PSNR of the held-out view by the step."""
        steps, coarse, fine = np.transpose(self.curve)
        axes.plot(steps, coarse, ".-", color=COARSE, label="coarse network")
        axes.plot(steps, fine, ".-", color=FINE, label="fine network")
        axes.set(xlabel="steps", ylabel="PSNR, dB")
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8, loc="lower right")


def decibels(found, truth):
    """PSNR of display colours."""
    return float(-10 * np.log10(np.mean((found - truth) ** 2)))


def depths(found):
    """Depths as colours, white where nothing is."""
    colormap, norm = DEPTHS
    return quantized(np.where((found.opacity > SOLID)[..., None], colormap(norm(found.depth))[..., :3], 1.0))


def poster(lesson):
    """The held-out view by both networks beside the truth, depths, the curve, and the marked ray."""
    truth, (coarse, fine) = lesson.target[0], both(lesson.nerf, HELD_OUT, SHOWN)
    _, coarse_score, fine_score = lesson.curve[-1]  # at the size of the pictures that it learned from
    titles = "held-out view", f"coarse: {coarse_score:.1f} dB", f"fine: {fine_score:.1f} dB", "fine - truth"
    row_titles = "color", f"depth, {DEPTHS[1].vmin:.1f} to {DEPTHS[1].vmax:.1f}"
    true = Picture(truth, lesson.depth, lesson.depth < 10)
    truth, *found = (quantized(each.color) for each in (true, coarse, fine))
    colors = [marked(truth, *place(SHOWN)), *found, difference(found[1], truth)]
    shapes = [*map(depths, (true, coarse, fine)), plot(lesson.draw_curve, SHOWN, SHOWN)]
    page = sheet([colors, shapes], titles, row_titles)
    return sheet([[page], [ray_plots(lesson, lesson.film[-1][-1], page.shape[1])]])


def ray_plots(lesson, ray, width):
    """What both networks see along the marked ray."""
    draws = ray.draw_coarse, ray.draw_seen
    return sheet([[plot(lambda axes, draw=draw: draw(axes, lesson.surface), width, SHOWN)] for draw in draws])


def frame(lesson, step, coarse, fine, ray):
    """One of the movie."""
    pictures = quantized(coarse.color), quantized(fine.color), depths(fine)
    page = sheet([[enlarged(each, SHOWN // FILMED) for each in pictures]], ("coarse", "fine", "its depth"))
    return sheet([[page], [ray_plots(lesson, ray, page.shape[1])]], [f"{step} steps"])


def scores(nerf):
    """PSNR of the coarse and of the fine network over several views that were not used."""
    angles = np.array([(azimuth, 20) for azimuth in OTHERS])
    truth, _ = photographs(angles, SIZE)
    found = zip(*(both(nerf, view, SIZE) for view in angles), strict=True)
    return [decibels(np.stack([each.color for each in pictures]), truth) for pictures in found]


def main(arguments=None):
    """Takes the pictures, trains both networks, and shows a view that was not used."""
    options = start(__file__, __doc__, steps=1500, arguments=arguments)
    angles = spread(VIEWS)
    rays = known_rays(angles, photographs(angles, SIZE)[0])
    nerf = dr.radiance.NeRF(*FREQUENCIES, HIDDEN, skips=SKIPS, features=HIDDEN[0], color_hidden=(HIDDEN[0] // 2,))
    print(f"  {nerf}, {len(rays.origins)} rays")
    lesson = Lesson(nerf, options.steps)
    lesson.run(rays)
    save_picture(options.out / "nerf.png", poster(lesson))
    times = [0.25] * (len(lesson.film) - 1) + [2.5]
    save_movie(options.out / "nerf.gif", [frame(lesson, *moment) for moment in lesson.film], times)
    coarse, fine = scores(nerf)
    ray = lesson.film[-1][-1]
    ends = ray.eye, ray.direction, ray.near, ray.far
    by_renderer = dr.render_rays(nerf, *ends, samples=SAMPLES, added=ADDED, background=1).color
    near = [np.mean(np.abs(t - lesson.surface) < NEAR) for t in (ray.coarse_t, ray.added_t)]
    return finish(
        options,
        held_out_psnr_coarse=coarse,
        held_out_psnr_fine=fine,
        pixel_by_renderer=tuple(np.round(by_renderer.astype(float), 4).tolist()),
        pixel_by_hand=tuple(np.round(ray.color.astype(float), 4).tolist()),
        samples_near_the_surface=float(near[0]),
        added_near_the_surface=float(near[1]),
    )


if __name__ == "__main__":
    main()
