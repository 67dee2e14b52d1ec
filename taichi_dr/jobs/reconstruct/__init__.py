"""``taichi-dr reconstruct``: posed images to something that looks like them.

Door: ``run.reconstruct``, the same for every kind of reconstruction; ``mesh.MeshReconstruction`` is the kind ``mesh``.
"""
