"""Smoke of one's own Taichi simulation, rendered as a volume in the same tape: its start, found in images.

A cloud of smoke is carried round and up by a known wind, which tears it apart.  Five cameras take an image each
at three times.  That is all that is known: starting from clear air, the gradient of the images' difference flows
through ``dr.VolumeRenderer`` into the ``ti.func`` that reads the smoke of a step, out of it through every step of the
simulation, into the density of each cell at the start, which no image shows.  A sixth camera, which the fit never
sees, tells whether the smoke is right or only its images.

A renderer renders once per tape, so each time has its own, whose function knows its step.  Every step has a field of
its own and a kernel without a loop in its body, so that Taichi's reverse mode is right (docs/AUTODIFF.md).  The images
have three times as many samples per ray as what is fitted to them; the wind is the same.

    python demos/smoke_inverse.py
"""

import numpy as np
import taichi as ti
from common import compared, enlarged, finish, plot, psnr, save_movie, save_picture, sheet, start

import taichi_dr as dr

GRID = 32  # cells a side, of the box [-1, 1]^3
STEPS, DT = 24, 1 / 12  # of the simulation; seconds
MOMENTS = 6, 15, 24  # the steps that images are taken of
SIZE, SAMPLES = 48, 48  # pixels of the images, samples per ray
SHOWN = 150  # pixels of the pictures of the flights
DENSITY = 5.0  # per world unit, where there is 1 of smoke
SMOKE, SKY = (0.85, 0.83, 0.8), (0.05, 0.09, 0.17)
RATE, SMOOTH = 0.1, 3e-7  # of the search; weight of differences between neighbours
CELL = 2 / GRID
SLICES = 8, 12, 18, 21  # indices along z of what is shown of the start


@ti.func
def wind(p):
    """Round the y axis, up in the middle, outwards above and down at the sides; free of divergence."""
    r = ti.min(p.x**2 + p.z**2, 1.0)
    up = ti.Vector([0.0, 0.5 * (1.0 - 2.0 * r) * ti.cos(0.5 * np.pi * p.y), 0.0])
    out = 0.125 * np.pi * (1.0 - r) * ti.sin(0.5 * np.pi * p.y) * ti.Vector([p.x, 0.0, p.z])
    return up + out + 1.2 * (1.0 - r) * ti.Vector([p.z, 0.0, -p.x])


@ti.data_oriented
class Smoke:
    """Densities of every step, so that the tape can walk back through them."""

    def __init__(self):
        self.start = ti.field(float, (GRID, GRID, GRID), needs_grad=True)
        self.density = ti.field(float, (STEPS + 1, GRID, GRID, GRID), needs_grad=True)

    def simulate(self):
        """Runs all steps."""
        self.release(self.start)
        for step in range(STEPS):
            self.advance(step)

    @ti.kernel
    def release(self, start: ti.template()):
        for cell in ti.grouped(start):
            self.density[0, cell[0], cell[1], cell[2]] = start[cell]

    @ti.kernel
    def advance(self, step: ti.i32):
        for i, j, k in ti.ndrange(GRID, GRID, GRID):
            p = CELL * (ti.Vector([i, j, k]) + 0.5) - 1.0
            self.density[step + 1, i, j, k] = self.at(step, p - DT * wind(p - 0.5 * DT * wind(p)))

    @ti.func
    def at(self, step, p):
        """The density of a step at a point, linear between the middles of cells."""
        q = ti.math.clamp((p + 1.0) / CELL - 0.5, 0.0, GRID - 1.001)
        cell = ti.floor(q)
        x = q - cell
        i, j, k = ti.cast(cell.x, ti.i32), ti.cast(cell.y, ti.i32), ti.cast(cell.z, ti.i32)
        found = 0.0
        for a, b, c in ti.static(ti.ndrange(2, 2, 2)):
            weight = (x.x if a else 1.0 - x.x) * (x.y if b else 1.0 - x.y) * (x.z if c else 1.0 - x.z)
            found += weight * self.density[step, i + a, j + b, k + c]
        return found

    @ti.kernel
    def add_roughness(self, start: ti.template(), loss: ti.template()):
        """Adds the squared differences of neighbours: what the wind blurs, images do not tell."""
        for i, j, k in ti.ndrange(GRID - 1, GRID - 1, GRID - 1):
            here = start[i, j, k]
            steps = ti.Vector([start[i + 1, j, k] - here, start[i, j + 1, k] - here, start[i, j, k + 1] - here])
            loss[None] += SMOOTH * steps.dot(steps)

    @ti.kernel
    def clip(self, start: ti.template()):
        """There is no negative smoke."""
        for cell in ti.grouped(start):
            start[cell] = ti.max(start[cell], 0.0)


@ti.data_oriented
class Moment:
    """What there is to see at a step of the simulation."""

    def __init__(self, smoke, step):
        self.smoke = smoke
        self.step = ti.field(ti.i32, shape=())
        self.step[None] = step
        self.renderer = self.of(SAMPLES)

    def of(self, samples):
        """A renderer with so many samples."""
        return dr.VolumeRenderer(self.look, SIZE, bounds=dr.Box(-1, 1), background=SKY, samples=samples)

    @ti.func
    def look(self, p, d):
        return dr.Sample(DENSITY * self.smoke.at(self.step[None], p), SMOKE)


def true_start():
    """A tilted ring, a ball that is cut in two, and a thin sheet (GRID, GRID, GRID)."""
    x, y, z = np.moveaxis(CELL * (np.indices((GRID,) * 3) + 0.5) - 1, 0, 0)
    around, along = np.hypot(x + 0.1, z) - 0.48, y + 0.45 - 0.25 * x
    ring = np.hypot(around, along) - 0.15
    ball = np.maximum(np.sqrt((x - 0.25) ** 2 + (y - 0.2) ** 2 + (z - 0.3) ** 2) - 0.27, 0.05 - np.abs(x - z + 0.05))
    sheet_ = np.maximum(np.abs(z + 0.45 + 0.3 * x) - 0.07, np.hypot(x + 0.15, y - 0.15) - 0.34)
    return np.clip(0.5 - np.minimum(np.minimum(ring, ball), sheet_) / 0.09, 0, 1)


class Study:
    """The images of a flight that is then forgotten, and how well its start is found."""

    def __init__(self):
        self.smoke, self.truth = Smoke(), true_start()
        self.moments = [Moment(self.smoke, step) for step in MOMENTS]
        self.cameras, self.unseen = (
            dr.Camera.orbit(around, above, distance=4.4, fov_y_deg=38)
            for around, above in (([0, 36, 72, 108, 144], [5, 25, 5, 25, 5]), (205, 40))
        )
        self.loss = ti.field(float, shape=(), needs_grad=True)
        self.set(self.truth)
        self.smoke.simulate()
        self.images = [moment.of(3 * SAMPLES).render(self.cameras).numpy() for moment in self.moments]
        self.curve, self.flights = [], {"truth": self.film()}

    def set(self, density):
        """Writes the start."""
        self.smoke.start.from_numpy(np.asarray(density, np.float32))

    def look(self, camera):
        """A picture (SHOWN, SHOWN, 3) of the first moment's step."""
        renderer = self.moments[0].renderer
        renderer.size = SHOWN
        picture = renderer.render(camera).numpy()[0]
        renderer.size = SIZE
        return picture

    def film(self):
        """The flight as it is now, by the first camera and by the unseen one: pictures (steps, 2, SHOWN, SHOWN, 3)."""
        step, shown = self.moments[0].step, []
        for step[None] in range(STEPS + 1):
            shown.append([self.look(camera) for camera in (self.cameras, self.unseen)])
        step[None] = MOMENTS[0]
        return np.array(shown)

    def measure(self):
        """The mean squared difference from the images, with its gradient."""
        self.loss[None] = 0
        with ti.ad.Tape(self.loss):
            self.smoke.simulate()
            for moment, images in zip(self.moments, self.images, strict=True):
                dr.losses.mse(moment.renderer.render(self.cameras).color, images, self.loss)
            self.smoke.add_roughness(self.smoke.start, self.loss)
        return self.loss[None]

    def slopes(self, change=0.5):
        """The loss along its gradient where it is now: by the tape, and by central differences."""
        self.measure()
        here, gradient = self.smoke.start.to_numpy(), self.smoke.start.grad.to_numpy()
        length, losses = float(np.linalg.norm(gradient)), []
        for sign in (1, -1):
            self.set(here + sign * change / length * gradient)
            losses.append(self.measure())
        self.set(here)
        return length, (losses[0] - losses[1]) / (2 * change)

    def run(self, steps):
        """Starts from clear air."""
        self.set(np.zeros_like(self.truth))
        optimizer = dr.Adam({"start": self.smoke.start}, lr=RATE, schedule=dr.schedules.cosine(steps, 0.05))
        for step in range(steps):
            loss = self.measure()
            optimizer.step()
            self.smoke.clip(self.smoke.start)
            self.curve.append(self.errors())
            if step % 20 == 0 or step == steps - 1:
                off, alike = self.curve[-1]
                print(f"  step {step:3d}  loss {loss:.1e}  relative error {off:.3f}  correlation {alike:.3f}")
            if step == steps // 12:
                self.smoke.simulate()
                self.flights[f"after {step + 1} steps"] = self.film()
        self.smoke.simulate()
        self.flights["found"] = self.film()

    def errors(self):
        """Of the start: |found - true| / |true|, and the correlation of the two."""
        found = self.smoke.start.to_numpy()
        off = np.linalg.norm(found - self.truth) / np.linalg.norm(self.truth)
        return float(off), float(np.corrcoef(found.ravel(), self.truth.ravel())[0, 1])

    def page(self, step):
        """A time of the flights, from where images were taken and from where none was."""
        rows = [[flight[step, view] for flight in self.flights.values()] for view in range(2)]
        image = ", an image" if step in MOMENTS else ""
        titles = [*self.flights][:-1] + ["found: {:.2f} off\ncorrelation {:.2f}".format(*self.curve[-1])]
        title = f"{step * DT:.2f} s{image}"
        return sheet([[sheet(rows, titles, ("a view", "unseen"))]], [title])

    def poster(self):
        """The start and the times that the images are of, slices through the start, and how its errors fell."""
        flights = sheet([[self.page(step) for step in (0, *MOMENTS[::2])]])
        grey = [
            np.clip(cells, 0, 1)[..., None] ** 2.2 * np.ones(3) for cells in (self.truth, self.smoke.start.to_numpy())
        ]
        rows = [[enlarged(cells[:, ::-1, at].swapaxes(0, 1), 4) for at in SLICES] for cells in grey]
        cells = sheet([[sheet(rows, (), ("truth", "found"))]], ["slices of the start"])
        curves = plot(self.draw_errors, flights.shape[1] - cells.shape[1] - 6, cells.shape[0])
        return sheet([[flights], [sheet([[cells, curves]])]])

    def draw_errors(self, axes):
        """Both errors over the steps of the search."""
        axes.plot(self.curve, label=("relative error", "correlation"))
        axes.set(ylim=(0, 1.02), title="the start, by steps of the search")
        axes.grid(alpha=0.4)
        axes.legend()


def main(arguments=None):
    """Takes the images, forgets the smoke, finds its start."""
    options = start(__file__, __doc__, steps=120, arguments=arguments)
    study = Study()
    study.set(np.full_like(study.truth, 0.1))
    slopes = compared(*study.slopes())
    study.run(options.steps)
    movie = [study.page(step) for step in range(STEPS + 1)]
    times = [0.6 if step in (0, *MOMENTS) else 0.1 for step in range(STEPS + 1)]
    save_movie(options.out / "smoke_inverse.gif", movie, times)
    save_picture(options.out / "smoke_inverse.png", study.poster())
    off, alike = study.curve[-1]
    flights = study.flights
    return finish(
        options,
        **slopes,
        relative_error=off,
        correlation=alike,
        unseen_view_psnr=psnr(flights["found"][:, 1], flights["truth"][:, 1]),
        samples_at_once=study.moments[0].renderer.packets,
    )


if __name__ == "__main__":
    main()
