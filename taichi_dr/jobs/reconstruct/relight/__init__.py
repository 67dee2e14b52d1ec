"""``--as light``: light, albedo and gloss by gradients through the ray tracer.

Doors: ``kind.LightReconstruction``, ``fit.LightFit``.
"""
