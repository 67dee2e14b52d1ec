"""What must not be rendered: shots of numbers that are not finite, and cameras that define no image."""

from taichi_dr.errors import GeometryError
from taichi_dr.kernels.base.checks import all_usable


def check_shot(shot):
    """Looks at what the stages of geometry and surface have written, and at the lights, of which a bad one would just
    be dark: in one launch, in two or three with lights and textures.

    Raises:
        GeometryError: a vertex, a colour, a texture coordinate or a texel that is not finite (which one, its value).
        CameraError: a camera that defines no image; the message names the view.
        InputError: a light that is not finite, or a directional one of length zero.
    """
    if _is_usable(shot):
        return
    shot.mesh.check()
    shot.camera.check()
    if shot.lights is not None:
        shot.lights.check()
    raise GeometryError(f"{shot.mesh.name}: coordinates or colours too large to render (above 1e30)")


def _is_usable(shot):
    lights = () if shot.lights is None else shot.lights.arrays
    arrays = [shot.clip, *shot.surface.checked_arrays(shot), *lights]
    for one, other in zip(arrays[::2], arrays[1::2] + arrays[-1:], strict=False):
        if not all_usable(one, other):
            return False
    texture = shot.surface.texture
    if texture is None:
        return True
    alone = len(shot.mesh.texture_sizes) == 1 and shot.mesh.face_textures is None
    first = texture.pyramid.shape[0] - 1 if alone else 0  # the mean of all texels is enough
    return all_usable(texture.pyramid, texture.pyramid, first=first)
