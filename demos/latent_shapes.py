"""Mugs that a network has learned, and two that it has never seen: one from a depth image, one from silhouettes.

The mugs are solids put together: a body between round and square, hollowed out, with a handle.  A decoder f(p; z)
learns the distances to many of them and a code z for each (``dr.sdf.Latent``, DeepSDF).  Then only a code is looked
for, by ``dr.SphereTracer``, so that its mug looks as in the pictures; what those do not show (the back, the inside) is
what mugs are like.  Numbers are of the solids themselves, which the fits never see.

    python demos/latent_shapes.py
"""

from dataclasses import dataclass

import numpy as np
import taichi as ti
from common import PAPER, finish, save_movie, save_picture, sheet, start
from skimage.measure import marching_cubes

import taichi_dr as dr

MUGS, SAMPLES = 160, 6144  # that the network learns, and distances to each
HIDDEN, CODE = (128,) * 4, 16
BATCH = 8, 1024  # mugs and samples of a step
UNSEEN = {"depth": 9, "silhouettes": 3}  # seeds of the two others: a square one and a tall round one
VIEWS = 6  # silhouettes, three in a row
SIZES_OF_DEPTH, SIZES_OF_SILHOUETTES = (32, 64, 96), (32, 64)  # of the images that codes are found from, coarse to fine
STEPS_OF_CODE = 40  # for each size
PRIOR = 1e-3  # weight of the codes' prior beside what the pictures say
GRID = 96  # points along a side, where solids are compared
TILE = 192  # pixels of the pictures
SHOWN, FRAMES = 5, 12  # mugs of the animation, and frames from one to the next
BOUNDS = dr.Box(-1, 1)
CLAY, GLAZE = (0.7, 0.36, 0.22), dr.Material("phong", specular=0.25, shininess=40)
SCALE = 0.9  # of the learned distances, which are sometimes too large


@dataclass(frozen=True)
class Mug:
    """Lengths of a mug, standing along y with its handle towards x, about the origin."""

    radius: float
    flare: float  # how much wider it is, per height
    roundness: float  # 1 for a round one, less for a square one
    height: float  # half of it
    wall: float
    bottom: float
    handle: float  # radius of the handle's ring
    handle_height: float
    tube: float
    stretch: float  # of the ring, along the mug

    @classmethod
    def random(cls, random):
        """One of many."""
        roundness = 1.0 if random.uniform() < 0.5 else random.uniform(0.45, 1)
        rest = (0.4, 0.65), (0.07, 0.12), (0.1, 0.2), (0.22, 0.3), (-0.06, 0.06), (0.075, 0.1), (0.9, 1.2)
        radius, flare = random.uniform(0.34, 0.48), random.uniform(-0.08, 0.1)
        return cls(radius, flare, roundness, *(random.uniform(*limits) for limits in rest))

    def distance(self, p):
        """To its surface at points (..., 3), negative inside; nearly, where smooth parts meet."""
        x, y, z = np.moveaxis(p, -1, 0)
        radius, e = self.radius + self.flare * y, 0.05
        square = np.abs(np.stack([x, z], axis=-1)) - (radius * (1 - self.roundness))[..., None]
        side = rounded(square) - radius * self.roundness
        outside = rounded(np.stack([side + e, np.abs(y) - self.height + e], axis=-1)) - e
        inside = rounded(np.stack([side + self.wall + e, self.bottom - self.height - y + e], axis=-1)) - e
        along = np.hypot(
            x - self.radius - self.flare * self.handle_height + 0.02, (y - self.handle_height) / self.stretch
        )
        ring = np.hypot(along - self.handle, z) - self.tube
        ring = smooth_max(ring, -side - 0.5 * self.wall, 0.03)
        return smooth_min(smooth_max(outside, -inside, 0.04), ring, 0.1)


def rounded(q):
    """Distance to a corner of two half-planes at distances q (..., 2)."""
    return np.minimum(q.max(axis=-1), 0) + np.linalg.norm(np.maximum(q, 0), axis=-1)


def smooth_min(a, b, k):
    """The union of two distances, blended where they differ by less than k."""
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - 0.25 * k * h * h


def smooth_max(a, b, k):
    """Their intersection, blended."""
    return -smooth_min(-a, -b, k)


def samples(mug, count, random):
    """Points (count, 3), most of them near the surface, and the distances there."""
    points = random.uniform(-1, 1, (2 * count, 3))
    distance = mug.distance(points)
    near = points[np.argsort(np.abs(distance))[: count * 3 // 5]]
    for _ in range(3):
        near = near - step_to_surface(mug, near)
    spread = np.where(np.arange(len(near)) % 2, 0.015, 0.07)[:, None]
    points = np.concatenate([near + spread * random.normal(size=near.shape), points[: count - len(near)]])
    return points, mug.distance(points)


def step_to_surface(mug, points, h=1e-3):
    """Newton's step: ``f grad f / |grad f|^2``."""
    offsets = h * np.eye(3)
    slope = np.stack([mug.distance(points + offset) - mug.distance(points - offset) for offset in offsets], axis=-1)
    slope /= 2 * h
    return (mug.distance(points) / np.maximum((slope**2).sum(axis=-1), 0.1))[:, None] * slope


def learned(mugs, steps, random):
    """The network that has learned the mugs."""
    points, distances = zip(*(samples(mug, SAMPLES, random) for mug in mugs), strict=True)
    latent = dr.sdf.Latent(CODE, HIDDEN)

    def tell(progress):
        if progress.step % 250 == 0:
            print(f"  learning, step {progress.step}: distances are off by {progress.loss:.4f} on average")

    latent.fit(np.array(points), np.array(distances), steps=steps, batch=BATCH, on_step=tell)
    return latent


def lattice():
    """Points of a grid in the bounds."""
    axis = np.linspace(-1, 1, GRID)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def mesh_of(distance):
    """The surface of distances on the lattice, as a mesh."""
    spacing = (2 / (GRID - 1),) * 3
    vertices, faces, _, _ = marching_cubes(distance, 0.0, spacing=spacing, gradient_direction="ascent")
    return dr.Mesh(vertices - 1, faces[:, ::-1].copy(), colors=CLAY, material=GLAZE)


def differences(latent, mesh, truth):
    """How far the surface of a mesh is off that of the code, and the IoU of the solids, of thin walls mostly."""
    solid, true_solid = latent.at(lattice()) < 0, truth < 0
    off_by = float(np.abs(latent.at(mesh.numpy("vertices"))).mean())
    return {"off_by": off_by, "iou": float((solid & true_solid).sum() / (solid | true_solid).sum())}


class Search:
    """Looks for the code of a mug so that it looks as in pictures."""

    def __init__(self, latent, camera, sizes):
        self.latent, self.camera, self.sizes = latent, camera, sizes
        self.loss = ti.field(ti.f32, (), needs_grad=True)
        self.spread = float(latent.codes.std())

    def run(self, compare):
        """From the middle of all codes; ``compare(frame, size, loss)`` adds how the pictures of a size differ."""
        code = self.latent.variable("code")
        self.latent.set("code", 0.0)
        for size in self.sizes:
            tracer = dr.SphereTracer(self.latent, size, bounds=BOUNDS, scale=SCALE)
            schedule = dr.schedules.cosine(STEPS_OF_CODE, 0.1)
            optimizer = dr.Adam(code, lr=0.15 * self.spread, schedule=schedule)
            for _ in range(STEPS_OF_CODE):
                with ti.ad.Tape(self.loss):
                    compare(tracer.render(self.camera), size, self.loss)
                    dr.losses.latent_prior(code, self.loss, PRIOR, self.spread)
                optimizer.step()
            print(f"  at {size} pixels: loss {self.loss[None]:.4f}")

    def outlines(self, frame, targets, size, loss):
        """Pulls from any distance at first, then by the antialiased edges."""
        if size == self.sizes[0]:
            dr.losses.silhouette_cross_entropy(frame.variable("closest"), targets[size], loss)
        else:
            dr.losses.mse(frame.variable("alpha"), targets[size], loss, 3.0)


def find_from_depth(latent, mesh, camera):
    """The code of a mug from what one depth camera sees of it; returns its image, inf where there is nothing."""
    search, depths, masks = Search(latent, camera, SIZES_OF_DEPTH), {}, {}
    for size in SIZES_OF_DEPTH:
        depth = dr.Rasterizer(size).render(mesh, camera).numpy("depth")
        depths[size] = np.where(depth < camera.far, depth, np.inf)
        masks[size] = np.isfinite(depths[size]).astype(np.float32)

    def compare(frame, size, loss):
        seen = (frame.numpy("depth") < camera.far).astype(np.float32)
        dr.losses.depth(frame.variable("depth"), depths[size], loss, 30.0, alpha=seen, mask=masks[size], delta=0.05)
        search.outlines(frame, masks, size, loss)

    search.run(compare)
    return depths[SIZES_OF_DEPTH[-1]][0]


def find_from_silhouettes(latent, mesh, camera):
    """The code of a mug from its silhouettes, which are returned (V, H, W)."""
    search = Search(latent, camera, SIZES_OF_SILHOUETTES)
    targets = {size: dr.supersampled(mesh, camera, size)[..., 3] for size in SIZES_OF_SILHOUETTES}
    search.run(lambda frame, size, loss: search.outlines(frame, targets, size, loss))
    return targets[SIZES_OF_SILHOUETTES[-1]]


class Studio:
    """Pictures of learned mugs and of true ones, in the same light."""

    def __init__(self, latent):
        self.latent, self.lights = latent, dr.Lights.default()
        given = {"bounds": BOUNDS, "color": CLAY, "background": PAPER, "material": GLAZE}
        self.tracer = dr.SphereTracer(latent, TILE, scale=SCALE, normal_step=0.01, **given)
        self.rasterizer = dr.Rasterizer(TILE, background=PAPER, antialias=True)

    def learned(self, camera):
        """The mug that the network shows by its code (V, H, W, 3)."""
        return self.tracer.render(camera, self.lights).numpy("color")

    def true(self, mesh, camera):
        """A mesh."""
        return self.rasterizer.render(mesh, camera, self.lights).numpy("color")

    def row(self, given, mesh, cameras, find):
        """A search in pictures: what was given, and the mug before, after and in truth, from two sides."""
        self.latent.set("code", 0.0)
        before = self.learned(cameras[0])[0]
        found = find()
        return [given(found), before, *self.learned(cameras), *self.true(mesh, cameras)]


def shown_depth(depth):
    """Near is bright, nothing is paper."""
    seen = np.isfinite(depth)
    near, far = depth[seen].min(), depth[seen].max()
    grey = np.where(seen, 0.9 - 0.8 * (np.where(seen, depth, far) - near) / (far - near), 0)[..., None]
    return fitted(np.where(seen[..., None], grey * np.ones(3), PAPER))


def shown_silhouettes(silhouettes):
    """All of them, three in a row."""
    tiles = PAPER + (np.array((0.08, 0.1, 0.12)) - PAPER) * silhouettes[..., None]
    size = tiles.shape[1]
    return fitted(tiles.reshape(-1, 3, size, size, 3).swapaxes(1, 2).reshape(-1, 3 * size, 3))


def fitted(picture):
    """A picture as large as fits a tile, in its middle."""
    factor = max(picture.shape[:2]) / TILE
    rows, columns = (np.arange(int(side / factor)) for side in picture.shape[:2])
    small = picture[(rows * factor).astype(int)][:, (columns * factor).astype(int)]
    page = np.ones((TILE, TILE, 3)) * PAPER
    top = (TILE - len(rows)) // 2
    page[top : top + len(rows), : len(columns)] = small
    return page


def animation(studio, codes):
    """Frames on the way through some codes and back to the first, while the camera goes round."""
    frames, count = [], len(codes) * FRAMES
    for k in range(count):
        at, part = divmod(k / FRAMES, 1)
        ease = part * part * (3 - 2 * part)
        code = (1 - ease) * codes[int(at)] + ease * codes[(int(at) + 1) % len(codes)]
        studio.latent.set("code", code)
        camera = dr.Camera.orbit(15 + 40 * np.sin(2 * np.pi * k / count), 30, 2.6, fov_y_deg=45)
        frames.append(sheet([[studio.learned(camera)[0]]]))
    return frames


def main(arguments=None):
    """Learns the mugs, finds two others, and walks from code to code."""
    options = start(__file__, __doc__, steps=2000, arguments=arguments)
    random = np.random.default_rng(1)
    latent = learned([Mug.random(random) for _ in range(MUGS)], options.steps, random)
    studio, results, rows = Studio(latent), {}, []
    cameras = dr.Camera.orbit([40, 155], [25, 50], 2.6, fov_y_deg=45)
    around = dr.Camera.orbit(np.arange(VIEWS) * 360 / VIEWS, np.resize([10, 35], VIEWS), 2.8, fov_y_deg=45)
    searches = {
        "depth": (lambda mesh: find_from_depth(latent, mesh, cameras[0]), shown_depth),
        "silhouettes": (lambda mesh: find_from_silhouettes(latent, mesh, around), shown_silhouettes),
    }
    for name, (find, shown) in searches.items():
        print(f"  an unseen mug, from {name}")
        truth = Mug.random(np.random.default_rng(UNSEEN[name])).distance(lattice())
        mesh = mesh_of(truth)
        latent.set("code", 0.0)
        before = differences(latent, mesh, truth)
        rows.append(studio.row(shown, mesh, cameras, lambda find=find, mesh=mesh: find(mesh)))
        for what, value in differences(latent, mesh, truth).items():
            results[f"{name}_{what}_before"], results[f"{name}_{what}"] = before[what], value
    titles = "given", "the middle of\nall codes", "found", "found,\nfrom behind", "truth", "truth,\nfrom behind"
    save_picture(options.out / "latent_shapes.png", sheet(rows, titles, ("one depth image", f"{VIEWS} silhouettes")))
    frames = animation(studio, latent.codes[:SHOWN])
    save_movie(options.out / "latent_shapes.gif", frames, [0.08] * len(frames))

    return finish(options, **results)


if __name__ == "__main__":
    main()
