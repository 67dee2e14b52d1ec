"""Analytic antialiasing: pixels on both sides of a silhouette are blended, so that visibility has gradients.

Doors: ``blend.antialias``, ``blend.antialias_image_adjoint`` and ``blend.antialias_edge_adjoint``.  ``crossing`` is
where an edge crosses the lines of pixels, ``claims`` which pairs of pixels it may blend.
"""
