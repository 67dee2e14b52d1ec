"""What shading at pixels needs of a scene, and where its adjoints go: for both rasterizers."""

import taichi as ti

from taichi_dr.kernels.base.arrays import make_array
from taichi_dr.kernels.shading.light import reduce_partials
from taichi_dr.render.mesh.surface.base import TWO_SIDED_NORMALS


class Shading:
    """Lights, camera, material and texture as the arguments of ``kernels.pixel_shading``."""

    def __init__(self, buffers):
        self._buffers = buffers
        self._no_pyramid = self._no_lights = None

    def arguments(self, scene, surface):
        """The arguments of ``shade_point`` from ``camera`` to ``levels``, with stand-ins for those not used."""
        material = scene.mesh.material
        return (
            scene.camera_array,
            *self._light_arrays(scene),
            material.specular,
            material.shininess,
            scene.camera.is_orthographic,
            TWO_SIDED_NORMALS,
            *self._pyramid(surface),
        )

    def pyramid_adjoint(self, surface):
        """A zeroed array for the adjoint of the texture's pyramid; a stand-in where there is none."""
        if surface.texture is not None:
            return surface.texture.new_adjoint()
        return self._buffers.get("no_pyramid_adjoint", (1, 3))

    def add_light_adjoints(self, scene, surface, partials):
        """Adds the partial sums of the adjoints of lights and eye to those of lights and camera."""
        if surface.layout.lit:
            adjoints, orthographic = scene.lights.fields.adjoints, scene.camera.is_orthographic
            reduce_partials(partials, adjoints["color"], adjoints["vector"], scene.camera_adjoint, orthographic)

    def _light_arrays(self, scene):
        if scene.lights is not None:
            return scene.lights.kinds, scene.lights.fields.arrays["color"], scene.lights.fields.arrays["vector"]
        if self._no_lights is None:
            self._no_lights = (make_array((1,), ti.i32), make_array((1, 3)), make_array((1, 3)))
        return self._no_lights

    def _pyramid(self, surface):
        if surface.texture is not None:
            return surface.texture.pyramid, surface.texture.levels
        if self._no_pyramid is None:
            self._no_pyramid = (make_array((1, 3)), make_array((1, 3), ti.i32))
        return self._no_pyramid
