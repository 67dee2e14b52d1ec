"""Rays through volumes: where samples are, and what they add up to.

Doors: ``composite.composite``; ``occupancy.place_samples``, where there is anything.
"""
