"""Distances at the nodes of a grid, which stand at ``(i hx, j hy, k hz)``; nothing here has a gradient.

Doors: ``closest_points.spread``, distances everywhere from closest points near a surface; where those come from:
``anchor.anchor``, signs of a grid, and ``triangles.write_near``, faces; ``winding.winding_numbers``, what is inside
of a mesh; ``silhouettes.hull``, how far outside of silhouettes.
"""
