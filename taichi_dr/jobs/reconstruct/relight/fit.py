"""The light on a shape that stays: by gradients through the ray tracer, shadows and highlights included."""

import numpy as np
import taichi as ti

from taichi_dr.io.images import straight
from taichi_dr.jobs.reconstruct.checkpoint import count
from taichi_dr.jobs.reconstruct.light import LIT, Light
from taichi_dr.jobs.reconstruct.loss_terms import STEPS_BETWEEN_RECORDS, add_terms
from taichi_dr.jobs.reconstruct.relight.tell import LEAST_ALBEDO, received, tell_light
from taichi_dr.jobs.reconstruct.relight.terms import difference, few_colors
from taichi_dr.optim.optimizers import Adam
from taichi_dr.render.rays.ray_tracer import RayTracer
from taichi_dr.render.rays.scene import Scene
from taichi_dr.runtime import float_dtype
from taichi_dr.scene.light import DirectionalLight, Lights
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh

RATES = {"albedo": 0.005, "color": 0.005, "vector": 0.002, "specular": 0.02, "shininess": 1.0}
LAST = 0.05  # of the rates, at the end
LEAST_PIXEL = 0.02  # what a step shows less of moves less
FEW = 3e-4  # weight of how many colours there are
PAIRS = 4096
SPECULAR, SHININESS = 0.05, 20.0  # of the highlight at first
LEAST_SPECULAR, LEAST_SHININESS = 1e-3, 1.0  # at 0 there is no gradient: it would stay there
SAMPLES = 4  # of a pixel
SHOWN_SAMPLES = 9
SOLID = 0.99  # alpha of pixels that are compared
TIMES = 5  # that the light is told in a budget, the first time before it
FITTED = "color", "vector"  # of the lights
OF_MATERIAL = "specular", "shininess"


class LightFit:
    """A directional light, ambient light, vertex albedo and a highlight, on a mesh in the views of ``groups``.

    ``scene`` is what they make: a matt surface with one Blinn-Phong highlight,

        I = rho (a + b V max(n.l, 0)) + k b V max(n.h, 0)^s

    with V = 0 in the shadow.  Only what images do not tell is left to a prior: of light and albedo that explain them
    alike it takes those with the fewest colours (``terms.few_colors``); light is white, as any tint of it may be the
    albedo's; and the scale is that of ``Light``.
    """

    def __init__(self, mesh, light, groups, seed):
        self._groups, self._seed, self._told = groups, seed, 0
        material = Material("phong", specular=SPECULAR, shininess=SHININESS)
        self.mesh = Mesh(mesh.numpy("vertices"), mesh.topology.faces, colors=mesh.numpy("colors"), material=material)
        self._lights = Lights(light.ambient, DirectionalLight(light.direction, 1.0, light.color))
        self.scene = Scene(self.mesh, self._lights)
        self._tracer = RayTracer(groups.size, samples=SAMPLES, bounces=0)
        self._loss = ti.field(float_dtype(), shape=(), needs_grad=True)
        self._albedo, self._masks, self._tracers = self.mesh.variable("colors"), {}, {}
        self.steps, self._rate = 0, 1.0
        schedule = lambda step: self._rate  # noqa: E731  the rate follows the budget, not the step
        given = {name: self._lights.variable(name) for name in FITTED}
        given |= {"albedo": self._albedo} | {name: getattr(self.scene, name) for name in OF_MATERIAL}
        groups = [{"parameters": {name: value}, "lr": RATES[name]} for name, value in given.items()]
        eps = LEAST_PIXEL / self._groups.at(0).colors.size  # the loss is the mean over about so many numbers
        self.optimizer = Adam(groups, betas=(0.9, 0.99), eps=eps, schedule=schedule)

    def step(self, fraction):
        """One update from one group of views, at this fraction of the fit's share of the budget.

        Returns whether it has moved (it has not if a gradient is not finite), and every few steps the losses by name.
        """
        if int(fraction * TIMES) > self._told:
            self._told = int(fraction * TIMES)
            self._tell()
        record = {} if self.steps % STEPS_BETWEEN_RECORDS == 0 else None
        camera, colors, alpha = self._groups.at(self.steps)
        pairs = np.random.default_rng([self._seed, self.steps, 3]).integers(self.mesh.vertex_count, size=(PAIRS, 2))
        target, mask = colors.reshape(-1, 3), self._mask(camera, alpha)
        self._loss[None] = 0
        with ti.ad.Tape(self._loss):
            color = self._tracer.render(self.scene, camera).variable("color")
            terms = {
                "color": lambda: difference(color, target, mask, self._loss),
                "few colours": lambda: few_colors(self._albedo, pairs, self._loss, FEW),
            }
            add_terms(self._loss, terms, record)
        self._rate = LAST**fraction
        moved = self.optimizer.step()
        self._stay_in_bounds()
        self.steps += 1
        return moved, record

    def _tell(self):
        """Tells the light anew from the albedo so far, in it: what is seen stays as it is, but for its highlight."""
        shown = self.mesh.numpy("colors")[0] * received(self.mesh, self._light())
        light, albedo = tell_light(self.mesh, shown, [self._seed, self._told])
        self._lights.set(light.ambient, DirectionalLight(light.direction, 1.0, light.color))
        self.mesh.set("colors", albedo)

    def _light(self):
        colors, vectors = self._lights.numpy("color").astype(np.float64), self._lights.numpy("vector")
        return Light(colors[0], colors[1], vectors[1].astype(np.float64) / np.linalg.norm(vectors[1]))

    def _mask(self, camera, alpha):
        """(P,) of the pixels that image and shape both fill: others are mixed with what is behind."""
        if id(camera) not in self._masks:
            filled = self._tracer.render(self.scene, camera).numpy("alpha")
            self._masks[id(camera)] = ((filled > SOLID) & (alpha > SOLID)).reshape(-1)
        return self._masks[id(camera)]

    def _stay_in_bounds(self):
        self.mesh.set("colors", np.clip(self.mesh.numpy("colors"), LEAST_ALBEDO, 1))
        white = self._lights.numpy("color").mean(axis=1, keepdims=True)
        self._lights.fields.set("color", np.broadcast_to(np.maximum(white, 0), (2, 3)))
        self.scene.set("specular", np.maximum(self.scene.fields.get("specular"), LEAST_SPECULAR))
        self.scene.set("shininess", np.maximum(self.scene.fields.get("shininess"), LEAST_SHININESS))

    def pictures(self, camera, size):
        """(V, H, W, 4) of it all in a camera, linear RGB with straight alpha."""
        return self.traced(self.scene, camera, size)

    def traced(self, scene, camera, size):
        """(V, H, W, 4) of another ``scene``."""
        if size not in self._tracers:
            self._tracers[size] = RayTracer(size, samples=SHOWN_SAMPLES, bounces=0, background=None)
        frame = self._tracers[size].render(scene, camera)
        return straight(np.concatenate([frame.numpy("color"), frame.numpy("alpha")[..., None]], axis=-1))

    def found(self):
        """``(Light, albedo (N, 3), specular, shininess)``, in the scale of ``light``: 1 in the mean."""
        light = self._light()
        mean = light.ambient + LIT * light.color
        light = Light(light.ambient / mean, light.color / mean, light.direction)
        albedo = np.clip(self.mesh.numpy("colors")[0] * mean, 0, 1).astype(np.float32)
        specular, shininess = (float(self.scene.numpy(name)[0]) for name in OF_MATERIAL)
        return light, albedo, specular * float(mean.mean()), shininess

    def state(self):
        """What ``restored`` needs: a dict that JSON can hold, and named arrays."""
        arrays = {name: self.mesh.numpy(name) for name in ("vertices", "faces", "colors")}
        arrays |= {f"lights/{name}": self._lights.numpy(name) for name in FITTED}
        arrays |= {f"material/{name}": self.scene.numpy(name) for name in OF_MATERIAL}
        return {"steps": self.steps, "told": self._told}, arrays | {
            f"adam/{k}": v for k, v in self.optimizer.state_dict().items()
        }

    @classmethod
    def restored(cls, groups, seed, header, arrays):
        """As it was when ``state`` gave ``header`` and ``arrays``."""
        mesh = Mesh(arrays["vertices"], arrays["faces"], colors=arrays["colors"])
        colors, vectors = (arrays[f"lights/{name}"] for name in FITTED)
        fit = cls(mesh, Light(colors[0], colors[1], vectors[1]), groups, seed)
        fit._lights.fields.set("vector", vectors)  # with its length
        for name in OF_MATERIAL:
            fit.scene.set(name, arrays[f"material/{name}"])
        fit.steps, fit._told = count(header, "steps"), count(header, "told")
        fit.optimizer.load_state_dict({name: arrays[f"adam/{name}"] for name in fit.optimizer.state_dict()})
        return fit
