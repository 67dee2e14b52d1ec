"""Rays through functions of space: the functions in packets of points, as SIMD code.

Door: ``packets.distances``, what a function of a point is at the points of a packet.
"""
