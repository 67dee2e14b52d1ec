"""Rays through volumes: where samples are, and what they add up to.

Doors: ``composite.composite``.
"""
