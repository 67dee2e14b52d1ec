"""Radiance fields, public as ``taichi_dr.radiance``: density and colour as functions of a point and of a direction.

``taichi_dr.implicit.radiance.function.RadianceFunction`` is their contract.  docs/FORMULAS.md has the formulas.
"""
