"""Makes a set of shapes in 24 views: procedural ones, or those of mesh files."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from taichi_dr.errors import DataSetError, InputError
from taichi_dr.io.folders import whole_folder
from taichi_dr.io.images import linear_to_srgb
from taichi_dr.io.meshes import load_mesh
from taichi_dr.io.shape_views import (
    RESOLUTION,
    SIZE,
    VIEWS,
    ShapeViews,
    pack_voxels,
    save_shape_views,
    view_camera,
    write_description,
)
from taichi_dr.measure.connectivity import connectivity
from taichi_dr.measure.surface import SampledSurface
from taichi_dr.measure.volume import voxels
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.scene.light import DirectionalLight, Lights
from taichi_dr.scene.procedural.categories import CATEGORIES, RADIUS, random_shape

SAMPLES = 3  # per pixel, squared: as fast as analytic antialiasing here, and right for parts thinner than a pixel
SUFFIXES = (".ply", ".obj", ".glb", ".gltf", ".stl", ".off")
EVERY_HELD_OUT = 5  # of files, one in five is for the test
TEST_PART = 10  # of procedural shapes, a tenth as many are made for the test
SURFACE_SAMPLES = 200_000


def make_shape_views(folder, count, seed=0, meshes=None, progress=None):
    """Makes the set of ``count`` training shapes (and a tenth as many of another seed for the test) in ``folder``.

    With ``meshes``, a folder of folders of mesh files, the set is of those: one in five is held out for the test, and
    the folders are the categories.  Every shape has lights of its own.  ``progress(done, total)`` is called as shapes
    are finished.  Taichi must be initialised.

    Raises:
        InputError: fewer shapes than categories.
        DataSetError: no mesh files in ``meshes``, or too few to hold one out.
        FileError: a mesh that cannot be read, or a folder that cannot be written.
    """
    if meshes is None:
        names, splits = tuple(CATEGORIES), _procedural(count, seed)
        made = {"of": "procedural shapes", "count": count, "seed": seed}
    else:
        names, splits = _files(Path(meshes))
        made = {"of": f"the meshes in {Path(meshes).name}", "seed": seed}
    total, done = sum(map(len, splits.values())), 0
    camera = Cameraman(seed)
    with whole_folder(folder) as partial:
        for split, shapes in splits.items():
            views = _empty(len(shapes), names)
            for i, (category, make) in enumerate(shapes):
                mesh = make()
                views.images[i], views.categories[i] = camera.take(mesh), category
                views.packed_voxels[i] = pack_voxels(occupied(mesh))
                done += 1
                if progress is not None:
                    progress(done, total)
            save_shape_views(partial, split, views)
        write_description(partial, names, made)


def _empty(count, names):
    images = np.empty((count, VIEWS, SIZE, SIZE, 4), np.uint8)
    return ShapeViews(images, np.empty((count, RESOLUTION**3 // 8), np.uint8), np.empty(count, np.uint8), names)


def _procedural(count, seed):
    """``{split: [(category, function that makes the shape), ...]}``; the splits differ in seed."""
    names = list(CATEGORIES)
    if count < len(names):
        raise InputError(f"--count: expected at least {len(names)}, a shape for each category, got {count}")

    def shape(i, number):
        return i % len(names), lambda: random_shape(names[i % len(names)], number, i // len(names))

    held_out = max(len(names), count // TEST_PART)
    return {
        "train": [shape(i, 2 * seed) for i in range(count)],
        "test": [shape(i, 2 * seed + 1) for i in range(held_out)],
    }


def _files(folder):
    """Categories, and ``_procedural``'s splits, of the mesh files in the folders of a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            found.setdefault(path.parent.name, []).append(path)
    names = tuple(sorted(found))
    if sum(map(len, found.values())) < EVERY_HELD_OUT:
        raise DataSetError(f"{folder}: expected folders of at least {EVERY_HELD_OUT} meshes ({', '.join(SUFFIXES)})")
    splits = {"train": [], "test": []}
    for category, name in enumerate(names):
        for i, path in enumerate(found[name]):
            split = "test" if i % EVERY_HELD_OUT == EVERY_HELD_OUT - 1 else "train"
            splits[split].append((category, lambda path=path: load_mesh(path).normalized(RADIUS)))
    return names, splits


class Cameraman:
    """Takes the 24 pictures of shapes, each in light of its own."""

    def __init__(self, seed):
        self._random = np.random.default_rng([seed, 1])
        self._sampler, self._camera = Supersampler(SIZE, SAMPLES), view_camera(np.arange(VIEWS))
        self._lights = Lights(0.5, DirectionalLight((0, 1, 0)))

    def take(self, mesh):
        """(24, 64, 64, 4) uint8 of a mesh: sRGB with straight alpha."""
        azimuth, height = self._random.uniform(0, 2 * np.pi), self._random.uniform(0.5, 1.5)
        towards = (np.cos(azimuth), height, np.sin(azimuth))
        ambient = self._random.uniform(0.4, 0.7)
        self._lights.set(ambient, DirectionalLight(towards, 1.1 - ambient))
        pictures = self._sampler.render(mesh, self._camera, self._lights)
        pictures[..., :3] = linear_to_srgb(np.clip(pictures[..., :3], 0, 1))
        return (pictures * 255 + 0.5).astype(np.uint8)


def occupied(mesh):
    """(32, 32, 32) bool: the voxels of the cube [-0.5, 0.5]^3 whose centres the mesh encloses.

    Of a surface that is not closed: the voxels that it runs through, and what they shut in.
    """
    triangles = mesh.numpy("vertices")[0].astype(np.float64)[mesh.topology.faces]
    if mesh.topology.is_closed or connectivity(mesh).is_watertight:
        return voxels(triangles, RESOLUTION)
    points = SampledSurface(triangles, SURFACE_SAMPLES, 0, mesh.name).points
    shell = np.zeros((RESOLUTION,) * 3, bool)
    shell[tuple(np.clip((points + 0.5) * RESOLUTION, 0, RESOLUTION - 1).astype(int).T)] = True
    return ndimage.binary_fill_holes(shell)
