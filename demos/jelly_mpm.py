"""Two jellies of a particle simulation (MLS-MPM): how stiff each of them is, found in images of how they wobble.

Two cubes of jelly are thrown on the floor.  Particles carry them, a grid makes them push and pull (the material point
method), and the outermost particles are the vertices of a mesh, which is rendered.  Six images are all that is known:
their difference has a gradient that flows through the renderer into the mesh, through every step, and through the
stresses of every particle, into two numbers: Young's modulus of either cube.

Hundreds of steps of thousands of particles with a grid for each of them are more than one wants to hold.
``dr.checkpointed`` holds 16 steps at a time, and computes each segment again on the way back.

Source: Hu, Fang, Ge, Qu, Zhu, Pradhana, Jiang, *A Moving Least Squares Material Point Method*, ACM TOG 37(4), 2018.

    python demos/jelly_mpm.py
"""

import numpy as np
import taichi as ti
from common import PAPER, compared, finish, over_paper, plot, psnr, save_movie, save_picture, sheet, start

import taichi_dr as dr

STEPS, SEGMENT, DT = 240, 16, 1e-3  # of the simulation; of them, held in memory; seconds
MOMENTS = 40, 80, 120, 160, 200, 240  # the steps that images are taken of
SIDE, CELL = 9, 0.05  # particles along a cube's edge, two for a cell; edge of the grid's cells
GRID = 30, 16, 16  # cells
FLOOR = 3  # the layers of cells below the floor
GRAVITY, POISSON = 9.8, 0.3
CORNERS = (0.3, 0.2, 0.3), (0.95, 0.2, 0.3)  # of the cubes
THROW = (0.8, -2.2, 0.0), (-0.5, -2.2, 0.3)  # m/s
TRUTH, GUESS = (25.0, 90.0), (50.0, 45.0)  # Young's moduli, for a density of 1
COLORS = ((0.75, 0.1, 0.08), (0.95, 0.45, 0.4)), ((0.08, 0.4, 0.12), (0.5, 0.75, 0.3))  # chequered
SIZE, SHOWN = (72, 144), (130, 260)  # height and width of the images, and of the pictures of how it went
RATE = 0.12  # of the search, in logarithms of moduli
COUNT = SIDE**3


@ti.data_oriented
class Jelly:
    """Particles of ``rows - 1`` steps at a time, and a grid for each of these steps."""

    def __init__(self, segment):
        rows, particles = segment + 1, 2 * COUNT
        self.place, self.velocity = (ti.Vector.field(3, ti.f32, (rows, particles), needs_grad=True) for _ in range(2))
        self.affine, self.strain = (ti.Matrix.field(3, 3, ti.f32, (rows, particles), needs_grad=True) for _ in range(2))
        self.mass = ti.field(ti.f32, (segment, *GRID), needs_grad=True)
        self.momentum, self.flow = (ti.Vector.field(3, ti.f32, (segment, *GRID), needs_grad=True) for _ in range(2))
        self.logarithm = ti.field(ti.f32, 2, needs_grad=True)  # of Young's moduli
        self.vertex = ti.field(ti.i32, 2 * len(cube_surface()[0]))  # the particle that a vertex is
        self.mesh = jelly_mesh()
        self.vertex.from_numpy(np.int32(np.concatenate([cube_surface()[0] + k * COUNT for k in range(2)])))
        states = [self.place, self.velocity, self.affine, self.strain]
        self.run = dr.checkpointed(self.step, states, STEPS, scratch=[self.mass, self.momentum, self.flow])

    def set(self, moduli):
        """Writes the moduli."""
        self.logarithm.from_numpy(np.log(np.float32(moduli)))

    def moduli(self):
        """As they are now."""
        return np.exp(self.logarithm.to_numpy())

    def simulate(self):
        """Runs all steps, and writes the vertices of every moment."""
        self.release()
        self.run()

    def step(self, row, number):
        """One step; shows what there is to see after it."""
        self.clear(row)
        self.gather(row)
        self.push(row)
        self.move(row)
        if number + 1 in MOMENTS:
            self.show(row + 1, MOMENTS.index(number + 1), self.mesh.vertices)

    @ti.kernel
    def release(self):
        for p in range(2 * COUNT):
            q = p % COUNT
            at = ti.Vector([q // (SIDE * SIDE), q // SIDE % SIDE, q % SIDE]) * (0.5 * CELL)
            self.place[0, p] = at + (ti.Vector(CORNERS[0]) if p < COUNT else ti.Vector(CORNERS[1]))
            self.velocity[0, p] = ti.Vector(THROW[0]) if p < COUNT else ti.Vector(THROW[1])
            self.affine[0, p] = ti.Matrix.zero(ti.f32, 3, 3)
            self.strain[0, p] = ti.Matrix.identity(ti.f32, 3)

    @ti.kernel
    def clear(self, row: int):
        for cell in ti.grouped(ti.ndrange(*GRID)):
            self.mass[row, cell] = 0.0
            self.momentum[row, cell] = ti.Vector([0.0, 0.0, 0.0])

    @ti.kernel
    def gather(self, row: int):
        """Momentum and stress of the particles onto the grid."""
        for p in range(2 * COUNT):
            base, off, weights = stencil(self.place[row, p])
            strain = self.strain[row, p] + DT * self.affine[row, p] @ self.strain[row, p]
            self.strain[row + 1, p] = strain
            young = ti.exp(self.logarithm[p // COUNT])
            shear = young / (2.0 * (1.0 + POISSON))
            bulk = young * POISSON / ((1.0 + POISSON) * (1.0 - 2.0 * POISSON))
            volume = ti.max(strain.determinant(), 0.1)
            stress = shear * (strain @ strain.transpose() - ti.Matrix.identity(ti.f32, 3))
            stress += bulk * ti.log(volume) * ti.Matrix.identity(ti.f32, 3)  # Kirchhoff's, of a neo-Hookean solid
            carried = self.affine[row, p] - DT * 4.0 / CELL**2 * stress
            for offset in ti.static(ti.grouped(ti.ndrange(3, 3, 3))):
                weight = weights[offset[0], 0] * weights[offset[1], 1] * weights[offset[2], 2]
                momentum = self.velocity[row, p] + carried @ ((offset - off) * CELL)
                self.momentum[row, base + offset] += weight * momentum
                self.mass[row, base + offset] += weight

    @ti.kernel
    def push(self, row: int):
        """Gravity, and a floor that holds what touches it."""
        for i, j, k in ti.ndrange(*GRID):
            v = self.momentum[row, i, j, k] / (self.mass[row, i, j, k] + 1e-8) - ti.Vector([0.0, DT * GRAVITY, 0.0])
            if j <= FLOOR and v.y < 0.0:
                v = ti.Vector([0.0, 0.0, 0.0])
            self.flow[row, i, j, k] = v

    @ti.kernel
    def move(self, row: int):
        """The grid's velocities back to the particles."""
        for p in range(2 * COUNT):
            base, off, weights = stencil(self.place[row, p])
            velocity, affine = ti.Vector([0.0, 0.0, 0.0]), ti.Matrix.zero(ti.f32, 3, 3)
            for offset in ti.static(ti.grouped(ti.ndrange(3, 3, 3))):
                weight = weights[offset[0], 0] * weights[offset[1], 1] * weights[offset[2], 2]
                flow = weight * self.flow[row, base + offset]
                velocity += flow
                affine += 4.0 / CELL * flow.outer_product(offset - off)
            self.velocity[row + 1, p] = velocity
            self.affine[row + 1, p] = affine
            self.place[row + 1, p] = self.place[row, p] + DT * velocity

    @ti.kernel
    def show(self, row: int, moment: int, vertices: ti.template()):
        for i in self.vertex:
            vertices[moment, i] = self.place[row, self.vertex[i]]


@ti.func
def stencil(place):
    """Of the 27 cells round a particle: the first, how far off it is in cells, and quadratic weights by axis."""
    base = ti.floor(place / CELL - 0.5).cast(int)
    off = place / CELL - base.cast(float)
    first, middle, last = 0.5 * (1.5 - off) ** 2, 0.75 - (off - 1.0) ** 2, 0.5 * (off - 0.5) ** 2
    return base, off, ti.Matrix.rows([first, middle, last])


def cube_surface():
    """The outermost particles (N,) of a cube, its faces (F, 3) over them, and which of two colours they have."""
    particle = np.arange(COUNT).reshape(SIDE, SIDE, SIDE)
    faces, checks = [], []
    for axis in range(3):
        for end in (0, -1):
            layer = particle.take(end, axis)
            a, b, c, d = (part.ravel() for part in (layer[:-1, :-1], layer[1:, :-1], layer[1:, 1:], layer[:-1, 1:]))
            order = (a, b, c, d) if (end == 0) == (axis == 1) else (a, d, c, b)
            faces += [np.stack([order[0], order[1], order[2]], 1), np.stack([order[0], order[2], order[3]], 1)]
            i, j = np.divmod(np.arange(len(a)), SIDE - 1)
            checks += [(i // 2 + j // 2) % 2] * 2
    used, faces = np.unique(np.concatenate(faces), return_inverse=True)
    return used, faces.reshape(-1, 3), np.concatenate(checks)


def jelly_mesh():
    """A batch of both cubes for each moment; the simulation writes their vertices."""
    used, faces, checks = cube_surface()
    colors = np.concatenate([np.array(pair)[checks] for pair in COLORS])
    positions = np.zeros((len(MOMENTS), 2 * len(used), 3))
    return dr.Mesh(
        positions,
        np.concatenate([faces, faces + len(used)]),
        face_colors=colors,
        material=dr.Material("flat"),
        name="jelly",
    )


def floor():
    """The floor, chequered; pictures show it, the images that are fitted do not."""
    plane = dr.shapes.plane(2.4, 16)
    cell = np.repeat(np.arange(256), 2)
    tiles = np.where(((cell // 16 + cell % 16) % 2)[:, None], (0.55, 0.57, 0.6), (0.75, 0.76, 0.78))
    points = plane.numpy("vertices")[0] + (0.74, (FLOOR + 0.5) * CELL, 0.4)
    return dr.Mesh(points, plane.topology.faces, face_colors=tiles, material=dr.Material("flat"), name="floor")


class Study:
    """The images of a fall that is then forgotten, and how well the moduli are found."""

    def __init__(self):
        self.jelly, self.floor = Jelly(SEGMENT), floor()
        self.camera = dr.Camera.orbit([15] * len(MOMENTS), 16, distance=2.6, fov_y_deg=13, target=(0.74, 0.32, 0.4))
        self.lights = dr.Lights(ambient=0.35, directional=[dr.DirectionalLight((0.4, 1.0, 0.6), 0.65)])
        self.renderer = dr.Rasterizer(SIZE, background=PAPER, antialias=True)
        self.crisp = dr.Rasterizer(SHOWN, background=PAPER, antialias=True)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.jelly.set(TRUTH)
        self.jelly.simulate()
        self.images = over_paper(dr.supersampled(self.jelly.mesh, self.camera, SIZE, self.lights))
        self.path, self.falls, self.movie = [], {"images": self.fall()}, []

    def fall(self):
        """Pictures (moments, *SHOWN, 3) of the latest simulation, on the floor."""
        self.crisp.background = PAPER
        self.crisp.background = self.crisp.render(self.floor, self.camera, self.lights).numpy("color")
        return self.crisp.render(self.jelly.mesh, self.camera, self.lights).numpy("color")

    def measure(self):
        """The mean squared difference from the images, with its gradient."""
        ti.cfg.force_scalarize_matrix = True  # compiles the reverse of 3 x 3 products in a tenth of the time
        try:
            with ti.ad.Tape(self.loss):
                self.jelly.simulate()
                frame = self.renderer.render(self.jelly.mesh, self.camera, self.lights)
                dr.losses.mse(frame.color, self.images, self.loss)
        finally:
            ti.cfg.force_scalarize_matrix = False
        return self.loss[None]

    def slopes(self, change=0.05):
        """The loss along its gradient at the moduli of now: by the tape, and by central differences."""
        self.measure()
        here, gradient, losses = self.jelly.moduli(), self.jelly.logarithm.grad.to_numpy(), []
        length = float(np.linalg.norm(gradient))
        for sign in (1, -1):
            self.jelly.set(here * np.exp(sign * change / length * gradient))
            losses.append(self.measure())
        self.jelly.set(here)
        return length, (losses[0] - losses[1]) / (2 * change)

    def run(self, steps):
        """Starts from the guess."""
        self.jelly.set(GUESS)
        optimizer = dr.Adam(
            [self.jelly.logarithm], lr=RATE, betas=(0.6, 0.9), schedule=dr.schedules.cosine(steps, 0.02)
        )
        self.steps = steps
        for step in range(steps):
            self.path.append(self.jelly.moduli())
            loss = self.measure()
            if step == 0:
                self.falls["first guess"] = self.fall()
            self.film(f"step {step}: loss {loss:.1e}")
            print(f"  step {step:2d}  loss {loss:.1e}  moduli {self.words()}")
            optimizer.step()
        self.path.append(self.jelly.moduli())
        self.jelly.simulate()
        self.falls["found"] = self.fall()
        self.film(f"found: {self.words()}")

    def words(self):
        """The moduli of now beside the truth."""
        return ", ".join(f"{now:.1f} (true: {true:.0f})" for now, true in zip(self.path[-1], TRUTH, strict=True))

    def film(self, text):
        """The fall beside the images above the path of the search, for the movie."""
        self.movie.append(self.page({"images": self.falls["images"], "render": self.fall()}, text))

    def page(self, rows, text=""):
        """Named falls at every second moment, and the path of the search below."""
        times = [f"{moment * DT:.2f} s" for moment in MOMENTS[::2]]
        pictures = sheet([row[::2] for row in rows.values()], times, tuple(rows))
        return sheet([[pictures], [plot(self.draw_path, pictures.shape[1], 200)]], [text] if text else ())

    def draw_path(self, axes):
        """Both moduli over the steps, and their last values beside the truth."""
        path = np.array(self.path)
        for index, (truth, color) in enumerate(zip(TRUTH, ("tab:red", "tab:green"), strict=True)):
            axes.axhline(truth, color=color, linestyle="--", linewidth=1)
            axes.semilogy(path[:, index], "o-", color=color, markersize=3)
            label = f"{path[-1, index]:.2f}, true {truth:.0f}"
            axes.annotate(label, (1.01, truth), xycoords=("axes fraction", "data"), color=color, va="center")
        axes.set(xlabel="step", ylabel="Young's modulus", xlim=(-0.02 * self.steps, 1.02 * self.steps), ylim=(15, 150))
        axes.locator_params(axis="x", integer=True)
        axes.set_yticks([20, 50, 100], ("20", "50", "100"))
        axes.tick_params(axis="y", which="minor", labelleft=False)


def main(arguments=None):
    """Takes the images, forgets the moduli, finds them again."""
    options = start(__file__, __doc__, steps=20, arguments=arguments)
    study = Study()
    study.jelly.set(GUESS)
    slopes = compared(*study.slopes())
    study.run(options.steps)
    save_movie(options.out / "jelly_mpm.gif", study.movie, [0.35] * (len(study.movie) - 1) + [3.0])
    save_picture(options.out / "jelly_mpm.png", study.page(study.falls))
    return finish(
        options,
        **slopes,
        true_moduli=TRUTH,
        found_moduli=tuple(np.round(study.path[-1].astype(float), 2).tolist()),
        relative_error=float(np.abs(study.path[-1] / TRUTH - 1).max()),
        picture_psnr=psnr(study.falls["found"], study.falls["images"]),
    )


if __name__ == "__main__":
    main()
