"""Rendering of volumes: samples along rays, of a radiance field, added up.

Doors: ``volume_renderer.VolumeRenderer``; ``ray_march.RayMarch``, which does it for any batch of rays;
``samplers.Sampler``, where on rays samples are.
"""
