"""Random aeroplanes: straight and swept wings, high and low, with propeller, jets or none."""

from taichi_dr.scene.procedural.parts import GLASS, STEEL, aerofoil, column, paint, tube


def airplane(random):
    """The parts of an aeroplane, nose towards +x: fuselage, cockpit, wings, tail, fin and engines."""
    radius = random.uniform(0.2, 0.32)
    color, wings = paint(random), paint(random)
    tail = wings if random.random() < 0.5 else paint(random)
    parts = [(_fuselage(radius), color)]
    parts.append((tube([(1.25, 0.75 * radius, 0.45 * radius), (1.5, 0.6 * radius, 0.5 * radius)], 8), GLASS))
    sweep, span = random.uniform(0, 1.0), random.uniform(1.3, 2.1)
    root, tip = random.uniform(0.7, 1.1), random.uniform(0.3, 0.6)
    x, height = random.uniform(0.0, 0.5), radius * random.choice([-0.5, 0.6])
    rise = random.uniform(0.0, 0.12) * span
    thickness = random.uniform(0.15, 0.2)
    half = aerofoil([(x, root, height, 0.0), (x - sweep, tip, height + rise, span)], thickness)
    parts += [(half, wings), (half.moved(scale=(1, 1, -1)), wings)]
    fin_top = random.uniform(0.6, 0.95)
    fin = [(-1.6, 0.6, 0.0, 0.0), (-1.6 - 0.4 * sweep, 0.35, 0.0, fin_top)]
    parts.append((aerofoil(fin, 0.2).turned("xzy"), tail))
    level = 0.9 * fin_top if random.random() < 0.3 else 0.4 * radius
    plane = aerofoil([(-1.65, 0.5, level, 0.0), (-1.65 - 0.4 * sweep, 0.32, level, 0.4 * span)], 0.18)
    parts += [(plane, tail), (plane.moved(scale=(1, 1, -1)), tail)]
    return parts + _engines(random, radius, lambda z: (x - sweep * z / span, height + rise * z / span), span)


def _fuselage(radius):
    stations = [(2.0, -0.1, 0.05), (1.85, -0.05, 0.5), (1.5, 0.0, 0.85), (1.0, 0.0, 1.0), (-0.6, 0.0, 1.0)]
    stations += [(-1.4, 0.25, 0.7), (-2.0, 0.5, 0.2)]
    return tube([(x, y * radius, r * radius) for x, y, r in stations], 12)


def _engines(random, radius, wing, span):
    """A propeller at the nose, two or four jets below the wings, two at the tail, or none."""
    kind = random.choice(["propeller", "two", "four", "tail", "none"])
    color = paint(random)
    if kind == "none":
        return []
    if kind == "propeller":
        blades = column([(2.0, -0.62, 0, 0.06, 0.09), (2.0, 0.62, 0, 0.06, 0.09)])
        return [(blades, STEEL)]
    if kind == "tail":
        places = [(-1.25, 0.5 * radius, side * (radius + 0.12)) for side in (-1, 1)]
    else:
        along = (0.33, 0.62) if kind == "four" else (0.4,)
        places = []
        for z in (share * span for share in along):
            x, y = wing(z)
            places += [(x + 0.3, y - 0.16, side * z) for side in (-1, 1)]
    jet = tube([(-0.35, 0, 0.09), (0.1, 0, 0.15), (0.3, 0, 0.13)], 10)
    return [(jet.moved(place), color) for place in places]
