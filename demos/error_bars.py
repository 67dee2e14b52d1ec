"""How well is it known?  The throw of a ball from noisy images, with error bars, held to repeats.

A ball flies against the air, simulated by one's own kernels; six noisy images of 48 x 64 pixels show it.  Looked for is
the velocity that it was thrown with, three numbers.  ``dr.GaussNewton`` finds them in a few steps and says how well: a
covariance, drawn as the outlines that are to hold 68 and 95 % of what other noise would have led to.  Then the noise is
drawn anew, again and again, and the throw is found every time: are the outlines right?

Adam finds the same throw, by a tape through simulation and renderer; both are timed.

    python demos/error_bars.py
"""

import time

import numpy as np
import taichi as ti
from common import PAPER, enlarged, finish, plot, save_picture, sheet, start
from scipy.stats import chi2

import taichi_dr as dr

SIZE, SAMPLES = (48, 64), 3  # of the images; each pixel is the mean of SAMPLES x SAMPLES
STEPS, FRAMES, DT = 30, 6, 0.033  # simulated steps, images, seconds
TRUTH, GUESS, DRAG = (1.6, 4.6, -1.5), (1.4, 4.4, -1.1), 0.3
NOISE = 0.08  # standard deviation of a pixel, of colours in [0, 1]
REPEATS, AWAY = 80, 0.05  # from the truth, where each search begins: so that none begins where it is to end
RATE = 0.03  # of Adam
PAIRS = (("throw[0]", "throw[2]"), ("throw[1]", "throw[2]"), ("throw[0]", "throw[1]"))
SHARES = (0.6827, 0.9545)


@ti.data_oriented
class Flight:
    """A ball against the air: ``dv/dt = g - drag |v| v``; the steps are kept, so that a tape can walk back."""

    def __init__(self, mesh, rest):
        self.throw = ti.Vector.field(3, ti.f32, (), needs_grad=True)
        self.position = ti.Vector.field(3, ti.f32, STEPS + 1, needs_grad=True)
        self.velocity = ti.Vector.field(3, ti.f32, STEPS + 1, needs_grad=True)
        self.vertices, self.rest = mesh.vertices, ti.Vector.field(3, ti.f32, len(rest))
        self.rest.from_numpy(rest.astype(np.float32))

    def fly(self):
        """Writes the mesh's vertices, of all frames."""
        self.launch()
        for step in range(STEPS):
            self.advance(step)
        self.show()

    @ti.kernel
    def launch(self):
        for i in range(1):
            self.position[i] = ti.Vector([-1.4, -0.9, 0.8])
            self.velocity[i] = self.throw[None]

    @ti.kernel
    def advance(self, step: ti.i32):
        for i in range(1):
            velocity = self.velocity[step + i]
            speed = ti.sqrt(velocity.dot(velocity) + 1e-12)
            faster = velocity + DT * (ti.Vector([0.0, -9.8, 0.0]) - DRAG * speed * velocity)
            self.velocity[step + i + 1] = faster
            self.position[step + i + 1] = self.position[step + i] + DT * faster

    @ti.kernel
    def show(self):
        for frame, i in self.vertices:
            self.vertices[frame, i] = self.rest[i] + self.position[(frame + 1) * (STEPS // FRAMES)]


@ti.kernel
def shrink(fine: ti.template(), picture: ti.template()):
    """Means of SAMPLES x SAMPLES pixels."""
    for v, row, column in picture:
        total = ti.Vector([0.0, 0.0, 0.0])
        for a, b in ti.static(ti.ndrange(SAMPLES, SAMPLES)):
            total += fine[v, SAMPLES * row + a, SAMPLES * column + b]
        picture[v, row, column] = total / SAMPLES**2


class Scene:
    """The ball, its flight, and what shows it."""

    def __init__(self):
        one = dr.shapes.icosphere(3, radius=0.42)
        rest, faces = one.vertices.to_numpy()[0], one.faces.to_numpy()
        colors = 0.5 + 0.4 * np.sin(7 * rest + (0, 1, 2))
        self.mesh = dr.Mesh(np.tile(rest, (FRAMES, 1, 1)), faces, colors=colors, name="ball")
        self.flight = Flight(self.mesh, rest)
        self.camera = dr.Camera.orbit([15] * FRAMES, elevation_deg=10, distance=5.5, fov_y_deg=40)
        self.renderer = dr.Rasterizer([SAMPLES * side for side in SIZE], background=PAPER, antialias=True)
        self.picture = ti.Vector.field(3, ti.f32, (FRAMES, *SIZE), needs_grad=True)

    def look(self):
        """The program: from the throw to six pictures."""
        self.flight.fly()
        frame = self.renderer.render(self.mesh, self.camera)
        shrink(frame.color, self.picture)
        return self.picture


def gauss_newton(scene, images):
    """(estimate, losses by step, runs of the program, seconds) from the guess."""
    scene.flight.throw[None] = GUESS
    began = time.perf_counter()
    fit = dr.GaussNewton(scene.look, {"throw": scene.flight.throw}, images)
    runs = [fit.runs]
    while fit.step():
        runs.append(fit.runs)
    runs += [fit.runs] * (len(fit.losses) - len(runs))
    seconds = time.perf_counter() - began
    return fit.estimate(), fit.losses, runs, seconds


def adam(scene, images, steps):
    """(losses, seconds) of Adam, by a tape, from the guess."""
    scene.flight.throw[None] = GUESS
    loss, losses = ti.field(ti.f32, shape=(), needs_grad=True), []
    optimizer = dr.Adam([scene.flight.throw], lr=RATE, schedule=dr.schedules.cosine(steps, 0.02))
    began = time.perf_counter()
    for _ in range(steps):
        with ti.ad.Tape(loss):
            scene.look()
            dr.losses.mse(scene.picture, images, loss)
        losses.append(loss[None])
        optimizer.step()
    return losses, time.perf_counter() - began


def repeats(scene, clean, random):
    """(REPEATS, 3): what is found of images with other noise."""
    found = []
    for _ in range(REPEATS):
        scene.flight.throw[None] = TRUTH + random.normal(0, AWAY, 3)
        fit = dr.GaussNewton(scene.look, {"throw": scene.flight.throw}, clean + random.normal(0, NOISE, clean.shape))
        while fit.step():
            pass
        found.append(scene.flight.throw[None].to_numpy())
    return np.array(found, float)


def draw_pair(axes, pair, estimate, found, truth):
    """Two of the numbers: repeats, and the outlines that are to hold 68 and 95 % of them, around the truth."""
    k, j = (estimate.names.index(name) for name in pair)
    axes.scatter(found[:, k], found[:, j], s=9, color="tab:blue", alpha=0.7, label=f"{len(found)} repeats")
    for share, style in zip(SHARES, ("-", "--"), strict=True):
        line = estimate.ellipse(*pair, share=share) - estimate.values[[k, j]] + truth[[k, j]]
        axes.plot(*line.T, style, color="tab:red", label=f"predicted, {100 * share:.0f} %")
    axes.plot(truth[k], truth[j], "+", color="black", markersize=11, label="truth")
    axes.set(xlabel=pair[0], ylabel=pair[1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def draw_losses(axes, newton, runs, losses):
    """How the loss falls, over runs of the program; a step of Adam's counts as two."""
    floor = min(newton)
    axes.semilogy(runs, np.array(newton) - floor + 1e-9, "o-", color="tab:red", label="Gauss-Newton")
    axes.semilogy(2 * np.arange(len(losses)), np.array(losses) - floor + 1e-9, color="tab:blue", label="Adam")
    axes.set(xlabel="runs of the program (a tape: two)", ylabel="loss above the least", ylim=(1e-8, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def main(arguments=None):
    """Finds the throw, says how well, and looks whether that was right."""
    options = start(__file__, __doc__, steps=200, arguments=arguments)
    scene, random = Scene(), np.random.default_rng(5)
    scene.flight.throw[None] = TRUTH
    clean, truth = scene.look().to_numpy(), np.array(TRUTH)
    images = (clean + random.normal(0, NOISE, clean.shape)).astype(np.float32)
    gauss_newton(scene, images)  # compiles
    estimate, newton, runs, seconds = gauss_newton(scene, images)
    shown = scene.look().to_numpy()
    adam(scene, images, 2)
    losses, adam_seconds = adam(scene, images, options.steps)
    adam_off = np.abs(scene.flight.throw[None].to_numpy() - estimate.values)

    found = repeats(scene, clean, random)
    off = found - truth
    squares = np.einsum("ki,ij,kj->k", off, np.linalg.inv(estimate.covariance), off)
    inside = [float(np.mean(squares < chi2.ppf(share, len(truth)))) for share in SHARES]
    print(f"  {'':9} {'truth':>8} {'found':>8} {'error bar':>10} {'scatter':>8}")
    rows = zip(estimate.names, truth, estimate.values, estimate.standard_errors, off.std(axis=0), strict=True)
    for name, true, value, error, scatter in rows:
        print(f"  {name:9} {true:8.4f} {value:8.4f} {error:10.4f} {scatter:8.4f}")

    flight = sheet([[enlarged(picture, 3) for picture in row] for row in (images, shown)], (), ("image", "found"))
    width = flight.shape[1] // 4
    plots = [plot(lambda axes, p=p: draw_pair(axes, p, estimate, found, truth), width, 300) for p in PAIRS]
    plots.append(plot(lambda axes: draw_losses(axes, newton, runs, losses), width, 300))
    counted = ", ".join(
        f"{100 * part:.0f} % in the {100 * s:.0f} % outline" for part, s in zip(inside, SHARES, strict=True)
    )
    save_picture(
        options.out / "error_bars.png", sheet([[flight], [sheet([plots])]], [f"of all three numbers: {counted}"])
    )
    ratio = off.std(axis=0) / estimate.standard_errors
    return finish(
        options,
        inside_68=inside[0],
        inside_95=inside[1],
        scatter_over_error_bar=[round(float(r), 2) for r in ratio],
        sigmas_off=[round(float(s), 2) for s in (estimate.values - truth) / estimate.standard_errors],
        mean_square=float(squares.mean() / len(truth)),
        newton_steps=len(newton) - 1,
        newton_runs=runs[-1],
        newton_seconds=seconds,
        adam_steps=options.steps,
        adam_seconds=adam_seconds,
        adam_off_in_error_bars=float((adam_off / estimate.standard_errors).max()),
    )


if __name__ == "__main__":
    main()
