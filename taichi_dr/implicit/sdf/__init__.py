"""Signed distance functions: negative inside, zero on the surface.

Door: ``taichi_dr.implicit.function.DistanceFunction``, the contract that they keep.
"""
