"""Rays that meet surfaces.

Door: ``ray_caster.RayCaster``.
"""
