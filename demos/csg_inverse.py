"""A scene of solids from one picture: places, sizes, angles and colours of a block with a bite, a ring and a post.

What stands on the table is known; how large, where and how coloured it is, is not: 33 numbers.  The scene is a function
of a point made of ``dr.sdf``, its parameters are fields, and gradients of the picture reach all of them through
``dr.SphereTracer``: light inside, coverage at silhouettes.  One picture tells how far away things are, as they stand on
the table.  A view from behind, which the fit never sees, tells whether the solids are right or only their picture.  The
picture has 16 samples per pixel, the renders that are fitted to it one.

    python demos/csg_inverse.py
"""

import numpy as np
import taichi as ti
from common import PAPER, averaged, finish, plot, psnr, save_movie, save_picture, sheet, start

import taichi_dr as dr

SIZE = 192  # of the picture, and of the pictures of how it went
LEVELS = {48: 0.5, 96: 0.3, 192: 0.2}  # pixels of the pictures that are fitted, and shares of the steps
TABLE = 1.15, 0.06  # radius, half height

TRUTH = {
    "block_place": (-0.25, -0.1),
    "block_yaw": 0.5,
    "block_half": (0.45, 0.38, 0.3),
    "bite": (0.3, 0.25, 0.3),
    "bite_radius": 0.32,
    "ring_place": (0.5, -0.25),
    "ring_yaw": -0.7,
    "ring_radius": 0.36,
    "ring_thickness": 0.11,
    "post_place": (0.3, 0.5),
    "post_top": (0.05, 0.55, 0.55),
    "post_radius": 0.12,
    "block_color": (0.75, 0.25, 0.15),
    "ring_color": (0.9, 0.65, 0.15),
    "post_color": (0.15, 0.35, 0.6),
    "table_color": (0.45, 0.5, 0.45),
}
GUESS = {
    "block_place": (-0.4, 0.05),
    "block_yaw": 0.15,
    "block_half": (0.36, 0.46, 0.36),
    "bite": (0.2, 0.3, 0.3),
    "bite_radius": 0.38,
    "ring_place": (0.65, -0.05),
    "ring_yaw": -0.2,
    "ring_radius": 0.28,
    "ring_thickness": 0.16,
    "post_place": (0.45, 0.4),
    "post_top": (0.3, 0.4, 0.4),
    "post_radius": 0.17,
    "block_color": (0.6, 0.4, 0.4),
    "ring_color": (0.6, 0.6, 0.3),
    "post_color": (0.3, 0.3, 0.5),
    "table_color": (0.5, 0.5, 0.5),
}


@ti.data_oriented
class Scene:
    """The solids, with a field for every parameter."""

    def __init__(self, values):
        self.fields = {}
        for name, value in values.items():
            kind = {"shape": (), "needs_grad": True}
            field = ti.Vector.field(len(value), ti.f32, **kind) if np.ndim(value) else ti.field(ti.f32, **kind)
            self.fields[name] = field
            setattr(self, name, field)
        self.set(values)

    def set(self, values):
        """Writes all parameters."""
        for name, value in values.items():
            self.fields[name][None] = value

    def numbers(self):
        """All parameters in a row."""
        return np.concatenate([np.ravel(field.to_numpy()) for field in self.fields.values()])

    @ti.func
    def block(self, p):
        """A rounded box that stands on the table, less a ball."""
        place, half = self.block_place[None], self.block_half[None]
        q = dr.sdf.rotate(p - ti.Vector([place.x, half.y, place.y]), (0, 1, 0), self.block_yaw[None])
        return dr.sdf.smooth_difference(
            dr.sdf.rounded_box(q, half, 0.04), dr.sdf.sphere(q - self.bite[None], self.bite_radius[None]), 0.03
        )

    @ti.func
    def ring(self, p):
        """A torus upright on the table."""
        place, radius, thickness = self.ring_place[None], self.ring_radius[None], self.ring_thickness[None]
        q = dr.sdf.rotate(p - ti.Vector([place.x, radius + thickness, place.y]), (0, 1, 0), self.ring_yaw[None])
        return dr.sdf.torus(q.xzy, radius, thickness)

    @ti.func
    def post(self, p):
        """A capsule that leaves the table and ends at ``post_top``."""
        foot = ti.Vector([self.post_place[None].x, 0.0, self.post_place[None].y])
        return dr.sdf.capsule(p, foot, self.post_top[None], self.post_radius[None])

    @ti.func
    def table(self, p):
        return dr.sdf.cylinder(p + ti.Vector([0.0, TABLE[1], 0.0]), TABLE[0], TABLE[1])

    @ti.func
    def distance(self, p):
        """To the nearest surface, with fillets: a sharp crease would move, and light jump there, without a gradient."""
        solids = dr.sdf.smooth_union(self.block(p), dr.sdf.smooth_union(self.ring(p), self.post(p), 0.05), 0.05)
        return dr.sdf.smooth_union(solids, self.table(p), 0.05)

    @ti.func
    def color(self, p):
        """Of the nearest solid, going over from one to the other within a hundredth."""
        block, ring, post, table = self.block(p), self.ring(p), self.post(p), self.table(p)
        nearest = dr.sdf.union(dr.sdf.union(block, ring), dr.sdf.union(post, table))
        weights = ti.exp((nearest - ti.Vector([block, ring, post, table])) * 100.0)
        weights /= weights.sum()
        return (
            weights[0] * self.block_color[None]
            + weights[1] * self.ring_color[None]
            + weights[2] * self.post_color[None]
            + weights[3] * self.table_color[None]
        )


class Study:
    """One picture of a scene that is then forgotten, and how well what is found explains it, and an unseen view."""

    def __init__(self):
        self.scene = Scene(TRUTH)
        self.truth = self.scene.numbers()
        self.camera, self.behind = (
            dr.Camera.orbit(azimuth, elevation, distance=3.6, fov_y_deg=40, target=(0, 0.25, 0))
            for azimuth, elevation in ((20, 28), (200, 35))
        )
        self.lights = dr.Lights(
            ambient=0.15,
            directional=[dr.DirectionalLight((0.7, 1.0, 0.3), 0.6), dr.DirectionalLight((-0.6, 0.5, 0.8), 0.3)],
        )
        self.tracer = dr.SphereTracer(
            self.scene.distance,
            SIZE,
            bounds=dr.Box((-1.2, -0.15, -1.2), (1.2, 1.2, 1.2)),
            color=self.scene.color,
            background=PAPER,
        )
        fine = self.look(self.camera, 4 * SIZE)
        self.images = {size: averaged(fine, 4 * SIZE // size) for size in LEVELS}
        self.unseen = self.look(self.behind)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.errors, self.movie, self.stops = [], [], {}

    def look(self, camera, size=None):
        """The picture (size, size, 3) that a camera takes now."""
        self.tracer.size = size or SIZE
        return self.tracer.render(camera, self.lights).numpy("color")[0]

    def run(self, steps):
        """Starts from the guess, and fits small pictures first, where there is less to get caught in."""
        self.scene.set(GUESS)
        self.note("guess")
        for level, (size, share) in enumerate(LEVELS.items()):
            count = round(share * steps)
            optimizer = dr.Adam(self.scene.fields, lr=0.015 / (level + 1), schedule=dr.schedules.cosine(count))
            for step in range(count):
                self.step(size)
                optimizer.step()
                self.errors.append(np.abs(self.scene.numbers() - self.truth))
                if step % 8 == 0:
                    self.film(f"{size}² level, step {len(self.errors)}")
            self.note(f"after the {size}² level")

    def step(self, size):
        """The gradient of the mean absolute difference from the picture."""
        self.tracer.size = size
        self.loss[None] = 0
        with ti.ad.Tape(self.loss):
            frame = self.tracer.render(self.camera, self.lights)
            dr.losses.l1(frame.color, self.images[size][None], self.loss)

    def off(self):
        """The mean error of all parameters now."""
        return float(np.abs(self.scene.numbers() - self.truth).mean())

    def note(self, text):
        """Both views of now, for the poster."""
        print(f"  {text}: parameters {self.off():.4f} off on average")
        self.stops[f"{text}\n{self.off():.4f} off"] = self.look(self.camera), self.look(self.behind)
        self.film(text)

    def film(self, text):
        """Both views of now beside the truth, for the movie."""
        rows = [[self.images[SIZE], self.look(self.camera)], [self.unseen, self.look(self.behind)]]
        pictures = sheet(rows, ("truth", "render"), ("the picture", "from behind"))
        self.movie.append(sheet([[pictures]], [f"{text}: {self.off():.4f} off"]))

    def poster(self):
        """The guess, where the levels have ended, and the truth; and how the errors fell."""
        stops = self.stops | {"the truth": (self.images[SIZE], self.unseen)}
        pictures = sheet([*zip(*stops.values(), strict=True)], tuple(stops), ("the picture", "from behind"))
        return sheet([[pictures], [plot(self.draw_errors, pictures.shape[1], 192)]])

    def draw_errors(self, axes):
        """The error of every parameter over the steps."""
        errors = np.array(self.errors)
        axes.semilogy(errors, linewidth=0.7, alpha=0.6)
        axes.semilogy(errors.mean(axis=1), color="black", linewidth=2, label="mean")
        axes.set(xlabel="step", ylabel="error", ylim=(1e-5, 1), title=f"all {errors.shape[1]} parameters")
        axes.grid(alpha=0.4)
        axes.legend(fontsize=8)


def main(arguments=None):
    """Takes the picture, forgets the scene, finds it again."""
    options = start(__file__, __doc__, steps=240, arguments=arguments)
    study = Study()
    study.run(options.steps)
    save_movie(options.out / "csg_inverse.gif", study.movie, [0.12] * (len(study.movie) - 1) + [2.0])
    save_picture(options.out / "csg_inverse.png", study.poster())
    for name, field in study.scene.fields.items():
        print(f"  {name}: {np.round(field.to_numpy(), 3)} (true: {TRUTH[name]})")
    return finish(
        options,
        picture_psnr=psnr(study.look(study.camera), study.images[SIZE]),
        unseen_view_psnr=psnr(study.look(study.behind), study.unseen),
        first_error=float(study.errors[0].mean()),
        error=study.off(),
        largest_error=float(study.errors[-1].max()),
    )


if __name__ == "__main__":
    main()
