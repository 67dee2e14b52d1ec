"""Distances at the nodes of a grid, which stand at ``(i, j, k)`` in its own units; nothing here has a gradient.

Doors: ``closest_points.spread``, distances everywhere from closest points near a surface, and ``anchor.anchor``, the
closest points of nodes beside the surface where values change sign.
"""
