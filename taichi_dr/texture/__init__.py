"""Textures for meshes that have none: an atlas, and colours for its texels out of pictures.

Doors: ``atlas.make_atlas`` (texture coordinates, by xatlas or by ``box_projection``), ``bake.Bake``,
``inpaint.inpaint``.
"""
