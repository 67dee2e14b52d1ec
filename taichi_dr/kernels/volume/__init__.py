"""Rays through volumes: where samples are, and what they add up to.

Doors: ``composite.composite``, ``walk.see_evenly``; ``occupancy.place_samples``, where there is anything.
"""
