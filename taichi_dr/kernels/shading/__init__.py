"""What colour a point of a surface has: light, normals and textures, with adjoints.

Doors: ``light.incident_light`` (the light model), ``normals.vertex_normals``, ``texture.sample_trilinear``; and where
they are put together: ``at_vertices.shade_vertices`` (Gouraud), ``at_vertices.shade_corners`` (flat) and
``at_points.shade_point`` (Phong, textures).
"""
