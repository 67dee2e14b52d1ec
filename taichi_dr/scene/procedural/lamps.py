"""Random lamps: standing ones with a shade, and desk lamps that lean forwards."""

from taichi_dr.scene.procedural.parts import STEEL, column, paint, wood_or_paint
from taichi_dr.scene.solids import ellipsoid, revolution

SHADES = ("cone", "drum", "ball", "dome")


def lamp(random):
    """The parts of a lamp: base, pole or a belly, and a shade; that of a desk lamp is out towards +x."""
    height = random.uniform(1.0, 2.4)
    base, pole = random.uniform(0.3, 0.5), random.uniform(0.06, 0.1)
    stand = STEEL if random.random() < 0.4 else wood_or_paint(random)
    reach = random.uniform(0.3, 0.7) if random.random() < 0.3 else 0.0
    parts = [(revolution([(0, 0), (base, 0), (base, 0.1), (0.6 * base, 0.16), (0, 0.16)], 14), stand)]
    knee = -0.4 * reach
    parts.append((column([(0, 0.1, 0, pole, pole), (knee, 0.6 * height, 0, pole, pole)], 8), stand))
    parts.append((column([(knee, 0.6 * height, 0, pole, pole), (reach, height, 0, pole, pole)], 8), stand))
    if reach == 0 and random.random() < 0.35:
        belly = random.uniform(0.2, 0.38)
        parts.append((ellipsoid((belly, 0.3 * height, belly), 12, 8).moved((0, 0.1 + 0.3 * height, 0)), paint(random)))
    parts.append((_shade(random).moved((reach, height, 0)), paint(random)))
    return parts


def _shade(random):
    kind, wide, tall = random.choice(SHADES), random.uniform(0.4, 0.75), random.uniform(0.45, 0.9)
    if kind == "ball":
        return ellipsoid((0.7 * wide, 0.7 * wide, 0.7 * wide), 14, 8)
    if kind == "dome":
        profile = [(0, -0.1), (wide, -0.1), (0.9 * wide, 0.35 * tall), (0.5 * wide, 0.6 * tall), (0, 0.65 * tall)]
    else:
        upper = wide * (random.uniform(0.3, 0.6) if kind == "cone" else random.uniform(0.9, 1.0))
        profile = [(0, -0.35 * tall), (wide, -0.35 * tall), (upper, 0.65 * tall), (0, 0.65 * tall)]
    return revolution(profile, 14)
