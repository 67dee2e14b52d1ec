"""Wavefront OBJ with MTL materials: what its artist saw, as triangles, colours and textures.

``lines`` cuts files into lines, ``contents`` makes arrays of OBJ's and ``colors`` those of its vertices; ``mtl`` reads
materials, ``picture`` the pictures that they name and ``find`` finds; ``paint`` says what each face looks like.

Doors: ``read.read_obj``, ``write.write_obj``.
"""

from taichi_dr.io.obj.read import read_obj
from taichi_dr.io.obj.write import write_obj

__all__ = ["read_obj", "write_obj"]
