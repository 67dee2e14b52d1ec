"""``taichi-dr reconstruct``: posed images to something that looks like them.

Doors: ``run.reconstruct``, the same whatever is reconstructed; ``kind.Kind``, what can be, and ``kinds.KINDS``, what
there is: ``mesh.MeshReconstruction``.
"""
