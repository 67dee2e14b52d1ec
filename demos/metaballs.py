"""A lava lamp of metaballs: where its balls are, how large, and how they move, from images at three times.

Six balls rise and fall, and melt into each other where they meet: a surface of metaballs,

    d(p) = -1/k log sum_i exp(-k (|p - c_i| - r_i)),

a distance of one's own, which never says more than there is, so that rays may be marched through it.  One kernel moves
the balls, ``y_i = a sin(w_i t + f_i)``, and three renderers see three times of it in one tape, by two cameras each.
Balls merge and part in between, but it is the same 30 numbers that every image tells of: place, radius, speed and phase
of each ball.  A third camera at a fourth time, which the fit never sees, tells whether they are right.

    python demos/metaballs.py
"""

import numpy as np
import taichi as ti
from common import PAPER, averaged, compared, finish, plot, psnr, save_movie, save_picture, sheet, start

import taichi_dr as dr

TIMES = 0.0, 1.2, 2.4  # seconds: of the images
UNSEEN = 3.6
LEVELS = {32: 0.4, 64: 0.6}  # pixels of the fitted images, which divide 4 times the largest; shares of the steps
SHOWN = 160  # pixels of the pictures of the lamp
FRAMES, FRAME = 45, 0.08  # pictures of the movie, and seconds between two
HEIGHT, BLEND = 0.75, 9.0  # a and k
RATE = 0.04
COLORS = (
    (0.8, 0.08, 0.05), (0.95, 0.4, 0.05), (0.9, 0.7, 0.1), (0.65, 0.05, 0.3), (0.95, 0.25, 0.25), (0.4, 0.05, 0.5)
)  # fmt: skip
BALLS = range(len(COLORS))
TRUTH = {
    "place": ((-0.42, 0.1), (0.02, 0.35), (0.4, -0.05), (-0.1, -0.35), (0.28, 0.4), (-0.4, -0.3)),
    "radius": (0.3, 0.24, 0.28, 0.22, 0.18, 0.2),
    "speed": (0.9, -1.3, 1.1, 1.6, -0.8, -1.0),
    "phase": (-0.9, 0.4, 0.9, -0.2, 0.8, 0.1),
}


def guess():
    """The truth, spoilt."""
    random = np.random.default_rng(4)
    spread = {"place": 0.25, "radius": 0.07, "speed": 0.35, "phase": 0.5}
    return {name: np.array(TRUTH[name]) + width * random.uniform(-1, 1, np.shape(TRUTH[name]))
            for name, width in spread.items()}  # fmt: skip


@ti.data_oriented
class Lamp:
    """The numbers of the balls, and where they are at each of the times."""

    def __init__(self):
        count = len(BALLS)
        self.fields = {"place": ti.Vector.field(2, ti.f32, count, needs_grad=True)}
        self.fields |= {name: ti.field(ti.f32, count, needs_grad=True) for name in ("radius", "speed", "phase")}
        self.center = ti.Vector.field(3, ti.f32, (len(TIMES), count), needs_grad=True)
        self.radius = self.fields["radius"]
        self.time = ti.field(ti.f32, len(TIMES))
        self.time.from_numpy(np.float32(TIMES))
        self.set(TRUTH)

    def set(self, values):
        """Writes the numbers."""
        for name, field in self.fields.items():
            field.from_numpy(np.float32(values[name]))

    def numbers(self):
        """All numbers by name."""
        return {name: field.to_numpy() for name, field in self.fields.items()}

    def move(self):
        """Writes where the balls are at all times; an open tape records it."""
        self.rise(*self.fields.values())

    @ti.kernel
    def rise(self, place: ti.template(), radius: ti.template(), speed: ti.template(), phase: ti.template()):
        for moment, i in self.center:
            height = HEIGHT * ti.sin(speed[i] * self.time[moment] + phase[i])
            self.center[moment, i] = ti.Vector([place[i].x, height, place[i].y])


@ti.data_oriented
class Moment:
    """What there is to see at one of the times."""

    def __init__(self, lamp, index):
        self.lamp, self.index = lamp, index
        bounds = dr.Box((-1.1, -1.4, -1.1), (1.1, 1.4, 1.1))
        self.tracer = dr.SphereTracer(self.distance, SHOWN, bounds=bounds, color=self.color, background=PAPER)

    @ti.func
    def ball(self, p, k: ti.template()):
        """The weight of a ball."""
        way = p - self.lamp.center[self.index, k]
        return ti.exp(-BLEND * (ti.sqrt(way.dot(way) + 1e-6) - self.lamp.radius[k]))

    @ti.func
    def distance(self, p):
        total = 1e-30
        for k in ti.static(BALLS):
            total += self.ball(p, k)
        return -ti.log(total) / BLEND

    @ti.func
    def color(self, p):
        """The balls' own, mixed by their weights."""
        weights, mixed = 1e-30, ti.Vector([0.0, 0.0, 0.0])
        for k in ti.static(BALLS):
            weight = self.ball(p, k)
            weights += weight
            mixed += weight * ti.Vector(COLORS[k])
        return mixed / weights


class Study:
    """The images of a lamp that is then forgotten, and how well its numbers are found."""

    def __init__(self):
        self.lamp = Lamp()
        self.moments = [Moment(self.lamp, index) for index in range(len(TIMES))]
        self.cameras, self.unseen = (
            dr.Camera.orbit(around, 12, distance=5.2, fov_y_deg=30) for around in ([0, 80], [40])
        )
        self.lights = dr.Lights(
            ambient=0.3,
            directional=[dr.DirectionalLight((0.5, 1.0, 0.6), 0.55), dr.DirectionalLight((-0.7, -0.2, 0.6), 0.2)],
        )
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.lamp.move()
        fine = max(LEVELS) * 4
        pictures = [self.look(moment, self.cameras, fine) for moment in self.moments]
        self.images = {size: [averaged(picture, fine // size) for picture in pictures] for size in LEVELS}
        self.errors, self.films, self.shows = [], {}, {}
        self.keep("truth")

    def look(self, moment, camera, size=None):
        """Pictures (views, size, size, 3) of one of the times."""
        moment.tracer.size = size or SHOWN
        return moment.tracer.render(camera, self.lights).numpy("color")

    def keep(self, name):
        """Pictures of the lamp as it is now: of the movie, of the images' times, and the unseen one."""
        moment, film = self.moments[0], []
        for frame in range(FRAMES):
            self.lamp.time[0] = frame * FRAME
            self.lamp.move()
            film.append([self.look(moment, camera)[0] for camera in (self.cameras, self.unseen)])
        self.films[name] = np.array(film)
        self.lamp.time[0] = UNSEEN
        self.lamp.move()
        unseen = self.look(moment, self.unseen)[0]
        self.lamp.time[0] = TIMES[0]
        self.lamp.move()
        self.shows[name] = [*(self.look(moment, self.cameras)[0] for moment in self.moments), unseen]

    def measure(self, size):
        """The mean absolute difference from the images, with its gradient."""
        with ti.ad.Tape(self.loss):
            self.lamp.move()
            for moment, images in zip(self.moments, self.images[size], strict=True):
                moment.tracer.size = size
                dr.losses.l1(moment.tracer.render(self.cameras, self.lights).color, images, self.loss)
        return self.loss[None]

    def slopes(self, change=0.01):
        """The loss along its gradient where it is now: by the tape, and by central differences."""
        size = max(LEVELS)
        self.measure(size)
        here = self.lamp.numbers()
        gradient = {name: field.grad.to_numpy() for name, field in self.lamp.fields.items()}
        length, losses = float(np.sqrt(sum((g**2).sum() for g in gradient.values()))), []
        for sign in (1, -1):
            self.lamp.set({name: here[name] + sign * change / length * gradient[name] for name in here})
            losses.append(self.measure(size))
        self.lamp.set(here)
        return length, (losses[0] - losses[1]) / (2 * change)

    def run(self, steps):
        """Starts from the guess; small images first."""
        for level, (size, share) in enumerate(LEVELS.items()):
            count = round(share * steps)
            optimizer = dr.Adam(self.lamp.fields, lr=RATE / (1 + 2 * level), schedule=dr.schedules.cosine(count, 0.02))
            for step in range(count):
                loss = self.measure(size)
                self.errors.append(self.off())
                optimizer.step()
                if step % 20 == 0 or step == count - 1:
                    print(f"  {size}², step {step:3d}: loss {loss:.1e}  {self.words()}")
        self.errors.append(self.off())

    def off(self):
        """The mean error of each kind of number."""
        return [float(np.abs(now - TRUTH[name]).mean()) for name, now in self.lamp.numbers().items()]

    def words(self):
        """Errors in words."""
        return ", ".join(f"{name} {off:.4f}" for name, off in zip(TRUTH, self.off(), strict=True)) + " off"

    def frame(self, index):
        """A picture of the movie: the lamps at a time, from where images were taken and from where none was."""
        rows = [[film[index, view] for film in self.films.values()] for view in range(2)]
        near = min(abs(index * FRAME - time) for time in TIMES) < FRAME / 2
        title = f"{self.words()}\n{index * FRAME:.2f} s{', an image' if near else ''}"
        return sheet([[sheet(rows, tuple(self.films), ("a view", "unseen"))]], [title])

    def poster(self):
        """The times of the images and the unseen one, and how the errors fell."""
        titles = [*(f"{time} s" for time in TIMES), f"{UNSEEN} s, unseen view"]
        pictures = sheet([*self.shows.values()], titles, tuple(self.shows))
        return sheet([[pictures], [plot(self.draw_errors, pictures.shape[1], 200)]], [f"found: {self.words()}"])

    def draw_errors(self, axes):
        """The errors over the steps of the search."""
        for index, name in enumerate(TRUTH):
            values = [errors[index] for errors in self.errors]
            axes.semilogy(values, label=f"{name}: {values[0]:.3f} to {values[-1]:.4f}")
        axes.set(xlabel="step", ylabel="mean error")
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8)


def main(arguments=None):
    """Takes the images, forgets the lamp, finds its numbers."""
    options = start(__file__, __doc__, steps=120, arguments=arguments)
    study = Study()
    study.lamp.set(guess())
    slopes = compared(*study.slopes())
    study.keep("first guess")
    study.run(options.steps)
    study.keep("found")
    save_movie(options.out / "metaballs.gif", [study.frame(index) for index in range(FRAMES)], [FRAME] * FRAMES)
    save_picture(options.out / "metaballs.png", study.poster())
    return finish(
        options,
        **slopes,
        **{f"{name}_error": off for name, off in zip(TRUTH, study.errors[-1], strict=True)},
        unseen_psnr=psnr(study.shows["found"][-1], study.shows["truth"][-1]),
    )


if __name__ == "__main__":
    main()
