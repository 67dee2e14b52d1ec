"""Sets of shapes as the command makes them: pictures from the right side, voxels where the shapes are, seeds."""

import hashlib

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.errors import DataSetError, InputError
from taichi_dr.io.shape_views import load_shape_views
from taichi_dr.jobs.single_image.shape_views import Cameraman, make_shape_views, occupied
from taichi_dr.scene.procedural.categories import CATEGORIES

RED, GREEN, BLUE, WHITE = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_view_0_has_x_on_the_right_and_view_6_looks_from_x(cpu32):
    sides = {(1, 0, 0): RED, (-1, 0, 0): GREEN, (0, 0, 1): BLUE}
    spheres = [dr.shapes.icosphere(1, 0.1).numpy("vertices")[0] + 0.35 * np.array(side) for side in sides]
    faces = dr.shapes.icosphere(1).numpy("faces")
    count = len(spheres[0])
    mesh = dr.Mesh(
        np.concatenate(spheres),
        np.concatenate([faces + i * count for i in range(len(spheres))]),
        colors=np.repeat(list(sides.values()), count, axis=0),
    )
    pictures = Cameraman(0).take(mesh)
    assert pictures.shape == (24, 64, 64, 4)
    columns = {}
    for view in (0, 6):
        shown = pictures[view, ..., :3].astype(float) * (pictures[view, ..., 3:] > 250)
        for channel, name in enumerate("rgb"):
            mask = (shown[..., channel] > 80) & (shown.sum(axis=-1) < 1.2 * shown[..., channel])
            columns[view, name] = np.argwhere(mask).mean(axis=0)[1] - 31.5
    assert columns[0, "r"] > 10
    assert columns[0, "g"] < -10
    assert abs(columns[0, "b"]) < 1
    assert columns[6, "b"] < -10  # +z is on the left as seen from +x
    assert abs(columns[6, "r"]) < 1


def test_a_set_of_every_category(cpu32, tmp_path):
    told = []
    make_shape_views(tmp_path / "set", 8, seed=3, progress=lambda done, total: told.append((done, total)))
    train, test = (load_shape_views(tmp_path / "set", split) for split in ("train", "test"))
    assert told == [(i + 1, 16) for i in range(16)]
    assert train.names == tuple(CATEGORIES)
    assert train.categories.tolist() == test.categories.tolist() == list(range(8))
    covered = (train.images[..., 3] > 127).mean(axis=(2, 3))
    assert covered.min() > 0.01
    assert covered.max() < 0.5
    assert (train.voxels().sum(axis=(1, 2, 3)) > 100).all()
    assert not (train.voxels() == test.voxels()).all(axis=(1, 2, 3)).any()  # another seed
    edges = (train.images[..., 3] > 0) & (train.images[..., 3] < 255)
    assert edges.any(axis=(2, 3)).all()  # antialiased


def test_the_same_seed_makes_the_same_files(cpu32, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_shape_views(tmp_path / name, 8, seed=seed)
    first, second, other = (digest(tmp_path / name) for name in "abc")
    assert first == second
    assert first["train/images.npy"] != other["train/images.npy"]


def test_mesh_files_in_folders_are_categories(cpu32, tmp_path):
    for category, make in (("balls", dr.shapes.icosphere), ("boxes", dr.shapes.box)):
        for i in range(5):
            dr.save_mesh(make(), tmp_path / "meshes" / category / f"{i}.ply")
    make_shape_views(tmp_path / "set", 0, meshes=tmp_path / "meshes")
    train, test = (load_shape_views(tmp_path / "set", split) for split in ("train", "test"))
    assert (len(train), len(test), train.names) == (8, 2, ("balls", "boxes"))
    ball, box = test.voxels()
    assert ball.sum() / 32**3 == pytest.approx(np.pi / 6, rel=0.02)
    assert box.sum() / 32**3 == pytest.approx((1 / 3**0.5) ** 3, rel=0.15)  # of edges 1 / sqrt(3): 18.5 voxels


def test_what_an_open_surface_shuts_in_is_occupied(cpu32):
    sphere = dr.shapes.icosphere(3, 0.4)
    opened = dr.Mesh(sphere.numpy("vertices")[0], sphere.numpy("faces")[1:])  # a face is missing: smaller than a voxel
    closed, found = occupied(sphere), occupied(opened)
    assert found[closed].mean() > 0.99
    assert found.sum() / closed.sum() < 1.4  # the shell is half a voxel thicker


def test_what_cannot_be_made_is_refused(cpu32, tmp_path):
    with pytest.raises(InputError, match="--count: expected at least 8"):
        make_shape_views(tmp_path / "set", 7)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataSetError, match="expected folders of at least 5 meshes"):
        make_shape_views(tmp_path / "set", 8, meshes=tmp_path / "empty")
    assert not (tmp_path / "set").exists()
