"""Drops of one's own Taichi simulation, rendered as signed distances in the same tape: their start, found in images.

Five drops are thrown over a table; they fall, bounce, pull at each other, merge and split.  Two cameras take an image
each at four times of their flight.  That is all that is known: starting from drops at rest in other places, the
gradient of the images' difference flows through ``dr.SphereTracer`` into the ``ti.func`` that blends the drops, out of
it into the field of positions that the function reads, through every step of the simulation, into the 30 numbers of the
start.  A third camera, which the fit never sees, tells whether the drops are right or only their images.

A renderer renders once per tape, so each time of the flight has its own, whose function knows its step.  The images
have 16 samples per pixel, the renders that are fitted to them one; the physics are the same.

    python demos/sdf_in_simulation.py
"""

import numpy as np
import taichi as ti
from common import PAPER, averaged, compared, finish, plot, psnr, save_movie, save_picture, sheet, start

import taichi_dr as dr

STEPS, DT = 96, 1 / 96  # of the simulation; seconds
MOMENTS = 12, 36, 60, 84  # the steps that images are taken of
LEVELS = ((32, 2, 0.25), (48, 4, 0.4), (96, 4, 0.35))  # pixels, moments, share of the steps of the search
SIZE, SHOWN = 96, 160  # pixels of the images, and of the pictures of the flights
RATE = 0.05  # of the search: units, and units per second
TABLE = 1.3, 0.06  # radius, half height
GRAVITY, DRAG, FLOOR = 3.0, 0.3, 400.0
COHESION, REACH, CORE = 9.0, 0.6, 60.0  # of two drops: pull, how far it reaches, push where they are too near

RADII = (0.26, 0.22, 0.2, 0.24, 0.18)
COLORS = ((0.75, 0.12, 0.08), (0.9, 0.6, 0.1), (0.1, 0.45, 0.2), (0.08, 0.25, 0.65), (0.5, 0.12, 0.5))
DROPS = range(len(RADII))
TRUTH = {
    "place": ((-0.7, 0.9, 0.2), (0.65, 0.75, -0.35), (-0.1, 1.15, -0.5), (0.4, 1.05, 0.5), (-0.35, 0.5, 0.65)),
    "velocity": ((1.0, 0.4, -0.3), (-0.9, 0.9, 0.4), (0.4, 0.0, 0.9), (-0.5, 0.5, -1.0), (0.5, 1.3, -0.5)),
}
GUESS = {
    "place": ((-0.55, 0.75, 0.05), (0.5, 0.9, -0.2), (0.05, 1.0, -0.6), (0.3, 0.9, 0.6), (-0.5, 0.65, 0.5)),
    "velocity": ((0.0, 0.0, 0.0),) * 5,
}


@ti.data_oriented
class Drops:
    """Positions and velocities of every step, so that the tape can walk back through them."""

    def __init__(self):
        self.position, self.velocity = (
            ti.Vector.field(3, ti.f32, (STEPS + 1, len(DROPS)), needs_grad=True) for _ in range(2)
        )
        self.start = {name: ti.Vector.field(3, ti.f32, len(DROPS), needs_grad=True) for name in ("place", "velocity")}

    def set(self, values):
        """Writes the start."""
        for name, field in self.start.items():
            field.from_numpy(np.float32(values[name]))

    def numbers(self):
        """The start: places and velocities (2, drops, 3)."""
        return np.stack([field.to_numpy() for field in self.start.values()])

    def simulate(self):
        """Runs all steps."""
        self.release(self.start["place"], self.start["velocity"])
        for step in range(STEPS):
            self.advance(step)

    @ti.kernel
    def release(self, place: ti.template(), velocity: ti.template()):
        for i in place:
            self.position[0, i] = place[i]
            self.velocity[0, i] = velocity[i]

    @ti.kernel
    def advance(self, step: ti.i32):
        ti.loop_config(serialize=True)
        for i in range(ti.static(len(RADII))):
            own = self.position[step, i]
            depth = ti.max(0.0, 0.2 - own.y)  # into the table
            force = ti.Vector([0.0, FLOOR * depth - GRAVITY, 0.0]) - DRAG * self.velocity[step, i]
            for j in ti.static(DROPS):
                way = self.position[step, j] - own
                length = ti.sqrt(way.dot(way) + 1e-4)  # 0 from itself, without a force
                pull = COHESION * ti.exp(-((length / REACH) ** 2)) - CORE * ti.max(0.0, 0.25 - length)
                force += pull * way / length
            velocity = self.velocity[step, i] + DT * force
            self.velocity[step + 1, i] = velocity
            self.position[step + 1, i] = own + DT * velocity


@ti.data_oriented
class Moment:
    """What there is to see at a step of the simulation."""

    def __init__(self, drops, step):
        self.position = drops.position
        self.step = ti.field(ti.i32, shape=())
        self.step[None] = step
        bounds = dr.Box((-1.35, -0.15, -1.35), (1.35, 1.7, 1.35))
        self.tracer = dr.SphereTracer(self.distance, SIZE, bounds=bounds, color=self.color, background=PAPER)

    @ti.func
    def drop(self, p, k: ti.template()):
        return dr.sdf.sphere(p - self.position[self.step[None], k], RADII[k])

    @ti.func
    def distance(self, p):
        """Of the drops, which flow into each other, and of the table."""
        d = self.drop(p, 0)
        for k in ti.static(DROPS[1:]):
            d = dr.sdf.smooth_union(d, self.drop(p, k), 0.25)
        table = dr.sdf.cylinder(p + ti.Vector([0.0, TABLE[1], 0.0]), TABLE[0], TABLE[1])
        return dr.sdf.smooth_union(d, table, 0.05)

    @ti.func
    def color(self, p):
        """Each drop's own, mixed where they flow together; the table's below."""
        below = ti.exp(-60.0 * ti.max(p.y, 0.0))
        weights, mixed = below, below * ti.Vector([0.5, 0.5, 0.45])
        for k in ti.static(DROPS):
            weight = ti.exp(-15.0 * self.drop(p, k))
            weights += weight
            mixed += weight * ti.Vector(COLORS[k])
        return mixed / weights


class Study:
    """The images of a flight that is then forgotten, and how well its start is found."""

    def __init__(self):
        self.drops = Drops()
        self.moments = [Moment(self.drops, step) for step in MOMENTS]
        self.cameras, self.unseen = (
            dr.Camera.orbit(azimuth, 22, distance=4.6, fov_y_deg=40, target=(0, 0.5, 0)) for azimuth in ([20, 110], 245)
        )
        self.lights = dr.Lights(
            ambient=0.2,
            directional=[dr.DirectionalLight((0.5, 1.0, 0.4), 0.6), dr.DirectionalLight((-0.6, 0.5, 0.8), 0.25)],
        )
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.drops.set(TRUTH)
        self.drops.simulate()
        self.truth = self.drops.numbers()
        fine = [self.look(moment, self.cameras, 4 * SIZE) for moment in self.moments]
        self.images = {size: [averaged(picture, 4 * SIZE // size) for picture in fine] for size, *_ in LEVELS}
        self.errors, self.flights = [], {"truth": self.film()}

    def look(self, moment, camera, size):
        """Pictures (views, size, size, 3) of a moment."""
        moment.tracer.size = size
        return moment.tracer.render(camera, self.lights).numpy("color")

    def film(self):
        """The flight as it is now, by the first camera and by the unseen one: pictures (steps, 2, size, size, 3)."""
        moment, shown = self.moments[0], []
        for step in range(0, STEPS + 1, 3):
            moment.step[None] = step
            shown.append([self.look(moment, camera, SHOWN)[0] for camera in (self.cameras, self.unseen)])
        moment.step[None] = MOMENTS[0]
        return np.array(shown)

    def measure(self, size, count):
        """The mean absolute difference from the images of the first ``count`` moments, with its gradient."""
        for moment in self.moments:
            moment.tracer.size = size
        self.loss[None] = 0
        with ti.ad.Tape(self.loss):
            self.drops.simulate()
            for moment, images in list(zip(self.moments, self.images[size], strict=True))[:count]:
                frame = moment.tracer.render(self.cameras, self.lights)
                dr.losses.l1(frame.color, images, self.loss)
        return self.loss[None]

    def slopes(self, change=2e-3):
        """The loss along its gradient at the start: by the tape, and by central differences."""
        self.measure(SIZE, len(MOMENTS))
        values = {name: field.to_numpy() for name, field in self.drops.start.items()}
        gradient = {name: field.grad.to_numpy() for name, field in self.drops.start.items()}
        length = np.sqrt(sum(np.sum(g**2) for g in gradient.values()))
        losses = []
        for sign in (1, -1):
            self.drops.set({name: values[name] + sign * change / length * gradient[name] for name in values})
            losses.append(self.measure(SIZE, len(MOMENTS)))
        self.drops.set(values)
        return float(length), (losses[0] - losses[1]) / (2 * change)

    def run(self, steps):
        """Starts from the guess; small images of the first moment come first, where there is less to get caught in."""
        for size, count, share in LEVELS:
            level = round(share * steps)
            optimizer = dr.Adam(self.drops.start, lr=RATE, schedule=dr.schedules.cosine(level))
            for _ in range(level):
                loss = self.measure(size, count)
                optimizer.step()
                self.errors.append(np.abs(self.drops.numbers() - self.truth).mean(axis=(1, 2)))
            print(f"  {size}², {count} moments: loss {loss:.1e}, start {self.errors[-1].mean():.4f} off")

    def movie(self):
        """The flights side by side, one picture of the movie for each of their steps."""
        return [self.page(index, f"{self.words()}\n") for index in range(STEPS // 3 + 1)]

    def page(self, index, text=""):
        """A time of the flights, from where the images were taken and from where none was, below ``text``."""
        rows = [[flight[index, view] for flight in self.flights.values()] for view in range(2)]
        pictures = sheet(rows, tuple(self.flights), ("a view", "unseen"))
        image = ", an image" if index * 3 in MOMENTS else ""
        return sheet([[pictures]], [f"{text}{index * 3 * DT:.2f} s{image}"])

    def words(self):
        """The errors of the start that was found, in words."""
        return "found: places {:.4f} units, velocities {:.4f} units/s off on average".format(*self.errors[-1])

    def poster(self):
        """The times that the images are of, and how the errors fell."""
        pictures = sheet([[self.page(step // 3) for step in MOMENTS]])
        return sheet([[pictures], [plot(self.draw_errors, pictures.shape[1], 192)]], [self.words()])

    def draw_errors(self, axes):
        """The errors of places and velocities over the steps of the search."""
        axes.semilogy(self.errors, label=list(TRUTH))
        axes.set(xlabel="step", ylabel="mean error")
        axes.tick_params(axis="y", which="minor", labelleft=False)
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8)


def main(arguments=None):
    """Takes the images, forgets the flight, finds its start."""
    options = start(__file__, __doc__, steps=240, arguments=arguments)
    study = Study()
    study.drops.set(GUESS)
    slopes = compared(*study.slopes())
    study.drops.simulate()
    study.flights["first guess"] = study.film()
    first = float(np.abs(study.drops.numbers() - study.truth).mean())
    study.run(options.steps)
    study.drops.simulate()
    study.flights["found"] = study.film()
    movie = study.movie()
    times = [0.5 if index * 3 in MOMENTS else 0.08 for index in range(len(movie))]
    save_movie(options.out / "sdf_in_simulation.gif", movie, times)
    save_picture(options.out / "sdf_in_simulation.png", study.poster())
    return finish(
        options,
        **slopes,
        first_error=first,
        place_error=float(study.errors[-1][0]),
        velocity_error=float(study.errors[-1][1]),
        unseen_view_psnr=psnr(study.flights["found"][:, 1], study.flights["truth"][:, 1]),
    )


if __name__ == "__main__":
    main()
