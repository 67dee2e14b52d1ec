"""The pieces of a rasterizer, for shaders of one's own: operations on the tape over fields.

Door: ``rasterize.Primitives``.  What follows its first operation are steps with a forward and an adjoint each:
``interpolate.Interpolation``, ``texture.TextureSample``, ``antialias.Blend``; ``values``: what they read and write.
"""
