"""A scene as the kernels take it: one big mesh, one list of solids, one table of materials; and back."""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.gather import gather_corners
from taichi_dr.kernels.rays.bvh import BVH
from taichi_dr.kernels.rays.solid_boxes import SolidBoxes
from taichi_dr.kernels.rays.sums import (
    CORNER,
    PIECE,
    SHARES,
    add_ends,
    add_pieces,
    add_rows,
    gather_materials,
    place_rows,
    sort_rays,
    split_shares,
    tally_columns,
)
from taichi_dr.kernels.rays.surface import EMISSION, MATERIALS, UNLIT, Surfaces
from taichi_dr.kernels.shading.normals import vertex_normals, vertex_normals_adjoint
from taichi_dr.render.rays.implicit import Implicit, ImplicitStage
from taichi_dr.scene.analytic import Solid
from taichi_dr.scene.mesh import Mesh
from taichi_dr.scene.texture import NO_TEXTURE, codes
from taichi_dr.scene.topology import topology_of

NONE = np.zeros((1, 3), np.int32)
"""A face without area, which no ray meets: Taichi has no empty arrays."""

NO_SOLID = -1


class Things:
    """What rays of a scene can meet, and the sums of what they have for it."""

    def __init__(self, buffers, scene):
        self._buffers, self.scene = buffers, scene
        things = (*scene.objects, *scene.area_lights)
        self.meshes = [thing for thing in things if isinstance(thing, Mesh)]
        self.shapes = [thing for thing in things if not isinstance(thing, Mesh)]
        self._solids = {i: shape for i, shape in enumerate(self.shapes) if isinstance(shape, Solid)}
        self._numbers = {id(thing): i for i, thing in enumerate(things)}
        self._lay_out(things)
        self._bvh, self._built = BVH(), False
        self.implicits = [
            ImplicitStage(buffers, shape, self.face_count + i, self._numbers[id(shape)])
            for i, shape in enumerate(self.shapes)
            if isinstance(shape, Implicit)
        ]

    def _lay_out(self, things):
        """Everything that does not change with the numbers."""
        rows = {name: _firsts(self.meshes, count) for name, count in COUNTS.items()}
        self._firsts = {name: first for name, (first, _) in rows.items()}
        sizes = {name: max(1, total) for name, (_, total) in rows.items()}
        self._sizes = sizes
        self.topology = _joined([mesh.topology for mesh in self.meshes], self._firsts["vertices"], sizes["vertices"])
        own = [mesh.color_topology if mesh.has_colors else _one_row(mesh) for mesh in self.meshes]
        self.color_topology = _joined(own, self._firsts["colors"], sizes["colors"])
        flat = [mesh.uv_topology or _one_row(mesh) for mesh in self.meshes]
        self.uv_topology = _joined(flat, self._firsts["uv"], sizes["uv"])
        self.face_count = len(self.topology.faces)
        self.solid_count = max(1, len(self.shapes))
        owner, first_codes, at = [], np.zeros((len(things), 2), np.int32), 0
        for mesh in self.meshes:
            owner += [self._numbers[id(mesh)]] * mesh.face_count
            first_codes[self._numbers[id(mesh)]] = at, at + mesh.face_count
            at += mesh.face_count
        owner = owner or [0]
        for i, shape in enumerate(self.shapes):
            owner.append(self._numbers[id(shape)])
            first_codes[self._numbers[id(shape)]] = self.face_count + i, self.face_count + i + 1
        owner += [0] * (self.face_count + self.solid_count - len(owner))
        self.objects, self._first_codes = array_from(owner, ti.i32), array_from(first_codes, ti.i32)
        self.numbers = array_from(np.arange(len(owner)) - first_codes[owner, 0], ti.i32)
        self._white = array_from([[1.0, 1.0, 1.0]])
        self._unlit = array_from([[float(_is_unlit(thing))] for thing in things])
        is_smooth = np.array([_is_smooth(thing) for thing in things])
        self.smooth, self.is_smooth = array_from(is_smooth, ti.i32), is_smooth[np.array(owner)].astype(bool)
        counts = [mesh.vertex_count for mesh in self.meshes] or [1]
        self.mesh_of_vertex = np.repeat(np.arange(len(counts)), counts)
        self.rows_of_lights = range(len(self.shapes) - len(self.scene.area_lights), len(self.shapes))
        kinds = [shape.kind for shape in self.shapes] or [NO_SOLID]
        self.kinds, self.solid_boxes = array_from(kinds, ti.i32), SolidBoxes(kinds)
        tables, chosen, known = [], [], 0
        for mesh, first in zip(self.meshes, self._firsts["texture"], strict=True):
            shown = mesh.face_textures
            if shown is None:
                shown = np.full(mesh.face_count, 0 if mesh.has("texture") else NO_TEXTURE)
            chosen.append(np.where(shown == NO_TEXTURE, NO_TEXTURE, shown + known))
            for (height, width), wrap in zip(mesh.texture_sizes, mesh.texture_wraps, strict=True):
                tables.append((first, width, height, known, *codes(wrap)))
                first, known = first + height * width, known + 1
        self.textures = array_from(tables or [(0, 1, 1, 0, 0, 0)], ti.i32)
        self.face_textures = array_from(np.concatenate(chosen) if chosen else [NO_TEXTURE], ti.i32)

    @property
    def inputs(self):
        """Everything that has adjoints."""
        owned = [thing.fields for thing in (*self.meshes, *self._solids.values())]
        of_functions = [given for shape in self.shapes if isinstance(shape, Implicit) for given in shape.inputs]
        return [self.scene.fields, *owned, *of_functions]

    def pull(self, element=0):
        """Makes the big arrays hold the inputs' numbers, of batches one element's, and the hierarchy fit them."""
        get, sizes = self._buffers.get, self._sizes
        arrays = {name: get(name, (sizes[name], columns)) for name, columns in COLUMNS.items()}
        for name, array in arrays.items():
            for mesh, first in zip(self.meshes, self._firsts[name], strict=True):
                if _owns(mesh, name):
                    source = mesh.fields.arrays[name]
                    start, count = _rows_of(mesh, name, source, element)
                    place_rows(source, start, count, array, first, 0)
                elif name == "colors":
                    place_rows(self._white, 0, 1, array, first, 0)
        solids, materials = get("solids", (self.solid_count, 9)), get("materials", (self.scene.count, MATERIALS))
        place_rows(self.scene.fields.arrays["materials"], 0, self.scene.count, materials, 0, 0)
        place_rows(self._unlit, 0, self.scene.count, materials, 0, UNLIT)
        for i, shape in self._solids.items():
            place_rows(shape.fields.arrays["shape"], 0, 1, solids, i, 0)
        for light in self.scene.area_lights:
            place_rows(light.fields.arrays["radiance"], 0, 1, materials, self._numbers[id(light)], EMISSION)
        normals = get("normals", (sizes["vertices"], 3))
        faces = self.topology.array("faces")
        vertex_normals(arrays["vertices"], faces, *self.topology.corners(), normals, 1)
        self.surfaces = Surfaces(
            arrays["vertices"], faces, normals, arrays["colors"], self.color_topology.array("faces"), arrays["uv"],
            self.uv_topology.array("faces"), arrays["texture"], self.textures, self.face_textures, self.objects,
            self.smooth, solids, self.kinds, materials,
        )  # fmt: skip
        self.solid_boxes.build(solids, self.kinds)
        if self._built:
            self._bvh.refit(arrays["vertices"], faces)
        else:
            self._bvh.build(arrays["vertices"], faces)
            self._built = True

    @property
    def bvh(self):
        """The hierarchy around the faces."""
        return self._bvh

    def zero_sums(self):
        """Begins a sum over batches of rays."""
        codes = self.face_count + self.solid_count
        self._shares = self._buffers.zeroed("shares", (codes, SHARES))
        self.texels_adjoint = self._buffers.zeroed("texels_adjoint", self.surfaces.texels.shape)

    def add(self, what, hits, back, count):
        """Adds what rays have for what they meet."""
        codes = self.face_count + self.solid_count
        tally = self._buffers.get("tally", (codes, tally_columns(count, codes)), ti.i32)
        order = self._buffers.at_least("order", count, ti.i32)
        found = sort_rays(what, count, tally, order)
        if found:
            pieces = -(-found // PIECE)
            ends = self._buffers.at_least("ends_of_pieces", pieces, ti.i32, columns=(2,))
            end_shares = self._buffers.at_least("end_shares", 2 * pieces, columns=(SHARES,))
            add_pieces(order, found, what, hits, back, self.face_count, self._shares, ends, end_shares)
            add_ends(found, ends, end_shares, self._shares)

    def push(self, element=0):
        """Adds the sums to the inputs' adjoints."""
        zeroed, sizes = self._buffers.zeroed, self._sizes
        corners = self._buffers.get("corners_adjoint", (3 * self.face_count, CORNER))
        solids = self._buffers.get("solids_adjoint", (self.solid_count, 9))
        materials = self._buffers.get("materials_adjoint", (self.scene.count, MATERIALS))
        split_shares(self._shares, self.face_count, corners, solids)
        gather_materials(self._shares, self._first_codes, materials)
        adjoints = {name: zeroed(f"{name}_adjoint", (sizes[name], columns)) for name, columns in COLUMNS.items()}
        adjoints["texture"] = self.texels_adjoint
        faces = self.face_count
        gather_corners(corners, 0, 3, *self.topology.corners(), adjoints["vertices"], 1, faces)
        normals_adjoint = zeroed("normals_adjoint", (sizes["vertices"], 3))
        gather_corners(corners, 3, 3, *self.topology.corners(), normals_adjoint, 1, faces)
        gather_corners(corners, 6, 3, *self.color_topology.corners(), adjoints["colors"], 1, faces)
        gather_corners(corners, 9, 2, *self.uv_topology.corners(), adjoints["uv"], 1, faces)
        scratch = self._buffers.get("normal_sum_adjoint", (sizes["vertices"], 3))
        shape = self.surfaces.vertices, self.surfaces.faces, *self.topology.corners()
        vertex_normals_adjoint(*shape, normals_adjoint, scratch, adjoints["vertices"], 1)
        for name, adjoint in adjoints.items():
            self._push(name, adjoint, element)
        self.push_solids(solids)
        for light in self.scene.area_lights:
            add_rows(materials, self._numbers[id(light)], EMISSION, 1, light.fields.adjoints["radiance"], 0)
        add_rows(materials, 0, 0, self.scene.count, self.scene.fields.adjoints["materials"], 0)

    def push_vertices(self, adjoint, element=0):
        """Adds the adjoint (at least N, 3) of all vertices to the meshes'."""
        self._push("vertices", adjoint, element)

    def push_solids(self, adjoint):
        """Adds the adjoint (S, 9) of all solids to theirs."""
        for i, shape in self._solids.items():
            add_rows(adjoint, i, 0, 1, shape.fields.adjoints["shape"], 0)

    def _push(self, name, adjoint, element):
        for mesh, first in zip(self.meshes, self._firsts[name], strict=True):
            if _owns(mesh, name):
                target = mesh.fields.adjoints[name]
                start, count = _rows_of(mesh, name, target, element)
                add_rows(adjoint, first, 0, count, target, start)


COLUMNS = {"vertices": 3, "colors": 3, "uv": 2, "texture": 3}
COUNTS = {
    "vertices": lambda mesh: mesh.vertex_count,
    "colors": lambda mesh: mesh.color_topology.rows if mesh.has_colors else 1,
    "uv": lambda mesh: mesh.uv_topology.rows if mesh.uv_topology else 1,
    "texture": lambda mesh: int(np.prod(mesh.fields.layouts["texture"].shape)) if mesh.has("texture") else 0,
}
"""Rows that a mesh has of each array."""


def _owns(mesh, name):
    """Whether rays see numbers that the mesh has of an array."""
    return mesh.has_colors if name == "colors" else mesh.has(name)


def _one_row(mesh):
    """The topology in which all corners have row 0."""
    return topology_of(np.zeros_like(mesh.topology.faces), 1)


def _firsts(meshes, count):
    """The first row of each mesh, and how many there are."""
    counts = [count(mesh) for mesh in meshes]
    return np.cumsum([0, *counts])[:-1].tolist(), sum(counts)


def _joined(topologies, firsts, rows):
    """The topology of all meshes together."""
    faces = [topology.faces + first for topology, first in zip(topologies, firsts, strict=True)]
    return topology_of(np.concatenate(faces) if faces else NONE, rows)


def _rows_of(mesh, name, array, element):
    """(first row, rows) of one element of a mesh's array; texture and texture coordinates are the same for all."""
    if name in ("uv", "texture") or mesh.batch == 1:
        return 0, array.shape[0]
    count = array.shape[0] // mesh.batch
    return element * count, count


def _is_smooth(thing):
    return int(isinstance(thing, Mesh) and thing.material.shading in ("gouraud", "phong"))


def _is_unlit(thing):
    return isinstance(thing, Mesh) and thing.material.shading == "none"
