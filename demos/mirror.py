"""A globe that is seen only in a mirror: where it is, and how it is turned, from its reflection.

The globe stands behind the camera, which looks at a mirror.  Gradients go from pixels along reflected rays to the
globe's place and colours; with ``boundary_gradients=True`` those of its outline in the mirror count too, which the
tracer samples as a camera behind the mirror sees it.  Both are tried from the same guess.

    python demos/mirror.py
"""

import numpy as np
import taichi as ti
from common import finish, plot, save_picture, sheet, start
from matplotlib.patches import Circle

import taichi_dr as dr

SIZE = 64  # pixels of the images that are fitted
SHOWN = 240  # pixels of those that are shown
TRUTH = (0.35, 0.25, 2.3), 0.5  # the globe's middle, and the angle by which it is turned about the y axis
GUESS = (-0.3, -0.1, 1.8), -0.3
RATE = {"place": 0.06, "turn": 0.04}
RADIUS = 0.7
COLORS = {"without boundary gradients": "tab:red", "with boundary gradients": "tab:blue"}


def painted(points):
    """Colours (N, 3) of a globe's points (N, 3): smooth patches, no two sides alike."""
    waves = np.array([[3.0, 1.0, -2.0], [-1.0, 2.5, 2.0], [2.0, -2.0, 1.5]])
    return 0.55 + 0.4 * np.sin(points @ waves.T + (0.3, 1.7, 2.9))


@ti.data_oriented
class Study:
    """What stands before a mirror, and what is found from its reflection, with boundary gradients or without."""

    def __init__(self, way):
        self.title = way
        globe = dr.shapes.icosphere(4, radius=RADIUS)
        globe.set("colors", painted(globe.numpy("vertices")[0] / RADIUS))
        self.globe = globe
        self.shape = ti.Vector.field(3, ti.f32, shape=globe.vertex_count)
        self.shape.from_numpy(globe.numpy("vertices")[0].astype(np.float32))
        self.place = ti.Vector.field(3, ti.f32, shape=(), needs_grad=True)
        self.turn = ti.field(ti.f32, shape=(), needs_grad=True)
        silver = dr.Material(albedo=0, reflectivity=1)
        wood = dr.Material(albedo=0, emission=(0.16, 0.08, 0.03))
        mirror = dr.Rectangle((0, 0, -1), (0.7, 0, 0), (0, 0.7, 0), material=silver)
        border = dr.Rectangle((0, 0, -1.01), (0.76, 0, 0), (0, 0.76, 0), material=wood)
        self.scene = dr.Scene([globe, mirror, border], dr.Lights(0.8))
        self.camera = dr.Camera((0, 0, 1), (0, 0, -1), fov_y=0.75)
        self.tracer = dr.RayTracer(SIZE, bounces=1, boundary_gradients=way.startswith("with "))
        self.place[None], self.turn[None] = TRUTH
        self.image, self.truth = self.look(SIZE), self.look(SHOWN)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)
        self.errors, self.way = [], []

    @ti.kernel
    def move(self):
        """Turns the globe about the y axis, and puts it in its place."""
        for i in self.shape:
            p, c, s = self.shape[i], ti.cos(self.turn[None]), ti.sin(self.turn[None])
            self.globe.vertices[0, i] = self.place[None] + ti.Vector([c * p.x + s * p.z, p.y, c * p.z - s * p.x])

    def look(self, size):
        """The picture (size, size, 3) as things are now, without noise."""
        self.move()
        self.tracer.size, self.tracer.samples = size, 64 if size == SIZE else 9
        return self.tracer.render(self.scene, self.camera).numpy("color")[0]

    def off(self):
        """How far the globe is off, in world units, and by how many degrees it is turned too far."""
        place = float(np.linalg.norm(self.place.to_numpy() - TRUTH[0]))
        return place, float(np.degrees(abs(self.turn[None] - TRUTH[1])))

    def run(self, steps):
        """From the guess, by the mean squared difference of the pictures."""
        self.place[None], self.turn[None] = GUESS
        groups = [{"parameters": {name: getattr(self, name)}, "lr": rate} for name, rate in RATE.items()]
        optimizer = dr.Adam(groups, lr=0.03, schedule=dr.schedules.cosine(steps))
        guess = self.captioned("guess")
        for step in range(steps):
            self.note()
            self.tracer.size, self.tracer.samples, self.tracer.seed = SIZE, 4, step
            self.loss[None] = 0
            with ti.ad.Tape(self.loss):
                self.move()
                frame = self.tracer.render(self.scene, self.camera)
                dr.losses.mse(frame.color, self.image[None], self.loss)
            optimizer.step()
        self.note()
        print("  {}: the globe is {:.3f} off, turned {:.1f} degrees too far".format(self.title, *self.off()))
        pictures = [sheet([[self.truth]], ["what the mirror shows\n"]), guess, self.captioned("found")]
        return [*pictures, *(plot(draw, SHOWN, len(guess)) for draw in (self.draw_way, self.draw_errors))]

    def note(self):
        """Where the globe is, for the plots."""
        self.errors.append(self.off())
        self.way.append(self.place.to_numpy())

    def captioned(self, title):
        """What is found now, and how far off it is."""
        return sheet(
            [[self.look(SHOWN)]], ["{}\n{:.3f} off, turned {:.1f}\N{DEGREE SIGN} too far".format(title, *self.off())]
        )

    def draw_way(self, axes):
        """From above: the mirror, the camera and its view, the globe and its way."""
        way, half = np.array(self.way), np.tan(0.375)
        axes.plot((-0.7, 0.7), (-1, -1), color="black", linewidth=3)
        axes.plot((-2 * half, 0, 2 * half), (-1, 1, -1), color="gray", linewidth=1)
        axes.plot(0, 1, "^", color="black")
        axes.add_patch(Circle((TRUTH[0][0], TRUTH[0][2]), RADIUS, fill=False, linestyle="--"))
        axes.add_patch(Circle((way[-1, 0], way[-1, 2]), RADIUS, color=COLORS[self.title], alpha=0.4))
        axes.plot(way[:, 0], way[:, 2], color=COLORS[self.title])
        axes.set(title="from above", xlim=(-1.8, 1.8), ylim=(3.1, -1.2), aspect="equal")

    def draw_errors(self, axes):
        """How far the globe is off, over the steps."""
        axes.semilogy(np.array(self.errors)[:, 0], color=COLORS[self.title])
        axes.set(xlabel="step", title="off by, world units", ylim=(1e-3, 2))
        axes.grid(alpha=0.4)


def main(arguments=None):
    """Looks for the globe without boundary gradients, and with them."""
    options = start(__file__, __doc__, steps=200, arguments=arguments)
    rows, results = [], {}
    for way in COLORS:
        study = Study(way)
        rows.append(study.run(options.steps))
        name, _, _ = way.partition(" ")
        results[f"{name}_off_at_first"], _ = study.errors[0]
        results[f"{name}_off"], results[f"{name}_turned_too_far_deg"] = study.errors[-1]
    print("  {}".format(study.tracer.describe_gradients().replace("\n", "\n  ")))
    save_picture(options.out / "mirror.png", sheet(rows, (), tuple(COLORS)))
    return finish(options, **results)


if __name__ == "__main__":
    main()
