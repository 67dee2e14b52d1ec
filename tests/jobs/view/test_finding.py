"""Which content a name means, whatever a file is called; and what is said of names that mean none."""

import json
import shutil

import numpy as np
import pytest
from jobs.view.ball_field import write_ball_field
from oracles import photographs
from oracles.photographs import NAMES

from taichi_dr.errors import DataSetError, FileError
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.io.images import save_image
from taichi_dr.io.meshes import save_mesh
from taichi_dr.jobs.view.field import Field
from taichi_dr.jobs.view.finding import find_content
from taichi_dr.jobs.view.photographs import Photographs
from taichi_dr.jobs.view.surface import Surface
from taichi_dr.scene import shapes

FOCAL, CENTER = (60.0, 60.0), (32.0, 24.0)


def write_solid(path):
    """A ball of radius 0.6."""
    axis = np.linspace(-1, 1, 17)
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    distances = np.linalg.norm(places, axis=-1) - 0.6
    ColoredSolid(distances, np.full((*distances.shape, 3), 0.5), np.full(3, -1.0), 0.125).save(path)


@pytest.fixture
def folder(cpu32, tmp_path):
    """Files of every kind, under names that other kinds usually have."""
    folder = tmp_path / "odd"
    folder.mkdir()
    box = shapes.box()
    for name in ("cameras_rig.obj", "cameras.ply", "images.stl", "points3D.off", "transforms.GLB", "poses_bounds.obj"):
        save_mesh(box, folder / name)
    write_solid(folder / "cameras_sphere.npz")
    shutil.copy(folder / "cameras_sphere.npz", folder / "BALL.NPZ")
    write_ball_field(folder / "mesh.npz")
    model = folder / "model"
    photographs.save_photographs(model / "images", FOCAL, CENTER)
    photographs.write_colmap(model / "sparse" / "0", "PINHOLE", (*FOCAL, *CENTER), True)
    photographs.write_colmap(model / "text", "PINHOLE", (*FOCAL, *CENTER), False)
    for name in ("rigs.bin", "frames.bin", "project.ini"):
        (model / "sparse" / "0" / name).write_bytes(b"of newer COLMAPs")
    save_mesh(box, model / "sparse" / "0" / "fused.ply")
    photographs.write_nerfstudio(model / "rig.json", FOCAL, CENTER)
    photographs.save_photographs(folder / "neus" / "image", FOCAL, CENTER, [f"{i}.png" for i in range(len(NAMES))])
    photographs.write_neus(folder / "neus" / "linear_init.npz", FOCAL, CENTER, (0, 0, 0, 1))
    photographs.save_photographs(folder / "phone" / "rgb", FOCAL, CENTER, [f"{i}.png" for i in range(len(NAMES))])
    photographs.write_record3d(folder / "phone" / "recording.json", FOCAL, CENTER, True)
    return folder


def test_what_is_in_a_file_counts_not_what_it_is_called(folder):
    meshes = (
        "cameras_rig.obj cameras.ply images.stl points3D.off transforms.GLB poses_bounds.obj model/sparse/0/fused.ply"
    )
    binary = ("cameras.bin", "images.bin", "points3D.bin", "rigs.bin", "project.ini")
    model = [f"model/sparse/0/{name}" for name in binary]
    text = [f"model/text/{name}.txt" for name in ("cameras", "images", "points3D")]
    expected = dict.fromkeys([*meshes.split(), "cameras_sphere.npz", "BALL.NPZ"], Surface) | {"mesh.npz": Field}
    posed = ["model", *model, *text, "model/rig.json", "neus/linear_init.npz", "phone/recording.json"]
    for name, kind in (expected | dict.fromkeys(posed, Photographs)).items():
        content = find_content(str(folder / name))
        assert type(content) is kind, name
        assert len(content.poses) == (len(NAMES) if kind is Photographs else 0), name


def test_posed_images_of_any_split_and_without_some_of_their_pictures(cpu32, tmp_path):
    photographs.save_photographs(tmp_path / "images", FOCAL, CENTER)
    photographs.write_nerfstudio(tmp_path / "transforms_val.json", FOCAL, CENTER)
    (tmp_path / "images" / NAMES[0]).unlink()
    with pytest.warns(UserWarning, match="1 missing images are left out"):
        content = find_content(str(tmp_path))
    assert len(content.poses) == len(NAMES) - 1


def test_a_folder_of_posed_images_may_have_a_mesh_and_be_called_as_a_shape(folder, tmp_path, monkeypatch):
    shutil.copytree(folder / "model", tmp_path / "car")
    save_mesh(shapes.box(), tmp_path / "car" / "mesh.ply")
    monkeypatch.chdir(tmp_path)
    assert type(find_content("car")) is Photographs
    (tmp_path / "car" / "metrics.json").write_text("{}")  # reconstruct wrote it
    assert type(find_content("car")) is Surface
    (tmp_path / "torus").mkdir()
    assert type(find_content("torus")) is Surface


def test_names_that_are_spelt_alike_are_given(tmp_path):
    (tmp_path / "photographs").mkdir()
    (tmp_path / "spot.obj").write_text("")
    for name, near in {
        "spott.obj": "spot.obj",
        "spot.npz": "spot.obj",
        "photograph": "photographs",
        "photografs/transforms.json": "photographs",
    }.items():
        with pytest.raises(FileError, match=rf"no such file, nor a shape .*did you mean {tmp_path / near}\?"):
            find_content(str(tmp_path / name))
    with pytest.raises(FileError, match=r"did you mean torus\?"):
        find_content("taurus")


def test_what_cannot_be_shown_is_told_from_what_can(tmp_path):
    save_image(tmp_path / "a.png", np.zeros((4, 4, 3)))
    with pytest.raises(FileError, match=r"a\.png: is one picture; expected the folder"):
        find_content(str(tmp_path / "a.png"))
    with pytest.raises(DataSetError, match="nor has it a COLMAP model"):
        find_content(str(tmp_path))
    (tmp_path / "two").mkdir()
    save_mesh(shapes.box(), tmp_path / "two" / "mesh.ply")
    save_mesh(shapes.box(), tmp_path / "one.obj")
    with pytest.raises(FileError, match=r"neither a result nor posed images; did you mean .*one\.obj or .*two\?"):
        find_content(str(tmp_path))
    (tmp_path / "notes.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(DataSetError, match=r"notes\.json"):
        find_content(str(tmp_path / "notes.json"))
