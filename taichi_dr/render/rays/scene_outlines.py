"""The outlines of a scene, and what they imply for its meshes and solids."""

import numpy as np
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array, write_array
from taichi_dr.kernels.rays.outlines import Outlines, edges_of_mesh, edges_of_rectangle, edges_of_sphere
from taichi_dr.kernels.rays.solids import COLUMNS, RECTANGLE, SPHERE
from taichi_dr.kernels.rays.sums import place_rows
from taichi_dr.render.rays.primary_edges import Moved

SIGNS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])  # of a rectangle's corners ``center + a u + b v``: a and b
SMOOTH = 0.25  # what an edge counts where normals are interpolated, as a share of what it counts between flat faces
SEAM = 0.5  # what an edge counts at least whose faces have colours or texture coordinates of their own


class SceneOutlines:
    """Edges of meshes and rectangles, and circles around spheres: which there are is found once for ``Things``.

    Vertices of one mesh at one place move as one: each gets the same share of what their edges imply.
    """

    def __init__(self, things):
        self._things = things
        vertices = things.surfaces.vertices.to_numpy()
        mesh = edges_of_mesh(np.column_stack([things.mesh_of_vertex, vertices]), things.topology.faces)
        kinds = np.array([shape.kind for shape in things.shapes], int)
        self._rectangles = np.flatnonzero(kinds == RECTANGLE)
        rectangles = [edges_of_rectangle(len(vertices) + 4 * i) for i in range(len(self._rectangles))]
        circles = [edges_of_sphere(row) for row in np.flatnonzero(kinds == SPHERE)]
        self.edges = np.concatenate([mesh.edges, *rectangles, *circles])
        self._corners, self._first = mesh.corners, mesh.first
        self._copies = np.bincount(mesh.first, minlength=len(vertices))
        self._least = SEAM * self._is_seam()
        if len(self.edges):
            self._edges = array_from(self.edges, ti.i32)
            self._points = make_array((len(vertices) + 4 * len(self._rectangles), 3))

    def pull(self):
        """(``Outlines``, folds) of the scene as it is now; see ``primary_edges.measure``."""
        surfaces = self._things.surfaces
        vertices, solids = surfaces.vertices, surfaces.solids.to_numpy()
        place_rows(vertices, 0, vertices.shape[0], self._points, 0, 0)
        if len(self._rectangles):
            middle, sides = np.split(solids[self._rectangles].reshape(-1, 1, 3, 3), [1], axis=2)
            corners = middle[:, :, 0] + np.einsum("ka,rkac->rkc", SIGNS, np.repeat(sides, 4, axis=1))
            place_rows(array_from(corners.reshape(-1, 3)), 0, corners.size // 3, self._points, vertices.shape[0], 0)
        return Outlines(self._edges, self._points, surfaces.solids), array_from(self._folds(vertices.to_numpy()))

    def new_moved(self, camera_adjoint):
        """Adjoints to add to."""
        solids = make_array((self._things.solid_count, COLUMNS))
        return Moved(make_array(self._points.shape), solids, camera_adjoint)

    def push(self, moved, element):
        """Adds what there is for points and solids to the inputs' adjoints."""
        points, solids = moved.points.to_numpy(), moved.solids.to_numpy()
        count = len(self._first)
        of_corners = points[count:].reshape(-1, 4, 3)
        solids[self._rectangles, 0:3] += of_corners.sum(axis=1)
        for side, first in enumerate((3, 6)):
            solids[self._rectangles, first : first + 3] += np.einsum("k,rkc->rc", SIGNS[:, side], of_corners)
        together = np.stack([np.bincount(self._first, points[:count, c], minlength=count) for c in range(3)], axis=1)
        write_array(
            moved.points,
            np.concatenate([(together / np.maximum(self._copies, 1)[:, None])[self._first], points[count:]]),
        )
        write_array(moved.solids, solids)
        self._things.push_vertices(moved.points, element)
        self._things.push_solids(moved.solids)

    def _folds(self, vertices):
        """(E,): how different two faces of an edge look; 0 where there are none, or they are in one plane."""
        things, has_two = self._things, self._corners[:, 2] >= 0
        a, b, c = vertices[things.topology.faces].transpose(1, 0, 2).astype(np.float64)
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
        faces = np.maximum(self._corners[:, [0, 2]], 0) // 3
        one, other = normals[faces[:, 0]], normals[faces[:, 1]]
        bent = np.linalg.norm(np.cross(one, other), axis=1)
        bent = np.where((one * other).sum(axis=1) < 0, 1.0, bent) * np.where(things.is_smooth[faces[:, 0]], SMOOTH, 1.0)
        folds = np.zeros(len(self.edges))
        folds[: len(bent)] = np.where(has_two, np.maximum(np.where(bent > FLAT, bent, 0.0), self._least), 0.0)
        return folds

    def _is_seam(self):
        """Whether an edge's two faces have rows of colours, or of texture coordinates, of their own."""
        corners, is_seam = self._corners, np.zeros(len(self._corners), bool)
        for topology in (self._things.color_topology, self._things.uv_topology):
            rows = topology.faces.reshape(-1)
            is_seam |= (rows[corners[:, :2]] != rows[corners[:, 2:]]).any(axis=1)
        return is_seam & (corners[:, 2] >= 0)


FLAT = 1e-5  # sine of the angle between two faces, below which they are in one plane
