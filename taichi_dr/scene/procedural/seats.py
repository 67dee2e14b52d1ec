"""Random chairs and sofas."""

import itertools

import numpy as np

from taichi_dr.scene.procedural.parts import STEEL, box, column, four_legs, paint, wood_or_paint


def chair(random):
    """The parts of a chair, front towards +x: seat, back, legs or a foot, perhaps arms."""
    half_x, half_z = random.uniform(0.4, 0.52), random.uniform(0.4, 0.52)
    height, thick = random.uniform(0.75, 1.0), random.uniform(0.1, 0.18)
    frame, cover = wood_or_paint(random), paint(random)
    top = height + thick
    parts = [(box((-half_x, height, -half_z), (half_x, top, half_z)), cover)]
    parts += _back(random, half_x, half_z, top, frame, cover)
    if random.random() < 0.25:
        foot, pole = 0.85 * half_x, random.uniform(0.07, 0.12)
        parts.append((column([(0, 0, 0, foot, foot), (0, 0.12, 0, 0.8 * foot, 0.8 * foot)], 12), STEEL))
        parts.append((column([(0, 0.05, 0, pole, pole), (0, height + 0.05, 0, pole, pole)], 8), STEEL))
    else:
        parts += four_legs(half_x, half_z, height + 0.02, random, frame)
    if random.random() < 0.35:
        rest = top + random.uniform(0.25, 0.4)
        for z in (-half_z, half_z):
            parts.append((box((-half_x, rest, z - 0.07), (0.8 * half_x, rest + 0.1, z + 0.07)), frame))
            parts.append((box((0.5 * half_x, height, z - 0.05), (0.7 * half_x, rest + 0.05, z + 0.05)), frame))
    return parts


def _back(random, half_x, half_z, top, frame, cover):
    """A board, or posts with slats between; leaning backwards."""
    tall, lean = random.uniform(0.75, 1.25), random.uniform(0.0, 0.22)
    thick = random.uniform(0.05, 0.09)
    x, away = -half_x + thick, -half_x + thick - lean
    if random.random() < 0.6:
        low = top - 0.05 if random.random() < 0.7 else top + 0.25 * tall
        start = x + (away - x) * (low - top) / tall
        upper = random.choice([1.0, 0.8])
        board = column([(start, low, 0, thick, half_z), (away, top + tall, 0, thick, upper * half_z)])
        parts = [(board, cover)]
        if low > top:
            parts += _posts(x, start, top - 0.05, low + 0.05, 0.6 * half_z, frame)
        return parts
    parts = _posts(x, away, top - 0.05, top + tall, half_z - 0.07, frame)
    for share in np.linspace(0.35, 0.93, random.integers(2, 4)):
        middle = x + (away - x) * share
        y = top + share * tall
        parts.append((box((middle - thick / 2, y - 0.08, -half_z), (middle + thick / 2, y + 0.08, half_z)), cover))
    return parts


def _posts(x, away, low, high, z, color):
    return [(column([(x, low, side, 0.06, 0.07), (away, high, side, 0.06, 0.07)]), color) for side in (-z, z)]


def sofa(random):
    """The parts of a sofa, front towards +x: seat, cushions, back, arms and feet; one in four with a long end."""
    half_z, deep = random.uniform(0.8, 1.6), random.uniform(0.85, 1.05)
    seat, back, arm = random.uniform(0.4, 0.5), random.uniform(0.85, 1.1), random.uniform(0.55, 0.75)
    wide, foot = random.uniform(0.14, 0.3), random.choice([0.0, 0.1, 0.18])
    color = paint(random)
    cushions = color if random.random() < 0.5 else paint(random)
    parts = [(box((0, foot, -half_z), (deep, seat - 0.1, half_z)), color)]
    lean = random.uniform(0.0, 0.12)
    stations = [(0.12, foot, 0, 0.12, half_z), (0.12 - lean, back, 0, 0.1, half_z)]
    parts.append((column(stations), color))
    for z in (-half_z, half_z - wide):
        parts.append((box((0, foot, z), (deep, arm, z + wide)), color))
    count = int(random.integers(1, 4)) if half_z > 1.1 else int(random.integers(1, 3))
    edges = np.linspace(-half_z + wide, half_z - wide, count + 1)
    for left, right in itertools.pairwise(edges):
        parts.append((box((0.2, seat - 0.12, left + 0.015), (deep + 0.02, seat + 0.05, right - 0.015)), cushions))
        parts.append((box((0.2, seat, left + 0.03), (0.36, back - 0.08, right - 0.03)), cushions))
    if half_z > 1.1 and random.random() < 0.25:
        side = random.choice([-1.0, 1.0])
        ends = sorted((side * (half_z - 0.7), side * (half_z - wide)))
        parts.append((box((deep - 0.05, foot, ends[0]), (deep + 0.7, seat + 0.05, ends[1])), cushions))
    if foot > 0:
        places = [(x, z) for x in (0.1, deep - 0.1) for z in (0.1 - half_z, half_z - 0.1)]
        parts += [(box((x - 0.06, 0, z - 0.06), (x + 0.06, foot + 0.02, z + 0.06)), STEEL) for x, z in places]
    return parts
