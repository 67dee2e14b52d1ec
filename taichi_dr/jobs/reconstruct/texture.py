"""The texture of a reconstruction: baked from its images, then optimised in them; the shape stays as it is."""

import numpy as np
import taichi as ti

from taichi_dr import losses
from taichi_dr.jobs.reconstruct.checkpoint import count
from taichi_dr.jobs.reconstruct.loss_terms import STEPS_BETWEEN_RECORDS, add_terms
from taichi_dr.optim.optimizers import Adam
from taichi_dr.render.mesh.rasterizer import Rasterizer
from taichi_dr.runtime import float_dtype
from taichi_dr.scene.mesh import Mesh
from taichi_dr.texture.atlas import Atlas, make_atlas
from taichi_dr.texture.bake import Bake
from taichi_dr.texture.inpaint import inpaint

LR, LAST_LR = 3e-3, 3e-4
LEAST_PIXEL = 0.02  # what a step shows less of moves less: coarse levels of a texture have a part in every texel


class TextureFit:
    """A texture on its way, for a mesh that has vertex colours, in the pictures of ``groups``, a ``ViewGroups``.

    A texel begins as the mean of the pictures that it is seen in; those that are seen in none continue the colours
    around them.  Then the absolute difference between pictures and renders, over random backgrounds, is made less.
    """

    def __init__(self, mesh, groups, seed, size):
        self._begin(mesh, groups, seed, *_baked(mesh, groups, size))

    @classmethod
    def restored(cls, mesh, groups, seed, header, arrays):
        """As it was when ``state`` gave ``header`` and ``arrays``."""
        fit = cls.__new__(cls)
        size = len(arrays["texture"])
        atlas = Atlas(arrays["uv"], arrays["uv_faces"], arrays["chart"], size, header["method"])
        fit._begin(mesh, groups, seed, atlas, arrays["texture"], count(header, "unseen"))
        fit._step = count(header, "step")
        fit._optimizer.load_state_dict({name: arrays[f"adam/{name}"] for name in fit._optimizer.state_dict()})
        return fit

    def _begin(self, mesh, groups, seed, atlas, texture, unseen):
        self._groups, self._seed, self._atlas, self._unseen = groups, seed, atlas, unseen
        arguments = {"uv": atlas.uv, "uv_faces": atlas.uv_faces, "texture": texture, "name": mesh.name}
        self.mesh = Mesh(mesh.numpy("vertices"), mesh.numpy("faces"), **arguments)
        self._renderer = Rasterizer(groups.size, antialias=True)
        self._loss = ti.field(float_dtype(), shape=(), needs_grad=True)
        self._step, self._rate = 0, 1.0
        schedule = lambda step: self._rate  # noqa: E731  the rate follows the budget, not the step
        parameters = {"texture": self.mesh.variable("texture")}
        eps = LEAST_PIXEL / groups.at(0).colors.size  # the loss is the mean over so many numbers
        self._optimizer = Adam(parameters, lr=LR, betas=(0.9, 0.99), eps=eps, schedule=schedule)

    def step(self, fraction):
        """One update from one group of views, at this fraction of the texture's share of the budget.

        Returns whether the texture has changed (it has not if a gradient is not finite), and every few steps the loss
        by its name.
        """
        record = {} if self._step % STEPS_BETWEEN_RECORDS == 0 else None
        camera, colors, alpha = self._groups.at(self._step)
        background = np.random.default_rng([self._seed, self._step, 2]).uniform(size=3)
        self._renderer.background = tuple(background.tolist())
        target = colors + background.astype(np.float32) * (1 - alpha[..., None])
        self._loss[None] = 0
        with ti.ad.Tape(self._loss):
            frame = self._renderer.render(self.mesh, camera)
            color = frame.variable("color")
            add_terms(self._loss, {"color": lambda: losses.l1(color, target, self._loss)}, record)
        self._rate = (LAST_LR / LR) ** fraction
        moved = self._optimizer.step()
        self.mesh.set("texture", np.clip(self.mesh.numpy("texture"), 0, 1))
        self._step += 1
        return moved, record

    def describe(self):
        """What ``metrics.json`` says about the texture."""
        return {
            "size": self._atlas.size,
            "charts_by": self._atlas.method,
            "charts": int(self._atlas.chart.max()) + 1,
            "texels": len(self._atlas.known),
            "texels_that_no_image_shows": self._unseen,
        }

    def state(self):
        """What ``restored`` needs: a dict that JSON can hold, and named arrays."""
        header = {"method": self._atlas.method, "unseen": self._unseen, "step": self._step}
        arrays = {"uv": self._atlas.uv, "uv_faces": self._atlas.uv_faces, "chart": self._atlas.chart}
        arrays["texture"] = self.mesh.numpy("texture")
        return header, arrays | {f"adam/{name}": value for name, value in self._optimizer.state_dict().items()}


def _baked(mesh, groups, size):
    """``(atlas, texture, unseen)``: texture coordinates, a texture (size, size, 3), and how many of the texels that
    show the mesh no picture shows."""
    vertices, faces = mesh.numpy("vertices")[0], mesh.topology.faces
    atlas = make_atlas(vertices, faces, size)
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    bake = Bake(atlas.at_texels(corners), normals[atlas.texels.face[atlas.known]])
    renderer = Rasterizer(groups.size)
    for camera, pictures, alpha in groups:
        depth = renderer.render(mesh, camera).numpy("depth")
        bake.add(camera, depth, np.concatenate([pictures, alpha[..., None]], axis=-1))
    baked, seen = bake.colors()
    around, known = atlas.at_vertices(baked, seen, mesh.topology)
    around = inpaint(np.where(known[:, None], around, mesh.numpy("colors")[0]), known, mesh.topology.edges)
    texture = atlas.picture(np.where(seen[:, None], baked, atlas.at_texels(around[faces])))
    return atlas, texture, int((~seen).sum())
