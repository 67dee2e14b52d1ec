"""The renderers of meshes.

Doors: ``rasterizer.Rasterizer``, ``soft_rasterizer.SoftRasterizer``, and what both are: ``renderer.MeshRenderer``;
``supersample.supersampled``, smooth pictures for files; ``primitives.rasterize.Primitives``, for shaders of one's own.
Their stages: ``geometry`` (vertices to clip coordinates), ``surface`` (what is interpolated over the faces), ``pixels``
(from visible faces to colours).
"""
