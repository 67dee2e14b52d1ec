"""Analytic antialiasing: pixels that a silhouette passes are blended, so that visibility has gradients.

Doors: ``blend.antialias``, ``blend.antialias_image_adjoint`` and ``blend.antialias_edge_adjoint``.  ``silhouettes``
says which edges they are, ``piece`` the area that an edge cuts off a pixel, ``gain`` how much of it that gives a
surface, ``sight`` what is on both sides, which takes walks over the surface (``walk``), and ``weights`` which mean of
colours the pieces of a pixel give.
"""
