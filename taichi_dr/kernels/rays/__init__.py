"""Rays and triangles: a hierarchy of boxes, and what rays meet in it first.

Doors: ``bvh.BVH``, ``closest.closest``, ``closest.occluded``, ``packets.closest``; ``solids.closest_solids``;
``light_samples.sample_light``; ``primary_edges.accumulate`` and
``shadow_edges.accumulate``, what moving outlines do to pixels.
"""
