"""A cloth simulated by one's own Taichi kernels and rendered in the same tape: its throw, recovered from images alone.

A square of cloth (masses and springs) is thrown with an unknown velocity.  Six images of its flight are all that is
known.  Starting from a throw in another direction, the gradient of the images' difference flows through the renderer
into ``mesh.vertices``, through every step of the simulation, into the three numbers of the initial velocity.

The mesh is a batch of six frames of one topology, so that one call renders the whole flight.

    python demos/simulate_and_render.py
"""

import math

import numpy as np
import taichi as ti
from common import PAPER, composite, finish, labelled, picture_field, save_grid, start, tiled

import taichi_dr as dr

SIDE = 12  # masses along a side of the cloth
STEPS, FRAMES = 60, 6  # simulated steps; images, evenly spread over them
DT = 1 / 120  # seconds
GRAVITY, STIFFNESS, DAMPING = -9.8, 1500.0, 0.5
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
    return dr.Mesh(positions, faces, face_colors=np.concatenate([checker, checker]), name="cloth")


def main(arguments=None):
    """Simulates the target, then finds its throw."""
    options = start(__file__, __doc__, steps=80, arguments=arguments)
    cloth, mesh = Cloth(), cloth_mesh()
    camera = dr.Camera.orbit([20] * FRAMES, elevation_deg=30, distance=3.0, fov_y_deg=40, target=(0.25, 0.0, 0))
    lights = dr.Lights(ambient=0.45, directional=[dr.DirectionalLight((0.3, 1, 0.5), 0.6)])
    renderer = dr.SoftRasterizer(96, sigma=1e-3, gamma=1e-3, background=PAPER)
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    display = dr.Rasterizer(160, background=PAPER, antialias=True)  # pictures for people: the same scene, crisp

    def show_flight():
        return display.render(mesh, camera, lights).numpy("color")

    def render_flight():
        cloth.simulate(mesh.vertices)
        frame = renderer.render(mesh, camera, lights)
        composite(frame.color, frame.alpha, picture)

    cloth.simulate(mesh.vertices)
    picture = picture_field(renderer.render(mesh, camera, lights))
    cloth.throw[None] = TRUE_VELOCITY
    render_flight()
    target, shown_target = picture.to_numpy(), show_flight()

    cloth.throw[None] = FIRST_GUESS
    render_flight()
    shown_first = show_flight()
    optimizer = dr.Adam([cloth.throw], lr=0.15, betas=(0.7, 0.99), schedule=dr.schedules.cosine(options.steps, 0.02))
    movie = []
    for step in range(options.steps):
        with ti.ad.Tape(loss):
            render_flight()
            dr.losses.mse(picture, target, loss)
        if step % 4 == 0 or step == options.steps - 1:
            throw = cloth.throw[None].to_numpy()
            line = (
                f"step {step:3d}   loss {loss[None]:.5f}   throw ({throw[0]:.2f}, {throw[1]:.2f}, {throw[2]:.2f}) m/s"
            )
            print(f"  {line}")
            movie.append(labelled(tiled([shown_target, show_flight()]), line))
        optimizer.step()
    dr.save_animation(options.out / "fit.gif", movie, fps=5)
    titles = [f"{(frame + 1) * STEPS // FRAMES * DT:.2f} s" for frame in range(FRAMES)]
    rows = [shown_target, shown_first, show_flight()]
    save_grid(options.out / "flight.png", rows, titles=titles, row_titles=("target", "first guess", "found"), size=1.6)
    error = float(np.abs(cloth.throw[None].to_numpy() - TRUE_VELOCITY).max())
    return finish(
        options,
        true_throw=TRUE_VELOCITY,
        found_throw=tuple(np.round(cloth.throw[None].to_numpy(), 3).tolist()),
        largest_error=error,
    )


if __name__ == "__main__":
    main()
