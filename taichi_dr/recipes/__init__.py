"""What is often wanted of a known scene, as one call each: a pose, colours, a shape, fitted to images.

Doors: ``pose.fit_pose``, ``colors.fit_colors``, ``shape.fit_shape``; users find them in ``taichi_dr``.  They are made
of what the package offers to everybody, and a program that wants something else is meant to be written like them.
"""
