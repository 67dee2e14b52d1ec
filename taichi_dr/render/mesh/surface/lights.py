"""Lights, camera and finish of a shot as the kernels of ``kernels.shading`` take them, and where adjoints go."""

from typing import Any, NamedTuple

from taichi_dr.kernels.shading.at_vertices import (
    COLOR,
    VERTEX_SCRATCH,
    columns_of,
    shade_vertices,
    shade_vertices_adjoint,
)
from taichi_dr.kernels.shading.light import Finish, Lights, partials_shape, reduce_partials
from taichi_dr.render.mesh.surface.base import Surface

# Flat shading lights the side of a face that is seen: meshes may be open, or turn inside out while they are optimised.
# Interpolated normals have no such side: where one turns away from the eye the colour would jump.
TWO_SIDED_FACES, TWO_SIDED_NORMALS = True, False


class LitColors(Surface):
    """Base of colours times light, or of the light alone: a ``term`` of ``kernels.shading.at_vertices``."""

    def __init__(self, buffers, topology, term=COLOR):
        super().__init__(buffers, topology)
        self._term, self.channels = term, columns_of(term)

    def _light(self, shot, two_sided):
        """The arguments of ``shade_vertices`` and ``shade_corners`` from ``camera`` to ``term``."""
        finish = Finish(shot.mesh.material.specular, shot.mesh.material.shininess, two_sided)
        return shot.camera_array, shot.camera.is_orthographic, *packed_lights(shot.lights), *finish, self._term

    def _shade(self, shot, points):
        """Writes ``attributes``: the colours of points with interpolated normals."""
        shade_vertices(*points, shot.views.view_mesh, *self._light(shot, TWO_SIDED_NORMALS), self.attributes)

    def _shade_adjoint(self, shot, points, attributes_adjoint, adjoints):
        """Adds to the adjoints of the points, and to those of lights and cameras."""
        views = shot.views
        shape = partials_shape(shot.lights.count, views.views, self.rows, shot.lights.arrays[1].shape[1])
        partials = self._buffers.get("light_partials", shape)
        scratch = self._buffers.get("shading_scratch", (views.views * self.rows, VERTEX_SCRATCH))
        arguments = (views.view_mesh, *views.of_mesh, *self._light(shot, TWO_SIDED_NORMALS))
        shade_vertices_adjoint(*points, *arguments, attributes_adjoint, *adjoints, partials, scratch)
        add_light_adjoints(shot, partials)


class LitPoints(NamedTuple):
    """Points that ``shade_vertices`` lights: three arrays (B*rows, 3), or their adjoints."""

    albedo: Any
    positions: Any
    normals: Any


def packed_lights(lights):
    """A ``scene.light.Lights`` as the arrays that kernels take."""
    return Lights(lights.kinds, *lights.arrays)


def add_light_adjoints(shot, partials):
    """Adds the partial sums of the adjoints of lights and eye to those of lights and camera."""
    reduce_partials(partials, *shot.lights.adjoints, shot.camera_adjoint, shot.camera.is_orthographic)
