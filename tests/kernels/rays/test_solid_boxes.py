"""Many solids in boxes: rays meet what they meet when all solids are looked at."""

import numpy as np
import pytest
import taichi as ti

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays.solid_boxes import FEW, SolidBoxes
from taichi_dr.kernels.rays.solids import PLANE, RECTANGLE, SPHERE, closest_solids, occluded_solids

RAYS = 4000


def scene(seed=0):
    """Planes among spheres and rectangles, and a code of nothing (-1)."""
    rng = np.random.default_rng(seed)
    kinds = rng.permutation([SPHERE] * 60 + [RECTANGLE] * 40 + [PLANE] * 3 + [-1])
    solids = rng.normal(size=(104, 9)) * 0.3
    solids[:, :3] *= 10
    solids[:, 3] = np.where(kinds == SPHERE, np.abs(solids[:, 3]), solids[:, 3])
    return solids, kinds


def rays(seed=1):
    rng = np.random.default_rng(seed)
    d = rng.normal(size=(RAYS, 3))
    d[:300] = np.eye(3)[rng.integers(0, 3, 300)] * rng.choice([-1, 1], (300, 1))  # along the boxes' sides
    ends = rng.uniform([0, 3], [1, 20], (RAYS, 2))
    return rng.normal(size=(RAYS, 3)) * 3, d / np.linalg.norm(d, axis=1, keepdims=True), ends


def ask(closest, occluded, solids, kinds):
    """(what, hits, met), with something there before on every third ray."""
    rng = np.random.default_rng(2)
    there = np.where(np.arange(RAYS) % 3, -1, 0)
    what, hits = array_from(there, ti.i32), array_from(rng.uniform(0.5, 9, (RAYS, 3)))
    met = array_from(rng.integers(0, 2, RAYS), ti.i32)
    given = [array_from(x) for x in rays()]
    solids, kinds = array_from(solids), array_from(kinds, ti.i32)
    closest(solids, kinds, 5, *given, RAYS, what, hits)
    occluded(solids, kinds, *given, RAYS, met)
    return what.to_numpy(), hits.to_numpy(), met.to_numpy()


def test_equal_all_looked_at(any32):
    solids, kinds = scene()
    boxes = SolidBoxes(kinds)
    for moved in (solids, solids + np.array([0.5, -1, 2, 0, 0, 0, 0, 0, 0])):
        boxes.build(array_from(moved), array_from(kinds, ti.i32))
        found = ask(boxes.closest, boxes.occluded, moved, kinds)
        expected = ask(closest_solids, occluded_solids, moved, kinds)
        for one, other in zip(found, expected, strict=True):
            assert (one == other).all()
        assert len(set(found[0])) > 30


@pytest.mark.parametrize("kind", [SPHERE, RECTANGLE])
def test_solids_in_one_place(cpu32, kind):
    """None of them parts them; the first is met."""
    solids = np.tile([0.0, 0, -5, 1, 0, 0, 0, 1, 0], (40, 1))
    kinds, boxes = np.full(40, kind), SolidBoxes(np.full(40, kind))
    arrays = array_from(solids), array_from(kinds, ti.i32)
    boxes.build(*arrays)
    what, hits = array_from([-1], ti.i32), make_array((1, 3))
    ray = [array_from(np.array([x], float)) for x in ([0, 0, 0], [0, 0, -1], [0, 9])]
    boxes.closest(*arrays, 0, *ray, 1, what, hits)
    assert what.to_numpy()[0] == 0
    assert hits.to_numpy()[0, 0] == (4 if kind == SPHERE else 5)


def test_few_need_no_boxes(cpu32):
    solids, kinds = scene()
    few = np.flatnonzero(kinds != PLANE)[:FEW]
    boxes = SolidBoxes(kinds[few])
    boxes.build(array_from(solids[few]), array_from(kinds[few], ti.i32))
    found = ask(boxes.closest, boxes.occluded, solids[few], kinds[few])
    expected = ask(closest_solids, occluded_solids, solids[few], kinds[few])
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))
