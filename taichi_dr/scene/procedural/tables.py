"""Random tables and cupboards."""

import itertools

import numpy as np

from taichi_dr.scene.procedural.parts import STEEL, box, column, four_legs, paint, wood_or_paint


def table(random):
    """The parts of a table: a top, rectangular or round, on four legs, two boards or a foot."""
    half_x, half_z = random.uniform(0.6, 1.1), random.uniform(0.7, 1.5)
    height, thick = random.uniform(0.6, 1.3), random.uniform(0.09, 0.16)
    top, frame = wood_or_paint(random), wood_or_paint(random)
    if random.random() < 0.5:
        frame = top
    is_round = random.random() < 0.3
    if is_round:
        half_z = half_x * random.choice([1.0, 1.3])
    sides = 20 if is_round else 4
    parts = [(column([(0, y, 0, half_x, half_z) for y in (height, height + thick)], sides), top)]
    kind = random.choice(["legs", "legs", "boards", "foot"])
    inward = 0.65 if is_round else random.uniform(0.85, 1.0)
    if kind == "legs":
        parts += four_legs(inward * half_x, inward * half_z, height + 0.02, random, frame)
        if random.random() < 0.3:
            level = random.uniform(0.2, 0.4) * height
            shelf = 0.95 * inward
            parts.append(
                (box((-shelf * half_x, level, -shelf * half_z), (shelf * half_x, level + 0.09, shelf * half_z)), top)
            )
    elif kind == "boards":
        for z in (-0.85 * inward * half_z, 0.85 * inward * half_z):
            parts.append((box((-0.8 * half_x, 0, z - 0.07), (0.8 * half_x, height + 0.02, z + 0.07)), frame))
    else:
        foot, pole = random.uniform(0.5, 0.7) * half_x, random.uniform(0.1, 0.18)
        parts.append((column([(0, 0, 0, foot, foot), (0, 0.12, 0, 0.8 * foot, 0.8 * foot)], 12), frame))
        parts.append((column([(0, 0.05, 0, pole, pole), (0, height + 0.02, 0, pole, pole)], 10), frame))
    return parts


def cupboard(random):
    """The parts of a cupboard, front towards +x: a corpus with doors or drawers and handles, perhaps feet."""
    deep, half_z = random.uniform(0.45, 0.8), random.uniform(0.4, 1.1)
    height, foot = random.uniform(0.8, 2.2), random.choice([0.0, 0.15, 0.25])
    body, front = wood_or_paint(random), paint(random)
    parts = [(box((0, foot, -half_z), (deep, height, half_z)), body)]
    columns, rows = int(random.integers(1, 4)), int(random.integers(1, 5))
    z = np.linspace(-half_z, half_z, columns + 1)
    y = np.linspace(foot, height, rows + 1)
    for left, right in itertools.pairwise(z):
        for low, high in itertools.pairwise(y):
            parts.append((box((deep - 0.05, low + 0.03, left + 0.03), (deep + 0.04, high - 0.03, right - 0.03)), front))
            middle = np.array([deep + 0.06, (low + high) / 2, (left + right) / 2])
            parts.append((box(middle - (0.04, 0.03, 0.1), middle + (0.04, 0.03, 0.1)), STEEL))
    if random.random() < 0.4:
        parts.append((box((-0.03, height - 0.02, -half_z - 0.06), (deep + 0.08, height + 0.08, half_z + 0.06)), body))
    if foot > 0:
        places = [(x, side) for x in (0.1, deep - 0.1) for side in (0.1 - half_z, half_z - 0.1)]
        parts += [(box((x - 0.07, 0, s - 0.07), (x + 0.07, foot + 0.02, s + 0.07)), body) for x, s in places]
    return parts
