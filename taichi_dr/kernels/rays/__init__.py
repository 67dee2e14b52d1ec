"""Rays and triangles: a hierarchy of boxes, and what rays meet in it first.

Doors: ``bvh.BVH``, ``closest.closest``, ``closest.occluded``, ``packets.closest``; ``solids.closest_solids``.
"""
