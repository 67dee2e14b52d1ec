"""What shading at pixels needs of a shot, and where its adjoints go: for both rasterizers."""

import taichi as ti

from taichi_dr.kernels.shading.at_points import PointShading
from taichi_dr.kernels.shading.light import Finish, Lights
from taichi_dr.render.mesh.surface.lights import TWO_SIDED_NORMALS, add_light_adjoints, packed_lights


class Shading:
    """Lights, camera, material and texture as the ``PointShading`` of ``kernels.shading``."""

    def __init__(self, buffers):
        self._buffers = buffers

    def of(self, shot, surface):
        """The ``PointShading`` of a shot, with stand-ins for arrays that are not used."""
        material = shot.mesh.material
        return PointShading(
            shot.camera_array,
            shot.camera.is_orthographic,
            self._lights(shot),
            Finish(material.specular, material.shininess, TWO_SIDED_NORMALS),
            *self._pyramid(surface),
            surface.layout,
        )

    def pyramid_adjoint(self, surface):
        """A zeroed array for the adjoint of the texture's pyramid; a stand-in where there is none."""
        if surface.texture is not None:
            return surface.texture.new_adjoint()
        return self._buffers.get("no_pyramid_adjoint", (1, 3))

    def add_light_adjoints(self, shot, surface, partials):
        """Adds the partial sums of the adjoints of lights and eye to those of lights and camera."""
        if surface.layout.lit:
            add_light_adjoints(shot, partials)

    def _lights(self, shot):
        if shot.lights is not None:
            return packed_lights(shot.lights)
        row = self._buffers.get("no_light", (1, 3))
        return Lights(self._buffers.get("no_light_kind", (1,), ti.i32), row, row)

    def _pyramid(self, surface):
        if surface.texture is not None:
            return surface.texture.pyramid, surface.texture.levels, surface.texture.first_levels
        unread = self._buffers.get("no_levels", (1, 6), ti.i32), self._buffers.get("no_first_levels", (1,), ti.i32)
        return self._buffers.get("no_pyramid", (1, 3)), *unread
