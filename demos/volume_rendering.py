"""Volume rendering, one cloud through all of its stages: from a function of a point to a picture.

    1 samples             a slice through the cloud, and the samples of one ray in it, as large as their weights
    2 density             along that ray: every sample stands for its part
    3 weights             what each part absorbs (alpha), what comes through to it (T), and their product
    4 few samples         in the middle of their parts they make steps, anywhere in them (stratified) noise
    5 error               of the transmittance by the number of samples, from the closed form
    6 accumulation        the picture when only what is nearer than so much has been added up
    7 depth               the mean distance of what is seen
    8 transmittance       what comes through, which has a closed form here

The cloud is three Gaussians, whose integral along a ray is a difference of error functions.  Each stage is a picture of
its own; ``volume_rendering.png`` shows them side by side, and ``volume_rendering.gif`` the accumulation.

    python demos/volume_rendering.py
"""

import numpy as np
import taichi as ti
from common import PAPER, coded, finish, marked, pixel_rays, plot, save_movie, save_picture, sheet, shown, start
from matplotlib import colors as colormaps
from matplotlib import pyplot
from matplotlib.patches import Circle
from scipy.special import erf

import taichi_dr as dr

PLACES = ((0.06, 0.1, 0.51), (0.07, -0.08, -0.29), (-0.5, 0.2, -0.35))
WIDTHS = (0.11, 0.21, 0.12)  # standard deviations
PEAKS = (4.0, 7.0, 9.0)  # densities in the middles, per world unit
COLORS = ((0.95, 0.42, 0.08), (0.06, 0.3, 0.75), (0.6, 0.1, 0.45))
RADIUS = 1.1  # of the bounds
PARTS = 24  # of the ray that is looked at
FEW, MANY = 5, 128  # samples of pictures
COUNTS = (2, 3, 5, 8, 16, 32, 64)  # samples of the errors
SEEDS = 4  # pictures that errors of stratified samples are taken over
DEPTHS = pyplot.get_cmap("viridis"), colormaps.Normalize(2.4, 4.0)
SHARES = pyplot.get_cmap("gray"), colormaps.Normalize(0, 1)


class Cloud:
    """Three Gaussians, and a plane before the camera behind which there is nothing yet."""

    def __init__(self, camera):
        _, _, w, eye = (part[0].astype(float) for part in camera.frames())
        reach = self.reach = ti.field(float, shape=())
        reach[None] = 1e3

        @ti.func
        def look(p, d):
            density, color = 0.0, ti.Vector([0.0, 0.0, 0.0])
            for k in ti.static(range(3)):
                away = p - ti.Vector(PLACES[k])
                part = PEAKS[k] * ti.exp(-away.dot(away) / (2 * WIDTHS[k] ** 2))
                density += part
                color += part * ti.Vector(COLORS[k])
            seen = (p - ti.Vector(eye)).dot(ti.Vector(-w)) < reach[None]
            return dr.Sample(ti.select(seen, density, 0.0), color / ti.max(density, 1e-6))

        self.function = look

    def renderer(self, size, samples, background=PAPER, **settings):
        """A renderer of the cloud."""
        return dr.VolumeRenderer(
            self.function, size, bounds=dr.Ball(radius=RADIUS), background=background, samples=samples, **settings
        )


def densities(points):
    """The densities (..., 3) of the three Gaussians at points (..., 3)."""
    away = np.sum((points[..., None, :] - np.array(PLACES)) ** 2, axis=-1)
    return PEAKS * np.exp(-away / (2 * np.square(WIDTHS)))


def ends(eye, directions):
    """Where rays enter and leave the bounds; the same, where they pass."""
    middle = -directions @ eye
    half = np.sqrt(np.maximum(RADIUS**2 - (eye @ eye - middle**2), 0))
    return middle - half, middle + half


def transmittance(eye, directions, first, last):
    """The closed form exp(-integral of the density from ``first`` to ``last``), of rays (..., 3)."""
    to = np.array(PLACES) - eye
    middle = directions @ to.T
    away = np.sum(to**2, axis=-1) - middle**2
    sides = [erf((np.asarray(t)[..., None] - middle) / (np.sqrt(2) * np.array(WIDTHS))) for t in (first, last)]
    peaks = PEAKS * np.exp(-away / (2 * np.square(WIDTHS))) * WIDTHS * np.sqrt(np.pi / 2)
    return np.exp(-np.sum(peaks * (sides[1] - sides[0]), axis=-1))


class Ray:
    """A pixel's ray in ``PARTS`` parts, added up as the renderer does it: arrays of their numbers, front to back."""

    def __init__(self, eye, direction):
        self.eye, self.direction = eye, direction
        self.entry, self.exit = ends(eye, direction)
        self.edges = np.linspace(self.entry, self.exit, PARTS + 1)
        self.t = (self.edges[1:] + self.edges[:-1]) / 2
        parts = densities(self.at(self.t))
        self.density = parts.sum(axis=-1)
        self.colors = parts @ np.array(COLORS) / self.density[:, None]
        self.alpha = 1 - np.exp(-self.density * np.diff(self.edges))
        self.through = np.concatenate([[1], np.cumprod(1 - self.alpha)])  # to each edge
        self.weights = self.through[:-1] * self.alpha
        self.color = self.weights @ self.colors + self.through[-1] * np.array(PAPER)

    def at(self, t):
        """Points (..., 3) of the ray."""
        return self.eye + np.asarray(t)[..., None] * self.direction

    def draw_slice(self, axes, camera):
        """1. Densities in the plane of the ray and of the camera's x axis, and samples as large as their weights."""
        u, _, _, _ = (part[0].astype(float) for part in camera.frames())
        across, along = np.meshgrid(np.linspace(-1.2, 1.2, 240), np.linspace(self.entry - 0.1, self.exit + 0.1, 240))
        side = u - (u @ self.direction) * self.direction
        side /= np.linalg.norm(side)
        parts = densities(self.at(along) + across[..., None] * side)
        density = parts.sum(axis=-1, keepdims=True)
        share = 1 - np.exp(-0.5 * density)
        picture = share * (parts @ np.array(COLORS)) / np.maximum(density, 1e-9) + (1 - share) * np.array(PAPER)
        axes.imshow(shown(picture), extent=(-1.2, 1.2, along[0, 0], along[-1, 0]), origin="lower", aspect="equal")
        middle = -self.eye @ self.direction
        place = middle, np.sqrt(max(RADIUS**2 - np.sum((self.eye + middle * self.direction) ** 2), 0))
        offset = -self.at(middle) @ side
        radius = np.sqrt(RADIUS**2 - (self.at(middle) @ self.at(middle) - offset**2))
        axes.add_patch(Circle((offset, place[0]), radius, fill=False, linewidth=0.8))
        axes.axvline(0, color="black", linewidth=0.6)
        axes.scatter(np.zeros(PARTS), self.t, s=5, color="black", zorder=3)
        axes.scatter(np.zeros(PARTS), self.t, s=4 + 1600 * self.weights, facecolor="none", edgecolor="black", zorder=3)
        axes.set(xlim=(-1.2, 1.2), xticks=(-1, 0, 1), ylabel="t, from the eye")

    def draw_density(self, axes):
        """2. The density, and the samples' parts."""
        t = np.linspace(self.entry, self.exit, 400)
        axes.plot(t, densities(self.at(t)).sum(axis=-1), color="black", linewidth=1)
        axes.bar(self.t, self.density, np.diff(self.edges), color=shown(self.colors) / 255, alpha=0.8)
        axes.plot(self.t, self.density, ".", color="black", markersize=4)
        axes.set(xlabel="t", ylabel=r"$\sigma$, per world unit", xlim=(self.entry, self.exit))

    def draw_weights(self, axes):
        """3. Alpha, transmittance and weights."""
        t, width = np.linspace(self.entry, self.exit, 400), np.diff(self.edges)
        exact = transmittance(self.eye, self.direction, self.entry, t[:, None])
        axes.plot(t, exact.ravel(), color="tab:red", linewidth=1, label="T, closed form")
        axes.plot(self.edges, self.through, ".", color="tab:red", markersize=4, label="T, of the samples")
        axes.stairs(self.alpha, self.edges, color="black", linewidth=0.7, label=r"$\alpha$")
        axes.bar(self.t, self.weights, width, color=shown(self.colors) / 255, label=r"T $\alpha$, the weights")
        axes.set(xlabel="t", xlim=(self.entry, self.exit), ylim=(0, 1.02))
        axes.legend(fontsize=7, loc="upper right")

    def draw_progress(self, axes, front):
        """Transmittance and weights of what is nearer than ``front``."""
        near = self.edges[1:] <= front + 1e-9
        axes.plot(self.edges, self.through, color="tab:red", linewidth=0.5)
        count = near.sum() + 1
        axes.plot(self.edges[:count], self.through[:count], color="tab:red", linewidth=2, label="T")
        colors = shown(self.colors[near]) / 255
        axes.bar(self.t[near], self.weights[near], np.diff(self.edges)[near], color=colors, label=r"T $\alpha$")
        axes.axvline(front, color="black", linewidth=0.8)
        axes.set(xlabel="t along the marked ray", xlim=(self.entry, self.exit), ylim=(0, 1.02))
        axes.legend(fontsize=8, loc="upper right")


def checks(size):
    """A background (size, size, 3) by which one sees what is transparent."""
    i, j = np.indices((size, size)) // (size // 16)
    return np.where((i + j)[..., None] % 2, 0.5, 0.85) * np.ones(3)


def accumulated(cloud, camera, size, fronts):
    """6. Pictures (size, size, 3) of what is nearer than each of ``fronts``, over checks."""
    renderer, pictures = cloud.renderer(size, MANY, checks(size)), []
    for front in fronts:
        cloud.reach[None] = front
        pictures.append(renderer.render(camera).numpy()[0])
    cloud.reach[None] = 1e3
    return pictures


def errors(cloud, camera, size):
    """5. RMS errors of the transmittance by the number of samples: uniform, stratified, and the latter's last slope."""
    eye, directions = (part[0] for part in pixel_rays(camera, size))
    exact, found = transmittance(eye, directions, *ends(eye, directions)), {}
    for sampling, seeds in (("uniform", 1), ("stratified", SEEDS)):
        found[sampling] = []
        for samples in COUNTS:
            renderer, squares = cloud.renderer(size, samples, sampling=sampling, tolerance=0), []
            for renderer.seed in range(seeds):
                through = renderer.render(camera).numpy("transmittance")[0]
                squares.append(np.mean((through - exact) ** 2))
            found[sampling].append(float(np.sqrt(np.mean(squares))))
    return found


def draw_errors(axes, found):
    """5. Over the number of samples."""
    for sampling, values in found.items():
        axes.loglog(COUNTS, values, ".-", label=sampling)
    guide = found["stratified"][-1] * (np.array(COUNTS) / COUNTS[-1]) ** -1.5
    axes.loglog(COUNTS, guide, "--", color="black", linewidth=0.7, label=r"$N^{-3/2}$")
    axes.set(xlabel="samples per ray", ylabel="RMS error of T", xticks=COUNTS, xticklabels=COUNTS)
    axes.minorticks_off()
    axes.grid(alpha=0.4)
    axes.legend(fontsize=8)


def halves(cloud, camera, size):
    """4. The left half by uniform, the right one by stratified samples."""
    one, other = (
        cloud.renderer(size, FEW, sampling=sampling).render(camera).numpy()[0] for sampling in ("uniform", "stratified")
    )
    one[:, size // 2 :] = other[:, size // 2 :]
    one[:, size // 2] = 1
    return one


def main(arguments=None):
    """Draws every stage, and all of them on one sheet."""
    size = {"type": int, "default": 320, "help": "pixels a side, a multiple of 32 (320)"}
    options = start(__file__, __doc__, arguments=arguments, size=size)
    size = options.size
    camera = dr.Camera.orbit(20, 18, distance=3.2, fov_y_deg=36, target=(0, 0.07, 0))
    cloud = Cloud(camera)
    eye, directions = (part[0] for part in pixel_rays(camera, size))
    row, column = size * 17 // 32, size // 2
    ray = Ray(eye, directions[row, column])
    by_renderer = cloud.renderer(size, PARTS, tolerance=0).render(camera).numpy()[0, row, column]
    frame = cloud.renderer(size, MANY).render(camera)
    through, alpha = frame.numpy("transmittance")[0], frame.numpy("alpha")[0]
    exact = transmittance(eye, directions, *ends(eye, directions))
    found = errors(cloud, camera, size // 4)
    fronts = np.linspace(ray.entry, ray.exit, 2 * PARTS + 1)
    film = accumulated(cloud, camera, size, fronts)
    quarters = [picture[::2, ::2] for picture in (film[k] for k in (12, 20, 27, 48))]

    stages = (
        ("samples", "samples of a ray, in a slice", plot(lambda axes: ray.draw_slice(axes, camera), size, size)),
        ("density", "density along it", plot(ray.draw_density, size, size)),
        ("weights", "alpha, T and weights", plot(ray.draw_weights, size, size)),
        ("few", f"few ({FEW}): uniform | stratified", sheet([[halves(cloud, camera, size)]])),
        ("error", "error by samples", plot(lambda axes: draw_errors(axes, found), size, size)),
        ("accumulation", "front to back", sheet([quarters[:2], quarters[2:]])),
        ("depth", "depth", coded(*DEPTHS, frame.numpy("depth")[0], alpha > 0.02, size, "world units")),
        ("transmittance", "transmittance", coded(*SHARES, through, exact < 1, size, "share that comes through")),
    )
    pictures = [sheet([[picture]], [f"{i} {title}"]) for i, (_, title, picture) in enumerate(stages, 1)]
    for i, (name, _, _) in enumerate(stages):
        save_picture(options.out / f"{i + 1}_{name}.png", pictures[i])
    save_picture(options.out / "volume_rendering.png", sheet([pictures[:4], pictures[4:]]))
    frames = [
        sheet([[marked(picture, row, column), plot(lambda axes, t=t: ray.draw_progress(axes, t), size, size)]])
        for picture, t in zip(film, fronts, strict=True)
    ]
    save_movie(options.out / "volume_rendering.gif", frames, [0.12] * (len(frames) - 1) + [2.0])
    return finish(
        options,
        pixel_by_renderer=tuple(np.round(by_renderer.astype(float), 4).tolist()),
        pixel_by_hand=tuple(np.round(ray.color, 4).tolist()),
        transmittance_off_at_most=float(np.abs(through - exact).max()),
        error_uniform=found["uniform"][COUNTS.index(FEW)],
        error_stratified=found["stratified"][COUNTS.index(FEW)],
        samples_at_once=cloud.renderer(size, MANY).packets,
    )


if __name__ == "__main__":
    main()
