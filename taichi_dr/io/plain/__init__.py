"""Mesh files without materials.

Doors: ``off.read_off`` and ``off.encode_off``, ``stl.read_stl`` and ``stl.encode_stl``.
"""
