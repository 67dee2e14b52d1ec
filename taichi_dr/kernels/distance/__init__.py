"""Distances at the nodes of a grid, which stand at ``(i hx, j hy, k hz)``; nothing here has a gradient.

Doors: ``closest_points.spread``, distances everywhere from closest points near a surface, and ``anchor.anchor``, the
closest points of nodes beside the surface where values change sign.
"""
