"""Pictures of a mesh by the name a user types: which mesh, from where, and what of it.

Doors: ``named_mesh.named_mesh``, ``poses.spread_angles``, ``looks``.
"""
