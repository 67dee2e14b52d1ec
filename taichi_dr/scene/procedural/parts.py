"""What procedural furniture and vehicles are made of: boxes, columns, wheels, and colours for them."""

import colorsys

import numpy as np

from taichi_dr.scene.solids import circle, cuboid, loft, revolution, rounded_rectangle

RUBBER = (0.02, 0.02, 0.022)
GLASS = (0.04, 0.06, 0.09)
STEEL = (0.4, 0.41, 0.43)
WOODS = ((0.36, 0.17, 0.06), (0.2, 0.09, 0.04), (0.55, 0.35, 0.17), (0.09, 0.05, 0.03), (0.65, 0.52, 0.34))


def paint(random):
    """A random linear RGB: one in four grey, from black to white, the others of a hue."""
    if random.random() < 0.25:
        return (float(random.uniform(0.02, 0.9)),) * 3
    value, saturation = random.uniform(0.3, 1), random.uniform(0.4, 0.95)
    return tuple(channel**2.2 for channel in colorsys.hsv_to_rgb(random.random(), saturation, value))


def wood(random):
    """One of five woods, lighter or darker by up to a quarter."""
    return tuple(np.asarray(WOODS[random.integers(len(WOODS))]) * random.uniform(0.75, 1.25))


def wood_or_paint(random):
    """``wood`` in one of two cases, else ``paint``."""
    return wood(random) if random.random() < 0.5 else paint(random)


def box(low, high):
    """The box between two corners.

    >>> box((0, 0, 0), (1, 2, 3)).volume()
    6.0
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    return cuboid(high - low).moved((low + high) / 2)


def column(stations, sides=4):
    """The solid through level sections ``(x, y, z, half_x, half_z)``: rectangles, or with more sides ellipses.

    >>> column([(0, 0, 0, 1, 1), (0, 3, 0, 1, 1)]).volume()
    12.0
    """
    outline = rounded_rectangle(1, 1, 0, 1) if sides == 4 else circle(sides)
    rings = []
    for x, y, z, half_x, half_z in stations:
        rings.append(np.stack([x + half_x * outline[:, 0], np.full(sides, y), z + half_z * outline[:, 1]], axis=1))
    return loft(rings)


def section(x, y, half_height, half_width, roundness=0.5):
    """(8, 3): a rounded rectangle about (x, y, 0) in the plane of y and z; what hulls and bodies are lofts of."""
    outline = rounded_rectangle(half_width, half_height, roundness, 2)
    return np.stack([np.full(len(outline), x), y + outline[:, 1], outline[:, 0]], axis=1)


def tube(stations, sides=12):
    """The solid through circles ``(x, y, radius)`` that stand along x.

    >>> round(tube([(0, 0, 1), (2, 0, 1)], 4).volume(), 9)
    4.0
    """
    outline = circle(sides)
    rings = [np.stack([np.full(sides, x), y + r * outline[:, 0], r * outline[:, 1]], axis=1) for x, y, r in stations]
    return loft(rings)


def aerofoil(stations, thickness):
    """A wing through sections ``(middle x, chord, y, z)``, ``thickness`` thick in units of the chord."""
    outline = circle(10) * (0.5, thickness / 2)
    rings = []
    for x, chord, y, z in stations:
        rings.append(np.stack([x + chord * outline[:, 0], y + chord * outline[:, 1], np.full(10, z)], axis=1))
    return loft(rings)


def wheel(radius, width, at):
    """A tyre and its hub about the z axis, centred at the point ``at``: [(solid, colour), ...]."""
    tyre = revolution([(0, -width / 2), (radius, -width / 2), (radius, width / 2), (0, width / 2)], 14).turned("xzy")
    reach = 0.54 * width
    hub = revolution([(0, -reach), (0.6 * radius, -reach), (0.6 * radius, reach), (0, reach)], 10).turned("xzy")
    return [(tyre.moved(at), RUBBER), (hub.moved(at), STEEL)]


def four_legs(half_x, half_z, top, random, color):
    """Legs from the ground to the height ``top``, at the corners of a rectangle: [(solid, colour), ...].

    Square or round, straight or tapering, upright or spread outwards.
    """
    thick = random.uniform(0.05, 0.085) * max(half_x, half_z, top)
    foot = thick * random.choice([1.0, 0.7])
    spread = random.choice([0.0, 0.08, 0.16]) * top
    sides = int(random.choice([4, 8]))
    legs = []
    for x in (-1, 1):
        for z in (-1, 1):
            head = (x * (half_x - thick), top, z * (half_z - thick), thick, thick)
            legs.append((column([(head[0] + x * spread, 0, head[2] + z * spread, foot, foot), head], sides), color))
    return legs
