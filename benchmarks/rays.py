"""Rays per second: a hierarchy of boxes built and refit, rays of a camera in packets and one by one, random rays.

    python benchmarks/rays.py [mesh.obj] [--backend cuda] [--peers]

512 x 512 rays, wall clock, medians of nine launches; of a mesh file, or else of a sphere of 81,920
triangles.  ``--peers``: the same rays by Embree (pip install embreex, or open3d, or mitsuba), as far as installed,
one after the other with ours in the same run.
"""

import argparse
import time

import numpy as np
import taichi as ti
from raster import median_ms, settled

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.rays import closest, packets
from taichi_dr.kernels.rays.bvh import BVH

SIZE, LANES = 512, 16
RAYS = SIZE * SIZE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mesh", nargs="?")
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    dr.init(options.backend)
    mesh = (dr.load_mesh(options.mesh) if options.mesh else dr.shapes.icosphere(6)).normalized()
    vertices, faces = mesh.numpy("vertices")[0], mesh.topology.faces
    held, corners, bvh = array_from(vertices), array_from(faces, ti.i32), BVH()
    print(f"{len(faces):,} triangles")
    started = time.perf_counter()
    settled(lambda: bvh.build(held, corners))()
    print(f"first build, compiled   {time.perf_counter() - started:8.2f} s")
    print(f"build                   {median_ms(settled(lambda: bvh.build(held, corners))):8.1f} ms")
    print(f"refit                   {median_ms(settled(lambda: bvh.refit(held, corners))):8.2f} ms")
    eye, seen = camera_rays()
    face, hits, limits = make_array((RAYS,), ti.i32), make_array((RAYS, 3)), array_from(np.tile([0, 1e30], (RAYS, 1)))
    asked = *bvh.arrays, bvh.order

    def one_by_one(origins, directions):
        rays = array_from(origins), array_from(directions), limits
        return lambda: closest.closest(*asked, *rays, len(origins), face, hits)

    together = array_from(in_blocks(seen, 4))
    report(
        "camera, in packets",
        lambda: packets.closest(*asked, array_from(eye[None]), RAYS, together, limits, RAYS, face, hits, LANES),
    )
    report("camera, one by one", one_by_one(np.tile(eye, (RAYS, 1)), in_blocks(seen, 8)))
    random = random_rays()
    report("random", one_by_one(*random))
    if options.peers:
        for name, cast in peers(vertices, faces):
            report(f"camera, {name}", lambda cast=cast: cast(np.tile(eye, (RAYS, 1)), seen.reshape(-1, 3)))
            report(f"random, {name}", lambda cast=cast: cast(*random))


def report(name, launch):
    launch = settled(launch)
    started = time.perf_counter()
    launch()
    first = time.perf_counter() - started
    milliseconds = median_ms(launch)
    print(f"{name:<24}{milliseconds:8.1f} ms {RAYS / milliseconds / 1e3:8.1f} million rays/s   first {first:.2f} s")


def camera_rays():
    """An eye, and the unit directions (SIZE, SIZE, 3) of a field of view of 60 degrees."""
    x = (2 * np.arange(SIZE) + 1 - SIZE) / SIZE * np.tan(np.radians(30))
    directions = np.stack(np.broadcast_arrays(x[None, :], -x[:, None], -1.0), axis=-1)
    return np.array([0.0, 0.0, 2.2]), directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def in_blocks(pixels, side):
    """Rows of pixels (SIZE, SIZE, 3), block of side x side after block."""
    blocks = pixels.reshape(SIZE // side, side, SIZE // side, side, 3)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(-1, 3)


def random_rays():
    """From anywhere on a sphere of radius 1.5 to anywhere on one of 0.8."""
    random = np.random.default_rng(0)
    one, other = (random.normal(size=(RAYS, 3)) for _ in range(2))
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other))
    directions = 0.8 * other - 1.5 * one
    return 1.5 * one, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def peers(vertices, faces):
    """(name, function of origins and directions) of what is installed."""
    try:
        import trimesh
        from trimesh.ray.ray_pyembree import RayMeshIntersector

        caster = RayMeshIntersector(trimesh.Trimesh(vertices, faces, process=False))
        yield "trimesh with Embree", caster.intersects_first
    except ImportError:
        pass
    try:
        import open3d

        scene = open3d.t.geometry.RaycastingScene(nthreads=2)
        scene.add_triangles(
            open3d.core.Tensor(vertices.astype(np.float32)), open3d.core.Tensor(faces.astype(np.uint32))
        )

        def cast(origins, directions):
            return scene.cast_rays(open3d.core.Tensor(np.hstack([origins, directions]).astype(np.float32)))

        yield "Open3D", cast
    except ImportError:
        pass


if __name__ == "__main__":
    main()
