"""A cloth simulated by one's own Taichi kernels and rendered in the same tape: its throw, recovered from images alone.

A square of cloth (masses and springs) is thrown with an unknown velocity.  Six images of its flight are all that is
known.  Starting from a throw in another direction, the gradient of the images' difference flows through the renderer
into ``mesh.vertices``, through every step of the simulation, into the three numbers of the initial velocity.

The mesh is a batch of six frames of one topology, so that one call renders the whole flight.  The images come from the
other rasterizer, 16 samples per pixel, so that the fit has to cope with its own blur; the physics, though, are the
same, which no real cloth would grant.

    python demos/simulate_and_render.py
"""

import math

import numpy as np
import taichi as ti
from common import (
    PAPER,
    composite,
    finish,
    over_paper,
    picture_field,
    plot,
    quantized,
    save_movie,
    save_picture,
    sheet,
    shown,
    start,
)
from matplotlib import pyplot

import taichi_dr as dr

SIDE = 12  # masses along a side of the cloth
STEPS, FRAMES = 60, 6  # simulated steps; images, evenly spread over them
DT = 1 / 120  # seconds
GRAVITY, STIFFNESS, DAMPING = -9.8, 1500.0, 0.5
MOST_STEPS, ARRIVED = 60, 0.01  # of the search; it ends when ten steps have moved the throw by less, m/s
SIZE = 120, 160  # of the images: height, width in pixels
SIGMAS = 1e-3, 3e-5  # blurred silhouettes are pulled from afar but look too large; sharp ones settle the place
TRUE_VELOCITY, FIRST_GUESS = (1.6, 2.6, -0.8), (-0.6, 1.6, 0.6)
SPRINGS = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2)]  # structure, shear, bending
NEIGHBORS = SPRINGS + [(-i, -j) for i, j in SPRINGS]
SPACING = 1.0 / (SIDE - 1)


@ti.data_oriented
class Cloth:
    """Positions and velocities of every step, so that the tape can walk back through them."""

    def __init__(self):
        self.position = ti.Vector.field(3, ti.f32, (STEPS + 1, SIDE, SIDE), needs_grad=True)
        self.velocity = ti.Vector.field(3, ti.f32, (STEPS + 1, SIDE, SIDE), needs_grad=True)
        self.throw = ti.Vector.field(3, ti.f32, (), needs_grad=True)

    def simulate(self, vertices):
        """Runs all steps and writes the frames into ``vertices`` (FRAMES, SIDE * SIDE)."""
        self.release()
        for step in range(STEPS):
            self.advance(step)
        self.show(vertices)

    @ti.kernel
    def release(self):
        for i, j in ti.ndrange(SIDE, SIDE):
            along, across = i * SPACING - 0.5, j * SPACING - 0.5
            self.position[0, i, j] = ti.Vector([along, 0.0, across])
            flutter = ti.Vector([0.0, 1.2 * ti.sin(6.0 * along) + 1.2 * ti.cos(5.0 * across), 0.0])
            self.velocity[0, i, j] = self.throw[None] + flutter

    @ti.kernel
    def advance(self, step: ti.i32):
        for i, j in ti.ndrange(SIDE, SIDE):
            acceleration = ti.Vector([0.0, GRAVITY, 0.0]) - DAMPING * self.velocity[step, i, j]
            for k in ti.static(range(len(NEIGHBORS))):
                a, b = i + NEIGHBORS[k][0], j + NEIGHBORS[k][1]
                if 0 <= a < SIDE and 0 <= b < SIDE:
                    spring = self.position[step, a, b] - self.position[step, i, j]
                    length = ti.sqrt(spring.dot(spring) + 1e-12)
                    rest = ti.static(SPACING * math.hypot(*NEIGHBORS[k]))
                    acceleration += STIFFNESS * (length - rest) * spring / length
            velocity = self.velocity[step, i, j] + DT * acceleration
            self.velocity[step + 1, i, j] = velocity
            self.position[step + 1, i, j] = self.position[step, i, j] + DT * velocity

    @ti.kernel
    def show(self, vertices: ti.template()):
        for frame, i, j in ti.ndrange(FRAMES, SIDE, SIDE):
            vertices[frame, i * SIDE + j] = self.position[(frame + 1) * (STEPS // FRAMES), i, j]


def cloth_mesh():
    """FRAMES copies of a checkered cloth; the simulation writes their vertices."""
    corner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    i, j = np.divmod(np.arange(len(a)), SIDE - 1)
    checker = np.where(((i // 2 + j // 2) % 2)[:, None], (0.75, 0.12, 0.06), (0.9, 0.7, 0.3))
    positions = np.zeros((FRAMES, SIDE * SIDE, 3))
    colors, material = np.concatenate([checker, checker]), dr.Material("flat")  # both sides of a cloth are lit
    return dr.Mesh(positions, faces, face_colors=colors, material=material, name="cloth")


def photographs(mesh, camera, lights, size):
    """Images (FRAMES, H, W, 3) of the meshes over the background, 16 samples per pixel."""
    return over_paper(dr.supersampled(mesh, camera, size, lights))


class Movie:
    """The animation: images, current guess and their difference above the path of the three velocities."""

    def __init__(self, images, *scene):
        self.images, self.scene = images, scene
        self.renderer = dr.Rasterizer(SIZE, background=PAPER, antialias=True)  # for people: the same scene, crisp
        self.guesses, self.frames = [], []

    def add(self, path, losses):
        """A frame for the latest of the velocities and losses, which belongs to the flight as it is now."""
        self.guesses.append(self.renderer.render(*self.scene).numpy("color"))
        rows = {"images": self.images, "current guess": self.guesses[-1]}
        self.frames.append(page(rows, path, f"step {len(path) - 1}: loss {losses[-1]:.1e}"))

    def summary(self, path):
        """The first guess and the last one beside the images."""
        return page({"images": self.images, "first guess": self.guesses[0], "found": self.guesses[-1]}, path)


def page(rows, path, title=""):
    """Named rows of pictures of the flight, the difference of the first row and the last, and the path below."""
    times = [f"{(frame + 1) * STEPS // FRAMES * DT:.2f} s" for frame in range(FRAMES)]
    pictures = [*rows.values(), difference(*[*rows.values()][:: len(rows) - 1])]
    flight = sheet(pictures, times, (*rows, "difference"))
    curves = plot(lambda axes: draw_path(axes, path), flight.shape[1], 190)
    return sheet([[flight], [curves]], [title] if title else ())


def difference(one, other):
    """The mean over the channels of the absolute difference of display values, from black to white (0.5)."""
    error = np.abs(shown(one).astype(float) - shown(other)).mean(axis=-1) / 255
    return quantized(pyplot.get_cmap("magma")(error / 0.5)[..., :3])


def draw_path(axes, path):
    """The velocity at every step, and its last value beside the truth."""
    for component, color in enumerate(("tab:red", "tab:green", "tab:blue")):
        values, truth = [velocity[component] for velocity in path], TRUE_VELOCITY[component]
        axes.axhline(truth, color=color, linestyle="--", linewidth=1)
        axes.plot(values, color=color)
        axes.plot(len(values) - 1, values[-1], "o", color=color, markersize=4, clip_on=False)
        label = f"$v_{'xyz'[component]}$ = {values[-1]:+.2f}, true {truth:+.2f}"
        axes.annotate(label, (1.01, truth), xycoords=("axes fraction", "data"), color=color, va="center")
    axes.set(xlabel="step", ylabel="velocity, m/s", xlim=(0, MOST_STEPS), ylim=(-1.5, 3.2))


def main(arguments=None):
    """Photographs the flight, then finds its throw."""
    options = start(__file__, __doc__, steps=MOST_STEPS, arguments=arguments)
    cloth, mesh = Cloth(), cloth_mesh()
    camera = dr.Camera.orbit([20] * FRAMES, elevation_deg=30, distance=3.0, fov_y_deg=28, target=(0.3, 0.0, 0))
    lights = dr.Lights(ambient=0.45, directional=[dr.DirectionalLight((0.3, 1, 0.5), 0.6)])
    renderer = dr.SoftRasterizer(SIZE, gamma=1e-3, background=PAPER)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    cloth.throw[None] = TRUE_VELOCITY
    cloth.simulate(mesh.vertices)
    images = photographs(mesh, camera, lights, SIZE)
    movie = Movie(images, mesh, camera, lights)
    picture = picture_field(renderer.render(mesh, camera, lights))

    cloth.throw[None] = FIRST_GUESS
    optimizer = dr.Adam([cloth.throw], lr=0.15, betas=(0.7, 0.99), schedule=dr.schedules.cosine(options.steps, 0.02))
    path, losses = [], []
    for step in range(options.steps):
        renderer.sigma = SIGMAS[0] * (SIGMAS[1] / SIGMAS[0]) ** min(1.0, 2 * step / options.steps)
        with ti.ad.Tape(loss):
            cloth.simulate(mesh.vertices)
            frame = renderer.render(mesh, camera, lights)
            composite(frame.color, frame.alpha, picture)
            dr.losses.mse(picture, images, loss)
        path.append(cloth.throw[None].to_numpy())
        losses.append(loss[None])
        arrived = step >= 10 and np.ptp(path[-10:], axis=0).max() < ARRIVED
        if step % 3 == 0 or step == options.steps - 1 or arrived:
            print(f"  step {step:3d}  loss {losses[-1]:.1e}  throw ({', '.join(f'{v:.2f}' for v in path[-1])}) m/s")
            movie.add(path, losses)
        if arrived:
            break
        optimizer.step()
    save_movie(options.out / "simulate_and_render.gif", movie.frames, [0.2] * (len(movie.frames) - 1) + [3.0])
    save_picture(options.out / "simulate_and_render.png", movie.summary(path))
    return finish(
        options,
        true_throw=TRUE_VELOCITY,
        found_throw=tuple(np.round(path[-1].astype(float), 3).tolist()),
        largest_error=float(np.abs(path[-1] - TRUE_VELOCITY).max()),
        steps=len(path),
    )


if __name__ == "__main__":
    main()
