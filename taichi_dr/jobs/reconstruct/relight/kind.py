"""Posed images to a mesh without light in its colours, the light, and a highlight: through the ray tracer."""

import numpy as np

from taichi_dr.io.files import write_json
from taichi_dr.io.meshes import save_mesh
from taichi_dr.jobs.pictures import looks
from taichi_dr.jobs.reconstruct.checkpoint import below, count
from taichi_dr.jobs.reconstruct.kind import Kind
from taichi_dr.jobs.reconstruct.light import described
from taichi_dr.jobs.reconstruct.mesh import MeshReconstruction
from taichi_dr.jobs.reconstruct.relight.fit import LightFit
from taichi_dr.jobs.reconstruct.relight.picture import write_picture
from taichi_dr.jobs.reconstruct.relight.start import shown_mesh
from taichi_dr.jobs.reconstruct.relight.tell import tell_light
from taichi_dr.jobs.reconstruct.result_start import is_result
from taichi_dr.jobs.reconstruct.skipped_steps import SkippedSteps
from taichi_dr.jobs.reconstruct.view_groups import ViewGroups, unit_camera
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.scene.mesh import Mesh

SHAPE_SHARE = 0.6  # of the budget, unless another's shape is kept
LARGEST = 256  # pixels of the longer side of what is traced
LIGHT_FILE, PICTURE = "light.json", "light.png"


class LightReconstruction(Kind):
    """A mesh on its way (``MeshReconstruction``), or another's result, and then a ``LightFit`` on it, as it is."""

    FILES = ("mesh.obj", "mesh.ply", "mesh.glb", LIGHT_FILE, PICTURE)

    def __init__(self, settings, train, fit):
        self._settings, self._train, self._fit = settings, train, fit
        self._skipped = SkippedSteps("another --init or --seed may avoid that")
        self._shape, self._lit, self._changed = None, None, False
        self._samplers, self._shown, self._groups = {}, {}, None

    @staticmethod
    def check(settings):
        """As of ``MeshReconstruction``."""
        MeshReconstruction.check(settings)

    @property
    def plan(self):
        """A line on what will be done."""
        light = "light, albedo and a highlight by the ray tracer, with shadows"
        if is_result(self._settings.init):
            return f"the shape of {self._settings.init}, kept; {light}"
        return f"first a mesh, in {SHAPE_SHARE:.0%} of the budget; then {light}"

    @property
    def caption(self):
        """Of the mesh's, or what is being found."""
        return self._shape.caption if self._lit is None else f"light on {self._lit.mesh.face_count} faces"

    def start(self):
        """Begins with the shape that the settings name."""
        if is_result(self._settings.init):
            self._begin_light(shown_mesh(self._settings.init, self._fit, self._train, self._settings.faces))
        else:
            self._shape = self._new_shape()
            self._shape.start()

    def _new_shape(self):
        own = self._settings
        same = {name: getattr(own, name) for name in ("init", "faces", "size", "seed")}
        return MeshReconstruction(MeshSettings(own.data, own.out, **same), self._train, self._fit)

    def _begin_light(self, shown):
        light, albedo = tell_light(shown, shown.numpy("colors")[0].astype(np.float64), [self._settings.seed, 0])
        mesh = Mesh(shown.numpy("vertices"), shown.topology.faces, colors=albedo, name="reconstruction")
        self._lit, self._changed = LightFit(mesh, light, self._views(), self._settings.seed), True

    def _views(self):
        if self._groups is None:
            own = max(self._train.height, self._train.width)
            posed = self._train.resized(min(self._settings.size or LARGEST, own))
            self._groups = ViewGroups(posed, self._settings.batch, [self._settings.seed, 1])
        return self._groups

    def changed(self):
        """Whether a new level, or the light, has begun since this was last asked."""
        changed, self._changed = self._changed, False
        return changed or (self._lit is None and self._shape.changed())

    def step(self, fraction):
        """One update of the shape, or of the light; every few steps returns the losses.

        Raises:
            GradientError: too many steps in a row had gradients that are not finite.
        """
        share = 0.0 if self._shape is None else SHAPE_SHARE
        if fraction < share:
            self._lit = None  # of a run that was resumed with a larger budget
            return self._shape.step(fraction / share)
        if self._lit is None:
            self._begin_light(self._shape.mesh)
        moved, record = self._lit.step((fraction - share) / (1 - share))
        self._skipped.note(moved)
        return record

    def pictures(self, posed):
        """What it looks like in the cameras of ``posed``: ray traced once the light is looked for."""
        if self._lit is None:
            return self._shape.pictures(posed)
        return self._lit.pictures(self._camera(posed), (posed.height, posed.width))

    def variants(self, posed):
        """None."""
        return {}

    def shape(self, posed):
        """``pictures`` of its geometry alone, grey."""
        return self._looked(posed, looks.shape)

    def portrait(self, near):
        """Its faces from near."""
        return f"{self._mesh().face_count:,} faces", self._looked(near, looks.edges)[0]

    def _looked(self, posed, look):
        size = (posed.height, posed.width)
        if size not in self._samplers:
            self._samplers[size] = Supersampler(size, samples=3)
        return self._samplers[size].render(self._mesh(), self._camera(posed), look=look)

    def _camera(self, posed):
        if id(posed) not in self._shown:  # a camera for every picture would cost compiling
            self._shown[id(posed)] = posed, unit_camera(posed)
        return self._shown[id(posed)][1]

    def _mesh(self):
        return self._shape.mesh if self._lit is None else self._lit.mesh

    def export(self, folder):
        """Writes the mesh in world units with its albedo, the light, and a picture of both; returns the names.

        If Ctrl-C came before there was any light, it is the one that the colours tell.
        """
        if self._lit is None:
            self._begin_light(self._shape.mesh)
        light, albedo, specular, shininess = self._lit.found()
        points = self._fit.to_world(self._lit.mesh.numpy("vertices"))
        world = Mesh(points, self._lit.mesh.topology.faces, colors=albedo, name="reconstruction")
        for name in ("mesh.obj", "mesh.ply", "mesh.glb"):
            save_mesh(world, folder / name)
        highlight = {"specular": specular, "shininess": shininess}
        write_json(folder / LIGHT_FILE, described(light) | {"highlight": highlight})
        write_picture(folder / PICTURE, self._lit, self._train)
        return list(self.FILES)

    def describe(self):
        """What ``metrics.json`` says about the model."""
        mesh = self._mesh()
        about = {"vertices": mesh.vertex_count, "faces": mesh.face_count, "skipped_steps": self._skipped.count}
        if self._lit is None:
            return about
        light, _, specular, shininess = self._lit.found()
        return about | {"light": described(light), "highlight": {"specular": specular, "shininess": shininess}}

    def state(self):
        """That of the mesh on its way, if there is one, and of the light, if there is one."""
        header, arrays = {"skipped": self._skipped.count}, {}
        for name, part in (("shape", self._shape), ("light", self._lit)):
            if part is not None:
                header[name], own = part.state()
                arrays |= {f"{name}/{key}": value for key, value in own.items()}
        return header, arrays

    def restore(self, header, arrays):
        """Begins where ``state`` left off."""
        if "shape" in header:
            self._shape = self._new_shape()
            self._shape.restore(header["shape"], below("shape", arrays))
        elif "light" not in header:
            raise KeyError("light")
        if "light" in header:
            given = header["light"], below("light", arrays)
            self._lit = LightFit.restored(self._views(), self._settings.seed, *given)
        self._skipped.count = count(header, "skipped")
        self._changed = False
