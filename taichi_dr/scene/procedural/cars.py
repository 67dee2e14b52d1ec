"""Random cars: hatchbacks, saloons, pick-ups and vans."""

import numpy as np

from taichi_dr.scene.procedural.parts import GLASS, box, paint, section, wheel
from taichi_dr.scene.solids import loft, rounded_rectangle

# rear and front of the cabin at the belt line, and at the roof, in half lengths
CABINS = {
    "hatchback": ((-0.92, 0.42), (-0.75, 0.08)),
    "saloon": ((-0.68, 0.45), (-0.42, 0.1)),
    "pick-up": ((-0.1, 0.5), (-0.05, 0.22)),
    "van": ((-0.97, 0.75), (-0.95, 0.5)),
}


def car(random):
    """The parts of a car, front towards +x, wheels on y = 0: body, cabin, roof, lamps, four wheels."""
    kind = random.choice(list(CABINS))
    half, width = random.uniform(1.6, 2.4), random.uniform(0.72, 0.95)
    radius = random.uniform(0.28, 0.42)
    clearance, belt = 0.6 * radius, random.uniform(0.8, 1.05)
    roof = belt + (random.uniform(0.6, 1.0) if kind == "van" else random.uniform(0.42, 0.6))
    color = paint(random)
    second = color if random.random() < 0.6 else paint(random)
    parts = [(_body(half, width, clearance, belt, random), color)]
    (rear, front), (roof_rear, roof_front) = (np.array(ends) * half for ends in CABINS[kind])
    upper = 0.05 + 0.1 * random.random()
    glass = [(rear, front, belt - 0.08, 0.95 * width), (roof_rear, roof_front, roof, (1 - upper) * 0.9 * width)]
    parts.append((_cabin(glass), GLASS))
    cap = [(roof_rear - 0.03, roof_front + 0.03, roof - 0.06, 0.93 * (1 - upper) * width)]
    cap.append((roof_rear, roof_front, roof + 0.05, 0.88 * (1 - upper) * width))
    parts.append((_cabin(cap), second))
    axle = half * random.uniform(0.58, 0.66)
    for x in (-axle, axle):
        for z in (-1, 1):
            parts += wheel(radius, 0.26, (x, radius, z * (width - 0.1)))
    for z in (-0.62 * width, 0.62 * width):
        lamp = np.array([0.08, 0.09, 0.14])
        for x, y, tint in ((0.95 * half, 0.62, (0.95, 0.9, 0.7)), (-0.96 * half, 0.66, (0.55, 0.01, 0.01))):
            center = np.array([x, y * belt, z])
            parts.append((box(center - lamp, center + lamp), tint))
    return parts


def _body(half, width, low, belt, random):
    """Rounded sections along x: lower and narrower at both ends, the bonnet lower than the boot."""
    x = half * np.array([-1.0, -0.93, -0.6, 0.35, 0.5, 0.9, 1.0])
    bonnet = random.uniform(0.78, 0.98)
    top = belt * np.array([0.8, 0.95, 1.0, 1.0, 0.98, bonnet, 0.8 * bonnet])
    bottom = low + np.array([0.12, 0.0, 0.0, 0.0, 0.0, 0.02, 0.14])
    side = width * np.array([0.85, 0.96, 1.0, 1.0, 1.0, 0.95, 0.78])
    return loft([section(a, (b + t) / 2, (t - b) / 2, s, 0.4) for a, b, t, s in zip(x, bottom, top, side, strict=True)])


def _cabin(levels):
    """The solid through level rounded rectangles ``(rear, front, y, half width)``."""
    rings = []
    for rear, front, y, half in levels:
        outline = rounded_rectangle((front - rear) / 2, half, 0.3, 2)
        rings.append(np.stack([outline[:, 0] + (front + rear) / 2, np.full(len(outline), y), outline[:, 1]], axis=1))
    return loft(rings)
