"""Wavefront OBJ with MTL materials.

Doors: ``read.read_obj``, ``write.write_obj``.
"""

from taichi_dr.io.obj.read import read_obj
from taichi_dr.io.obj.write import write_obj

__all__ = ["read_obj", "write_obj"]
