"""Inverse lighting: where the lamp is, and what colours things have, from one picture with a shadow, hard or soft.

The shapes are known.  The lamp's place and the albedos of floor, block and ball are not, twelve numbers, and
the lamp itself is out of sight.  Once it is a point, and once a rectangle, whose shadows are soft.  Each is looked for
twice: with ``boundary_gradients=True``, by which a shadow that lies in the wrong place pulls at the lamp, and without,
where only the shading on the surfaces does.

    python demos/inverse_lighting.py
"""

import numpy as np
import taichi as ti
from common import finish, plot, save_picture, sheet, start

import taichi_dr as dr

SIZE = 64  # pixels of the images that are fitted
SHOWN = 256  # pixels of those that are shown
RATE = {"place": 0.1, "albedo": 0.03}
LAMP, GUESS = (1.5, 2.6, 0.6), (0.1, 4.0, 1.5)
ALBEDO = (0.6, 0.5, 0.4), (0.45, 0.55, 0.75), (0.7, 0.3, 0.2)  # of the floor, the block and the ball
GREY = 0.5
SAMPLES = {"hard": 4, "soft": 16}  # of a pixel
COLORS = {"with": "tab:blue", "without": "tab:red"}


class Study:
    """A picture under a lamp, ``"hard"`` or ``"soft"``, and what is found from it."""

    def __init__(self, shadow):
        self.shadow = shadow
        block = dr.shapes.box((0.5, 1.1, 0.5), colors=(1, 1, 1))
        block.set("vertices", block.numpy("vertices") + (-0.5, 0.55, 0.1))
        objects = dr.Plane(y=0), block, dr.Sphere((0.55, 0.75, 0.2), 0.38)
        if shadow == "hard":
            lights = dr.Lights(0.15, point=dr.PointLight(LAMP, 0.8))
            self.fields, self.name = lights.fields, "vector"
        else:
            lamp = dr.RectangleLight(LAMP, u=(0.4, 0, 0), v=(0, 0, 0.4), radiance=22)
            lights = dr.Lights(0.15, area=lamp)
            self.fields, self.name = lamp.fields, "center"
        self.scene = dr.Scene(objects, lights)
        self.camera = dr.Camera.orbit(0, 40, distance=4.5, fov_y_deg=36, target=(0, 0.35, 0))
        self.tracer = dr.RayTracer(SIZE, bounces=0)
        self.write(LAMP, ALBEDO)
        self.image, self.truth = self.look(SIZE), self.look(SHOWN)
        self.loss = ti.field(ti.f32, shape=(), needs_grad=True)

    def write(self, place, albedo):
        """Has the lamp be there, and things have these albedos (3, 3), or one grey."""
        places = self.fields.get(self.name)
        places[-1] = place
        self.fields.set(self.name, places)
        albedos = self.scene.numpy("albedo")
        albedos[:3] = albedo
        self.scene.set("albedo", albedos)

    def look(self, size):
        """The picture (size, size, 3) as things are now, without noise."""
        self.tracer.size, self.tracer.samples = size, 64
        return self.tracer.render(self.scene, self.camera).numpy("color")[0]

    def off(self):
        """How far the lamp is off, in world units, and the albedos on average."""
        place, albedo = self.fields.get(self.name)[-1], self.scene.numpy("albedo")[:3]
        return float(np.linalg.norm(place - LAMP)), float(np.abs(albedo - ALBEDO).mean())

    def fit(self, boundary, steps):
        """The errors (steps + 1, 2) from the guess on."""
        self.write(GUESS, GREY)
        schedule = {"schedule": dr.schedules.cosine(steps)}
        place = dr.Adam({"place": self.fields.field(self.name)}, lr=RATE["place"], **schedule)
        albedo = dr.Adam({"albedo": self.scene.albedo}, lr=RATE["albedo"], **schedule)
        self.tracer.boundary_gradients, errors = boundary, [self.off()]
        for step in range(steps):
            self.tracer.size, self.tracer.samples, self.tracer.seed = SIZE, SAMPLES[self.shadow], step
            self.loss[None] = 0
            with ti.ad.Tape(self.loss):
                frame = self.tracer.render(self.scene, self.camera)
                dr.losses.mse(frame.color, self.image[None], self.loss)
            place.step()
            albedo.step()
            errors.append(self.off())
        return np.array(errors)

    def run(self, steps):
        """Errors with and without gradients of shadows' edges; a row of pictures."""
        self.write(GUESS, GREY)
        pictures, errors = [self.captioned("guess")], {}
        for name in ("without", "with"):
            errors[name] = self.fit(name == "with", steps)
            pictures.append(self.captioned(f"{name} boundary gradients"))
            print(
                "  {} shadow, {} boundary gradients: lamp {:.3f} off, albedos {:.4f}".format(
                    self.shadow, name, *self.off()
                )
            )
        pictures = [captioned(self.truth, "the picture", ""), *pictures]
        return errors, [*pictures, plot(lambda axes: draw_errors(axes, errors), SHOWN, len(pictures[0]))]

    def captioned(self, title):
        """What is found now, and how far off it is."""
        return captioned(self.look(SHOWN), title, "lamp {:.3f} off, albedos {:.3f}".format(*self.off()))


def captioned(picture, title, text):
    """A picture under two lines of text."""
    return sheet([[picture]], [f"{title}\n{text}"])


def draw_errors(axes, errors):
    """How far the lamp is off, over the steps."""
    for name, values in errors.items():
        axes.semilogy(values[:, 0], color=COLORS[name], label=f"{name} boundary gradients")
    axes.set(xlabel="step", title="lamp off by, world units", ylim=(1e-3, 60))
    axes.grid(alpha=0.4)
    axes.legend(fontsize=8, loc="upper right")


def main(arguments=None):
    """Looks for the lamp by a hard and by a soft shadow, with and without gradients of shadows' edges."""
    options = start(__file__, __doc__, steps=160, arguments=arguments)
    rows, results = [], {}
    for shadow in ("hard", "soft"):
        errors, row = Study(shadow).run(options.steps)
        rows.append(row)
        results[f"{shadow}_lamp_off_at_first"] = float(errors["with"][0, 0])
        for name, values in errors.items():
            results[f"{shadow}_lamp_off_{name}"] = float(values[-1, 0])
            results[f"{shadow}_albedo_off_{name}"] = float(values[-1, 1])
    save_picture(options.out / "inverse_lighting.png", sheet(rows, (), ("hard shadow", "soft shadow")))
    return finish(options, **results)


if __name__ == "__main__":
    main()
