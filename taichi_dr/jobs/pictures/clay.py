"""Clay: what a mesh without colours of its own is shown as, darker than paper, so that light can show its shape."""

import numpy as np

from taichi_dr.scene.mesh import GREY

CLAY = (0.55, 0.47, 0.4)


def mold(mesh):
    """Makes a mesh that has neither texture nor colours, only the grey that stands for none, one of clay."""
    if not mesh.has("texture") and np.allclose(mesh.numpy("colors"), GREY):
        mesh.set("colors", CLAY)


def is_clay(mesh):
    """Whether all of a mesh is clay."""
    return not mesh.has("texture") and np.allclose(mesh.numpy("colors"), CLAY)
