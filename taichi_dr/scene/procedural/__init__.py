"""Procedural shapes of eight categories, each another one for other random numbers: what a network can be trained on.

Doors: ``categories.random_shape``, ``categories.CATEGORIES``.  A file for each category has the numbers it is made of;
``parts`` the solids that they share.
"""
