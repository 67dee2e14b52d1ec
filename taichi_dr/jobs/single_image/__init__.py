"""A coloured mesh from one image: what a network for it is trained on.

Doors: ``shape_views.make_shape_views``.
"""
