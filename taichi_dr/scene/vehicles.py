"""The parts of the procedural car and airplane: lists of (closed solid, linear RGB)."""

import numpy as np

from taichi_dr.scene.solids import cuboid, ellipsoid, grid_surface, loft, revolution, rounded_rectangle

GLASS = (0.03, 0.05, 0.08)
RUBBER = (0.015, 0.015, 0.015)
METAL = (0.45, 0.46, 0.48)
WHITE = (0.82, 0.83, 0.85)


def car_parts(color):
    """A hatchback about 4 long (x), 1.7 wide (z) and 1.4 high (y), wheels on y = 0."""
    wheels = [(x, z) for x in (-1.25, 1.25) for z in (-0.78, 0.78)]
    parts = [(_car_body(), color), (_cabin(0.68, 1.36), GLASS), (_cabin(1.3, 1.4, 0.015), color)]
    for x, z in wheels:
        tyre, rim = _wheel()
        parts += [(tyre.moved((x, 0.34, z)), RUBBER), (rim.moved((x, 0.34, z + np.sign(z) * 0.015)), METAL)]
    for z in (-0.58, 0.58):
        parts.append((ellipsoid((0.1, 0.075, 0.17), 16, 8).moved((1.93, 0.62, z)), (0.9, 0.85, 0.6)))
        parts.append((ellipsoid((0.07, 0.09, 0.15), 16, 8).moved((-1.93, 0.72, z)), (0.5, 0.0, 0.0)))
        parts.append((ellipsoid((0.07, 0.06, 0.12), 12, 6).moved((0.62, 0.92, np.sign(z) * 0.88)), color))
    parts.append((cuboid((0.08, 0.13, 0.8)).moved((1.97, 0.42, 0)), RUBBER))
    return parts


def _car_body():
    """Rounded cross-sections along x whose lower edge is cut by the arches of the wheels."""
    radius, axle = 0.39, 0.34
    arch = radius * np.cos(np.linspace(np.pi, 0, 17))
    x = np.unique(np.concatenate([np.linspace(-2, 2, 33), -1.25 + arch, 1.25 + arch]))
    top = np.interp(x, [-2.0, -1.9, -1.2, 0.5, 1.0, 1.75, 2.0], [0.78, 0.88, 0.92, 0.92, 0.88, 0.78, 0.6])
    bottom = np.interp(x, [-2.0, -1.8, 1.8, 2.0], [0.32, 0.22, 0.22, 0.3])
    for center in (-1.25, 1.25):
        squared = radius**2 - (x - center) ** 2
        bottom = np.where(squared > 1e-9, np.maximum(bottom, axle + np.sqrt(np.maximum(squared, 0))), bottom)
    width = np.interp(x, [-2.0, -1.85, -1.3, 1.3, 1.8, 2.0], [0.68, 0.8, 0.85, 0.85, 0.78, 0.62])
    rings = []
    for station, low, high, half in zip(x, bottom, top, width, strict=True):
        section = rounded_rectangle(half, (high - low) / 2, 0.5)
        rings.append(
            np.stack([np.full(len(section), station), section[:, 1] + (low + high) / 2, section[:, 0]], axis=1)
        )
    return loft(rings)


def _cabin(low, high, outward=0.0):
    """Slice of the cabin between two heights, grown by ``outward``: a rounded rectangle that shrinks upwards."""
    rings = []
    for y in np.linspace(low, high, 6):
        t = (y - 0.68) / (1.4 - 0.68)
        front, back, half = 0.95 - 0.75 * t, -1.75 + 0.45 * t, 0.8 - 0.2 * t
        section = rounded_rectangle((front - back) / 2 + outward, half + outward, 0.35)
        rings.append(np.stack([section[:, 0] + (front + back) / 2, np.full(len(section), y), section[:, 1]], axis=1))
    return loft(rings)


def _wheel():
    """Tyre and rim about the z axis."""
    tyre = [(0, -0.12), (0.27, -0.12), (0.33, -0.08), (0.34, 0.0), (0.33, 0.08), (0.27, 0.12), (0, 0.12)]
    rim = [(0, -0.12), (0.19, -0.12), (0.19, 0.12), (0.08, 0.13), (0, 0.13)]
    return revolution(tyre, 28).turned("xzy"), revolution(rim, 20).turned("xzy")


def airplane_parts(color):
    """A twin-engine airliner about 4 long (x) with a span of 3.8 (z)."""
    parts = [(_fuselage(), WHITE), (_cockpit(), GLASS)]
    for side in (1, -1):
        wing = _wing([(0.55, 0.62, -0.08, 0.1), (-0.25, 0.33, 0.02, 0.75), (-0.95, 0.14, 0.16, 1.9)]).moved(
            scale=(1, 1, side)
        )
        tail = _wing([(-1.45, 0.36, 0.1, 0.03), (-1.88, 0.15, 0.17, 0.72)]).moved(scale=(1, 1, side))
        parts += [(wing, METAL), (tail, METAL)]
        parts += [(solid.moved((0.12, -0.2, side * 0.66)), paint) for solid, paint in _engine(color)]
    fin = _wing([(-1.25, 0.5, 0.0, 0.1), (-1.82, 0.2, 0.0, 0.82)]).turned("xzy")
    return [*parts, (fin, color)]


def _fuselage():
    """Circles along x: a blunt nose, a straight middle and a tail that rises as it tapers."""
    x = np.array([2.0, 1.985, 1.94, 1.86, 1.74, 1.58, 1.4, 1.1, 0.5, 0.0, -0.5, -0.9, -1.25, -1.55, -1.8, -1.95, -2.0])
    radius = np.array(
        [0.0, 0.05, 0.1, 0.15, 0.19, 0.22, 0.24, 0.25, 0.25, 0.25, 0.25, 0.235, 0.2, 0.15, 0.1, 0.055, 0.0]
    )
    lift = np.interp(x, [-2.0, -0.7, 1.5, 2.0], [0.16, 0.0, 0.0, -0.05])
    angle = 2 * np.pi * np.arange(28) / 28
    ring = np.stack([np.zeros(28), np.cos(angle), np.sin(angle)], axis=1)
    rings = radius[:, None, None] * ring + np.stack([x, lift, np.zeros_like(x)], axis=1)[:, None]
    return grid_surface(rings)


def _cockpit():
    return ellipsoid((0.13, 0.05, 0.15), 20, 10).moved((1.68, 0.145, 0))


def _wing(stations):
    """Aerofoils at (middle x, chord, y, z), each 12 % thick, from root to tip."""
    angle = 2 * np.pi * np.arange(20) / 20
    outline = np.stack([np.cos(angle) / 2, 0.06 * np.sin(angle) * (1 + 0.6 * np.cos(angle))], axis=1)
    rings = []
    for x, chord, y, z in stations:
        section = outline * chord
        rings.append(np.stack([section[:, 0] + x, section[:, 1] + y, np.full(len(section), z)], axis=1))
    return loft(rings)


def _engine(color):
    """Nacelle with a dark intake and an exhaust cone, along x; and the pylon that holds it."""
    nacelle = [(0, -0.28), (0.085, -0.28), (0.125, 0.0), (0.13, 0.16), (0.115, 0.26), (0.1, 0.27), (0, 0.22)]
    intake = [(0, 0.2), (0.098, 0.2), (0.098, 0.262), (0.03, 0.262), (0, 0.29)]
    exhaust = [(0, -0.42), (0.05, -0.3), (0.06, -0.2), (0, -0.2)]
    solids = [
        (revolution(profile, 24).turned("yxz"), paint)
        for profile, paint in ((nacelle, color), (intake, RUBBER), (exhaust, METAL))
    ]
    return [*solids, (cuboid((0.3, 0.16, 0.035)).moved((-0.12, 0.13, 0)), WHITE)]
