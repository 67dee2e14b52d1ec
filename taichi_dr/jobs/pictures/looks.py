"""What a picture of a mesh can show besides its colours: its geometry, and its faces.

A look is a function of a ``Frame`` and its camera that returns RGBA (V, H, W, 4), linear, multiplied by alpha, for
``taichi_dr.render.mesh.supersample.Supersampler``.
"""

import numpy as np

LIGHT = np.array([-0.48, 0.6, 0.64])  # towards it, in the camera's axes: from the upper left, behind the camera
AMBIENT = 0.15
SURFACE = 0.5  # linear grey, well below paper
EDGE = 0.25  # how bright the edges of faces are, relative to the surface


def shape(frame, camera):
    """The geometry alone: a grey surface lit by one light that moves with the camera."""
    normals = np.einsum("vij,vhwj->vhwi", np.stack(camera.frames()[:3], axis=1), frame.numpy("normal"))
    light = AMBIENT + (1 - AMBIENT) * np.maximum(normals @ LIGHT, 0)
    alpha = frame.numpy("alpha")[..., None]
    return np.concatenate([light[..., None] * np.full(3, SURFACE) * alpha, alpha], axis=-1).astype(np.float32)


def edges(frame, camera):
    """``shape`` with dark lines, one pixel wide, where one face ends and the next begins."""
    picture, face = shape(frame, camera), frame.numpy("face_id")
    edge = np.zeros(face.shape, bool)
    edge[:, 1:] |= face[:, 1:] != face[:, :-1]
    edge[:, :, 1:] |= face[:, :, 1:] != face[:, :, :-1]
    picture[edge, :3] *= EDGE
    return picture
