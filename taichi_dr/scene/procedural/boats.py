"""Random boats: a hull with cabins, funnels or a mast with sails."""

import numpy as np

from taichi_dr.scene.procedural.parts import GLASS, box, column, paint, wood_or_paint
from taichi_dr.scene.solids import loft


def boat(random):
    """The parts of a boat, bow towards +x: hull, deck and what stands on it."""
    beam, depth = random.uniform(0.45, 0.75), random.uniform(0.5, 0.8)
    color, deck = paint(random), wood_or_paint(random)
    stern = random.uniform(0.6, 1.0)
    parts = [(_hull(beam, depth, stern, 0.0), color), (_hull(0.9 * beam, depth, stern, 0.92 * depth), deck)]
    if random.random() < 0.35:
        return parts + _sails(random, depth)
    return parts + _cabins(random, depth, beam)


def _hull(beam, depth, stern, bottom):
    """Sections along x that run to a point at the bow, and rise there; ``bottom`` cuts away what is below."""
    rings = []
    for x, width, rise in ((-2.0, stern, 0.05), (-1.0, 1.0, 0.0), (0.4, 1.0, 0.0), (1.3, 0.65, 0.1), (2.0, 0.04, 0.3)):
        top, low = depth * (1 + rise), max(bottom, 0.35 * rise * depth)
        top += 0.05 * (bottom > 0)
        side = beam * width
        keel = 0.55 if bottom == 0 else 1.0
        outline = [(side, top), (-side, top), (-keel * side, low), (keel * side, low)]
        rings.append(np.array([(x, y, z) for z, y in outline]))
    return loft(rings)


def _cabins(random, depth, beam):
    """One to three decks of a cabin, each smaller than the one below, with a band of windows; perhaps a funnel."""
    parts, color = [], paint(random)
    rear, front, half = random.uniform(-1.7, -1.2), random.uniform(0.0, 0.7), random.uniform(0.6, 0.85) * beam
    y = depth
    for _ in range(random.integers(1, 4)):
        tall = random.uniform(0.28, 0.42)
        parts.append((box((rear, y - 0.05, -half), (front, y + tall, half)), color))
        band = y + 0.45 * tall, y + 0.8 * tall
        parts.append((box((rear + 0.1, band[0], -half - 0.03), (front + 0.03, band[1], half + 0.03)), GLASS))
        y, rear, front, half = y + tall, rear + 0.15, front - random.uniform(0.2, 0.4), 0.8 * half
        if front - rear < 0.5:
            break
    if random.random() < 0.6:
        x, wide = rear + 0.3 * (front - rear), random.uniform(0.12, 0.2)
        parts.append((column([(x, y - 0.1, 0, wide, wide), (x - 0.08, y + 0.5, 0, wide, wide)], 10), paint(random)))
    return parts


def _sails(random, depth):
    """A mast, a boom, and a sail or two: thin wedges."""
    x, tall = random.uniform(0.0, 0.5), random.uniform(2.0, 2.9)
    mast = column([(x, 0.5 * depth, 0, 0.07, 0.07), (x, depth + tall, 0, 0.05, 0.05)], 8)
    parts = [(mast, (0.3, 0.2, 0.1))]
    low, high, color = depth + 0.3, depth + 0.95 * tall, paint(random)
    reach = random.uniform(1.3, 1.9)
    parts.append((column([(x - reach / 2, low, 0, reach / 2, 0.08), (x - 0.05, high, 0, 0.05, 0.05)]), color))
    if random.random() < 0.6:
        reach = 1.8 - x
        jib = [(x + 0.1 + reach / 2, low, 0, reach / 2, 0.08), (x + 0.1, depth + 0.75 * tall, 0, 0.05, 0.05)]
        parts.append((column(jib), paint(random)))
    return parts
