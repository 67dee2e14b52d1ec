"""Packets of rays meet what the same rays meet one by one."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays import closest, packets
from taichi_dr.kernels.rays.bvh import BVH

LANES = 16


def hierarchy(mesh):
    bvh = BVH()
    bvh.build(array_from(mesh.numpy("vertices")[0]), array_from(mesh.topology.faces, ti.i32))
    return bvh


def ask(bvh, origins, directions, ends, lanes):
    """(face, hits) by packets, and one by one."""
    count = len(directions)
    rays, limits = array_from(directions), array_from(np.broadcast_to(ends, (count, 2)))
    one, other = ((make_array((count,), ti.i32), make_array((count, 3))) for _ in range(2))
    each = count // len(origins)
    packets.closest(*bvh.arrays, bvh.order, array_from(origins), each, rays, limits, count, *one, lanes)
    closest.closest(*bvh.arrays, bvh.order, array_from(np.repeat(origins, each, axis=0)), rays, limits, count, *other)
    return tuple(array.to_numpy() for array in one), tuple(array.to_numpy() for array in other)


def view(eye, size, spread):
    """Unit directions (size^2, 3) from an eye towards the origin, 4 x 4 pixels after 4 x 4 pixels."""
    forward = -np.array(eye) / np.linalg.norm(eye)
    right = np.cross(forward, [0.1, 1, 0.2])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    x = (2 * np.arange(size) + 1 - size) / size * spread
    directions = forward + x[None, :, None] * right + x[:, None, None] * up
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions.reshape(size // 4, 4, size // 4, 4, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 3)


@pytest.mark.parametrize("eye", [(0, 0, 3), (0, 2.5, 0), (1.7, -1, 2), (0.1, 0.05, 0)])
@pytest.mark.parametrize("spread", [0.4, 1.5])
def test_equal_rays_one_by_one(cpu32, eye, spread):
    for mesh in (dr.shapes.car(), dr.shapes.icosphere(4), dr.shapes.box()):
        (face, hits), (face_alone, hits_alone) = ask(hierarchy(mesh), [eye], view(eye, 64, spread), (0, 1e30), LANES)
        assert (face >= 0).mean() > 0.005
        differ = face != face_alone  # two faces at one t, along their edge
        assert differ.mean() < 1e-3
        assert ((face < 0) == (face_alone < 0)).all()
        met = (face >= 0) & ~differ
        assert np.abs(hits - hits_alone)[face >= 0, 0].max() < 5e-5
        assert np.abs(hits - hits_alone)[met].max() < 1e-3


def test_each_origin_has_packets_of_its_own(cpu32):
    eyes = [(0, 0, 3), (3, 0.5, 0), (-1, 2, 2)]
    directions = np.concatenate([view(eye, 32, 0.5) for eye in eyes])
    (face, hits), (face_alone, hits_alone) = ask(hierarchy(dr.shapes.car()), eyes, directions, (0, 1e30), LANES)
    assert (face == face_alone).mean() > 0.999
    assert np.abs(hits - hits_alone)[:, 0].max() < 1e-4


def test_between_two_distances_of_each_ray(cpu32):
    ends = np.random.default_rng(0).uniform([1.5, 2.4], [2.6, 4.0], (32 * 32, 2))
    (face, hits), (face_alone, _) = ask(
        hierarchy(dr.shapes.icosphere(3)), [(0, 0, 3)], view((0, 0, 3), 32, 0.3), ends, LANES
    )
    assert (face == face_alone).mean() > 0.999
    assert 0.1 < (face >= 0).mean() < 0.9
    there = face >= 0
    assert (hits[there, 0] >= ends[there, 0]).all()
    assert (hits[there, 0] <= ends[there, 1]).all()


def test_rays_of_all_directions_go_one_by_one(cpu32):
    directions = np.random.default_rng(0).normal(size=(1024, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    (face, hits), (face_alone, hits_alone) = ask(
        hierarchy(dr.shapes.car()), [(0.1, 0.05, 0)], directions, (0, 1e30), LANES
    )
    assert (face == face_alone).all()
    assert np.allclose(hits, hits_alone, atol=1e-4)


def test_nothing_comes_through_edges_and_corners(cpu32):
    mesh, random = dr.shapes.icosphere(3), np.random.default_rng(0)
    vertices, faces = mesh.numpy("vertices")[0].astype(float), mesh.topology.faces
    face, k, share = random.integers(0, len(faces), 4000), random.integers(0, 3, 4000), random.random((4000, 1))
    share[::3] = 0
    targets = vertices[faces[face, k]] * (1 - share) + vertices[faces[face, (k + 1) % 3]] * share
    directions = np.repeat(targets - [0.1, 0.02, 0.03], LANES, axis=0)
    directions += random.normal(size=directions.shape) * 1e-7
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    (face, _), _ = ask(hierarchy(mesh), [(0.1, 0.02, 0.03)], directions, (0, 1e30), LANES)
    assert (face >= 0).all()
