"""A toy car thrown into the air: velocity and spin of the throw from six images, by two renderers in one tape.

A rigid body flies, tumbles and bounces off the floor, simulated by one's own kernels: Euler's equations, in the axes of
the body, and springs at the corners of its box while they are in the floor.  Six images of its flight are all that is
known.  Two renderers see the same vertices in one tape: a soft rasterizer, whose silhouettes reach far, and an
antialiased one, whose colours tell which side is which.  A kernel of one's own adds up what both differ by.

A spin that is wrong by half a turn at the end is a local minimum.  So the first images count at first, where the car
has hardly turned, and later ones join in.  Images are weighted in that kernel, which Taichi differentiates.

    python demos/rigid_body.py
"""

import numpy as np
import taichi as ti
from common import PAPER, finish, over_paper, plot, psnr, save_movie, save_picture, sheet, start

import taichi_dr as dr

STEPS, FRAMES, DT = 168, 6, 1 / 180  # simulated steps; images, evenly spread over them; seconds
SIZE, SHOWN = (96, 128), (150, 200)  # height and width of the images, and of the pictures of how it went
GRAVITY, STIFFNESS, DAMPING = 9.8, 900.0, 10.0  # of the springs, per mass: 1/s² and 1/s
FLOOR, FRICTION = -1.15, 4.0  # height; of corners in the floor, 1/s
PLACE, TILT = (-1.3, -0.45, 0.0), (0.2, 0.4, 0.0)  # of the throw, which are known: where, and a turn in radians
SCALE = 0.7  # of the car
HALF = SCALE * np.array((0.939, 0.326, 0.466))  # of the box that the car fills
INERTIA = tuple(((HALF @ HALF - HALF**2) / 3).tolist())  # of a box, per mass
CORNERS = [tuple((HALF * side).tolist()) for side in np.stack(np.meshgrid(*[(-1, 1)] * 3), -1).reshape(-1, 3)]
TRUTH = {"velocity": (2.5, 4.0, 0.4), "spin": (1.5, 2.5, -5.0)}  # m/s; rad/s in the axes of the car
GUESS = {"velocity": (1.7, 4.6, -0.4), "spin": (0.0, 0.5, -2.5)}
SIGMAS = 1e-3, 3e-5  # of the soft rasterizer, from first to last
RATE = 0.2  # of the search


@ti.data_oriented
class Body:
    """Place, turn (a quaternion), velocity and spin of every step, so that the tape can walk back through them."""

    def __init__(self):
        self.place, self.velocity, self.spin = (
            ti.Vector.field(3, ti.f32, STEPS + 1, needs_grad=True) for _ in range(3)
        )
        self.turn = ti.Vector.field(4, ti.f32, STEPS + 1, needs_grad=True)
        self.throw = {name: ti.Vector.field(3, ti.f32, (), needs_grad=True) for name in TRUTH}
        car = dr.shapes.car()
        points = SCALE * car.numpy("vertices")[0]
        self.rest = ti.Vector.field(3, ti.f32, len(points))
        self.rest.from_numpy(np.float32(points))
        self.mesh = dr.Mesh(
            np.repeat(points[None], FRAMES, 0), car.topology.faces, colors=car.numpy("colors")[0], name="car"
        )

    def set(self, throw):
        """Writes velocity and spin of the throw."""
        for name, field in self.throw.items():
            field[None] = throw[name]

    def numbers(self):
        """Velocity and spin of the throw (2, 3)."""
        return np.stack([field.to_numpy() for field in self.throw.values()])

    def simulate(self):
        """Runs all steps and writes the vertices of all frames."""
        self.release(self.throw["velocity"], self.throw["spin"])
        for step in range(STEPS):
            self.advance(step)
        self.show(self.mesh.vertices)

    @ti.kernel
    def release(self, velocity: ti.template(), spin: ti.template()):
        for i in range(1):
            half = ti.Vector(TILT) / 2
            self.place[i], self.velocity[i], self.spin[i] = ti.Vector(PLACE), velocity[None], spin[None]
            self.turn[i] = ti.Vector([half.x, half.y, half.z, 1.0]) / ti.sqrt(1.0 + half.dot(half))

    @ti.kernel
    def advance(self, step: ti.i32):
        ti.loop_config(serialize=True)
        for i in range(step, step + 1):
            place, turn, spin = self.place[i], self.turn[i], self.spin[i]
            inertia = ti.Vector(INERTIA)
            force, torque = ti.Vector([0.0, -GRAVITY, 0.0]), -spin.cross(inertia * spin)
            for k in ti.static(range(8)):
                corner = ti.Vector(CORNERS[k])
                arm = turned(corner, turn)
                speed = self.velocity[i] + turned(spin.cross(corner), turn)
                depth = FLOOR - place.y - arm.y
                if depth > 0.0:
                    push = ti.max(0.0, STIFFNESS * depth - DAMPING * speed.y)
                    contact = ti.Vector([-FRICTION * speed.x, push, -FRICTION * speed.z])
                    force += contact
                    torque += corner.cross(turned(contact, ti.Vector([-turn.x, -turn.y, -turn.z, turn.w])))
            velocity = self.velocity[i] + DT * force
            spin += DT * torque / inertia
            w = 0.5 * DT * spin
            q = turn.xyz
            next_q = q + turn.w * w + q.cross(w)
            next_w = turn.w - q.dot(w)
            length = ti.sqrt(next_q.dot(next_q) + next_w * next_w)
            self.velocity[i + 1], self.spin[i + 1] = velocity, spin
            self.place[i + 1] = place + DT * velocity
            self.turn[i + 1] = ti.Vector([next_q.x, next_q.y, next_q.z, next_w]) / length

    @ti.kernel
    def show(self, vertices: ti.template()):
        for frame, i in vertices:
            step = (frame + 1) * STEPS // FRAMES
            vertices[frame, i] = self.place[step] + turned(self.rest[i], self.turn[step])

    @ti.kernel
    def show_step(self, step: ti.i32, vertices: ti.template()):
        """One step in all frames, for pictures."""
        for frame, i in vertices:
            vertices[frame, i] = self.place[step] + turned(self.rest[i], self.turn[step])


@ti.func
def turned(p, q):
    """A point turned by a unit quaternion (x, y, z, w)."""
    return p + 2.0 * q.xyz.cross(q.xyz.cross(p) + q.w * p)


@ti.kernel
def add_difference(
    alpha: ti.template(),
    silhouettes: ti.template(),
    color: ti.template(),
    images: ti.template(),
    weights: ti.template(),
    loss: ti.template(),
):
    """Adds the squared differences of silhouettes and colours, the mean over pixels, each frame by its weight."""
    for frame, i, j in alpha:
        off = color[frame, i, j] - images[frame, i, j]
        outline = alpha[frame, i, j] - silhouettes[frame, i, j]
        pixels = ti.static(SIZE[0] * SIZE[1])
        loss[None] += weights[frame] * (off.dot(off) + outline * outline) / pixels


def floor():
    """The floor, chequered; pictures show it, the images that are fitted do not."""
    plane = dr.shapes.plane(6.0, 12)
    cell = np.repeat(np.arange(144), 2)
    tiles = np.where(((cell // 12 + cell % 12) % 2)[:, None], (0.55, 0.57, 0.6), (0.75, 0.76, 0.78))
    points = plane.numpy("vertices")[0] + (0, FLOOR, 0)
    return dr.Mesh(points, plane.topology.faces, face_colors=tiles, material=dr.Material("flat"), name="floor")


class Study:
    """The images of a flight that is then forgotten, and how well its throw is found."""

    def __init__(self):
        self.body = Body()
        self.camera = self.look_from(18)
        self.lights = dr.Lights(ambient=0.4, directional=[dr.DirectionalLight((0.3, 1, 0.6), 0.6)])
        self.floor = floor()
        self.soft = dr.SoftRasterizer(SIZE, background=PAPER)
        self.sharp = dr.Rasterizer(SIZE, background=PAPER, antialias=True)
        self.crisp = dr.Rasterizer(SHOWN, background=PAPER, antialias=True)
        shape = (FRAMES, *SIZE)
        self.images, self.silhouettes = ti.Vector.field(3, ti.f32, shape), ti.field(ti.f32, shape)
        self.weights = ti.field(ti.f32, FRAMES)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.body.set(TRUTH)
        self.body.simulate()
        rgba = dr.supersampled(self.body.mesh, self.camera, SIZE, self.lights)
        self.images.from_numpy(over_paper(rgba))
        self.silhouettes.from_numpy(np.ascontiguousarray(rgba[..., 3]))
        self.path, self.flights, self.movie = [], {"truth": self.flight()}, []
        self.unseen = {"truth": self.flight(self.look_from(108))}

    def look_from(self, azimuth):
        """Cameras of all frames."""
        return dr.Camera.orbit([azimuth] * FRAMES, 12, distance=6.2, fov_y_deg=34, target=(0.0, -0.2, 0.2))

    def flight(self, camera=None):
        """The frames of the latest simulation, (FRAMES, *SHOWN, 3)."""
        camera = camera or self.camera
        self.crisp.background = PAPER
        self.crisp.background = self.crisp.render(self.floor, camera, self.lights).numpy("color")
        return self.crisp.render(self.body.mesh, camera, self.lights).numpy("color")

    def measure(self, progress):
        """The difference from the images, with its gradient; images join in by and by as ``progress`` goes to 1."""
        self.soft.sigma = SIGMAS[0] * (SIGMAS[1] / SIGMAS[0]) ** progress
        self.weights.from_numpy(np.float32(np.clip(1 + 2 * progress * FRAMES - np.arange(FRAMES), 0, 1) / FRAMES))
        with ti.ad.Tape(self.loss):
            self.body.simulate()
            soft = self.soft.render(self.body.mesh, self.camera, self.lights)
            sharp = self.sharp.render(self.body.mesh, self.camera, self.lights)
            add_difference(soft.alpha, self.silhouettes, sharp.color, self.images, self.weights, self.loss)
        return self.loss[None]

    def check(self):
        """The largest relative error of the flight's gradient at the throw of now, against central differences."""

        def program():
            self.loss[None] = 0
            self.body.simulate()
            dr.losses.mse(self.body.mesh.vertices, np.zeros((*self.body.mesh.vertices.shape, 3)), self.loss)
            return self.loss

        report = dr.check_gradients(program, self.body.throw)
        report.raise_if_wrong()
        return max(parameter.worst.relative_error for parameter in report.parameters)

    def run(self, steps):
        """Starts from the guess."""
        self.body.set(GUESS)
        optimizer = dr.Adam(self.body.throw, lr=RATE, betas=(0.8, 0.99), schedule=dr.schedules.cosine(steps, 0.02))
        self.steps = steps
        for step in range(steps):
            loss = self.measure(step / steps)
            self.path.append(self.body.numbers())
            if step % 5 == 0:
                self.film(f"step {step}: loss {loss:.1e}, {self.words()}")
            if step % 20 == 0 or step == steps - 1:
                print(f"  step {step:3d}  loss {loss:.1e}  {self.words()}")
            if step == 0:
                self.flights["first guess"], self.unseen["first guess"] = self.both()
            optimizer.step()
        self.path.append(self.body.numbers())
        self.body.simulate()
        self.flights["found"], self.unseen["found"] = self.both()
        self.film(f"found: {self.words()}")

    def both(self):
        """The flight as it is now, as the images see it and from a side that none shows."""
        return self.flight(), self.flight(self.look_from(108))

    def errors(self):
        """How far velocity and spin are off now."""
        return [float(np.linalg.norm(off)) for off in self.path[-1] - np.array([*TRUTH.values()])]

    def words(self):
        """Errors in words."""
        return "velocity {:.3f} m/s off, spin {:.3f} rad/s off".format(*self.errors())

    def film(self, text):
        """The flight beside the truth above the path of the search, for the movie."""
        self.movie.append(self.page({"images": self.flights["truth"], "render": self.flight()}, text))

    def page(self, rows, text=""):
        """Named flights, and the path of the search below."""
        times = [f"{(frame + 1) * STEPS // FRAMES * DT:.2f} s" for frame in range(FRAMES)]
        flight = sheet([*rows.values()], times, tuple(rows))
        return sheet([[flight], [plot(self.draw_path, flight.shape[1], 220)]], [text] if text else ())

    def poster(self):
        """Truth, first guess and found, from where images were taken and from a side that none shows."""
        unseen = {f"unseen, {name}": flight for name, flight in self.unseen.items() if name != "first guess"}
        return self.page(self.flights | unseen)

    def draw_path(self, axes):
        """The six numbers over the steps, and their last values beside the truth."""
        truth, path = np.concatenate([*TRUTH.values()]), np.reshape(self.path, (len(self.path), 6))
        order = list(np.argsort(-truth))
        for index, value in enumerate(truth):
            axes.axhline(value, color=f"C{index}", linestyle="--", linewidth=1)
            axes.plot(path[:, index], color=f"C{index}")
            axes.plot(len(path) - 1, path[-1, index], "o", color=f"C{index}", markersize=4, clip_on=False)
            name = f"{'v' if index < 3 else 'w'}$_{'xyz'[index % 3]}$"
            label = f"{name} = {path[-1, index]:+.3f}, true {value:+.1f}"
            place = 0.92 - 0.17 * order.index(index)
            axes.annotate(label, (1.01, place), xycoords="axes fraction", color=f"C{index}", va="center")
        axes.set(xlabel="step", ylabel="m/s, rad/s", xlim=(0, self.steps), ylim=(-7, 6.5))


def main(arguments=None):
    """Takes the images, forgets the throw, finds it again."""
    options = start(__file__, __doc__, steps=120, arguments=arguments)
    study = Study()
    study.body.set(GUESS)
    gradient_error = study.check()
    study.run(options.steps)
    save_movie(options.out / "rigid_body.gif", study.movie, [0.2] * (len(study.movie) - 1) + [3.0])
    save_picture(options.out / "rigid_body.png", study.poster())
    velocity, spin = study.errors()
    return finish(
        options,
        found_velocity=tuple(np.round(study.path[-1][0].astype(float), 3).tolist()),
        found_spin=tuple(np.round(study.path[-1][1].astype(float), 3).tolist()),
        gradient_error=gradient_error,
        velocity_error=velocity,
        spin_error=spin,
        unseen_view_psnr=psnr(study.unseen["found"], study.unseen["truth"]),
    )


if __name__ == "__main__":
    main()
