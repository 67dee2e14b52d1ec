"""Lights, camera and finish of a shot as the kernels of ``kernels.shading`` take them, and where adjoints go."""

from taichi_dr.kernels.shading.light import Finish, Lights, reduce_partials
from taichi_dr.render.mesh.surface.base import Surface

# Flat shading lights the side of a face that is seen: meshes may be open, or turn inside out while they are optimised.
# Interpolated normals have no such side: where one turns away from the eye the colour would jump.
TWO_SIDED_FACES, TWO_SIDED_NORMALS = True, False


class LitColors(Surface):
    """Base of colours times light: of ``albedo``, which has an adjoint to add to, or else of the mesh's colours."""

    def __init__(self, buffers, topology, albedo=None, albedo_adjoint=None):
        super().__init__(buffers, topology)
        self._albedo, self._albedo_adjoint = albedo, albedo_adjoint

    def _albedo_of(self, mesh):
        return mesh.fields.arrays["colors"] if self._albedo is None else self._albedo

    def _albedo_adjoint_of(self, mesh):
        return mesh.fields.adjoints["colors"] if self._albedo is None else self._albedo_adjoint


def packed_lights(lights):
    """A ``scene.light.Lights`` as the arrays that kernels take."""
    arrays = lights.fields.arrays
    return Lights(lights.kinds, arrays["color"], arrays["vector"])


def light_arguments(shot, two_sided):
    """The arguments of ``shade_vertices`` and ``shade_corners`` from ``camera`` to ``two_sided``."""
    finish = Finish(shot.mesh.material.specular, shot.mesh.material.shininess, two_sided)
    return shot.camera_array, shot.camera.is_orthographic, *packed_lights(shot.lights), *finish


def add_light_adjoints(shot, partials):
    """Adds the partial sums of the adjoints of lights and eye to those of lights and camera."""
    adjoints = shot.lights.fields.adjoints
    reduce_partials(partials, adjoints["color"], adjoints["vector"], shot.camera_adjoint, shot.camera.is_orthographic)
