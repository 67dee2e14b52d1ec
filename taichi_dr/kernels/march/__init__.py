"""Rays through functions of space: marching, surface points and their derivatives, silhouettes, light, blending.

Doors: ``trace.march_packets`` (what rays meet), ``layers.follow_rays`` (rays that graze), ``rows.gather_rows`` (what is
seen, row by row), ``edges.cover`` (coverage, and where what is covered is seen), ``surface.converge`` (implicit
points), ``blend.blend``; ``packets.distances``, what a function of a point is at the points of a packet;
``wavefront.advance_pixels``, a step of all rays at once, by values that are given.
"""
