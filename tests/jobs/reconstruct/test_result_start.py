"""A reconstruction that begins with another's result: places, faces, colours, handles, parts, what is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from taichi_dr import shapes
from taichi_dr.errors import DataSetError, FileError
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct import mesh as mesh_reconstruction
from taichi_dr.jobs.reconstruct.kinds import settings_class
from taichi_dr.jobs.reconstruct.result_start import colors_near, is_result, remeshed, start_mesh
from taichi_dr.jobs.reconstruct.run import reconstruct
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.measure.connectivity import connectivity
from taichi_dr.scene.mesh import Mesh

pytestmark = pytest.mark.usefixtures("own_runtime")

FACES = 6000
RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)


@pytest.fixture(scope="module", autouse=True)
def one_level():
    """Every further one would compile for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        level = dataclasses.replace(mesh_reconstruction.LEVELS[1], start=0.0)
        patch.setattr(mesh_reconstruction, "LEVELS", (level,))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images of a red torus, and beside it a blue ball: two parts, one handle."""
    folder = tmp_path_factory.mktemp("data")
    torus, ball = shapes.torus(), shapes.icosphere(3)
    vertices = [0.6 * torus.numpy("vertices")[0] - [0.7, 0, 0], 0.35 * ball.numpy("vertices")[0] + [0.7, 0, 0]]
    faces = [torus.numpy("faces"), ball.numpy("faces") + len(vertices[0])]
    colors = [np.tile(RED, (len(vertices[0]), 1)), np.tile(BLUE, (len(vertices[1]), 1))]
    save_mesh(Mesh(*map(np.concatenate, (vertices, faces)), colors=np.concatenate(colors)), folder / "two.ply")
    made = {"views": 12, "test_views": 3, "size": 64, "samples": 2, "lighting": "none", "backend": "cpu"}
    make_dataset(DatasetSettings(str(folder / "two.ply"), folder / "two", **made))
    return folder / "two"


def test_a_folder_called_as_a_shape_is_no_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("sphere", "hull", "ball", "other"):
        (tmp_path / name).mkdir()
    assert [is_result(name) for name in ("sphere", "hull", "ball", "./sphere", "other")] == [False] * 3 + [True] * 2


def run(data, out, kind, **options):
    given = {"steps": 20, "backend": "cpu", "resolution": 64} | options
    if kind == "mesh":
        del given["resolution"]
        given |= {"faces": FACES}
    return reconstruct(settings_class(kind)(data, out, **given)).metrics


@pytest.fixture(scope="module")
def solid(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "sdf"
    return folder, run(data, folder, "sdf")


def test_a_mesh_has_the_handles_and_parts_of_the_solid_it_began_as(data, solid, tmp_path, record_property):
    found = run(data, tmp_path / "mesh", "mesh", init=str(solid[0]))
    shape = connectivity(load_mesh(tmp_path / "mesh" / "mesh.ply"))
    assert (shape.parts, shape.genus, shape.is_watertight) == (2, 1, True)
    assert found["model"]["euler_characteristic"] == 0 + 2
    assert found["held_out"]["iou"] > max(0.93, solid[1]["held_out"]["iou"] - 0.005)
    record_property("held-out IoU of solid and mesh", (solid[1]["held_out"]["iou"], found["held_out"]["iou"]))
    print(f"held-out IoU {solid[1]['held_out']['iou']:.4f} -> {found['held_out']['iou']:.4f}, 2 parts, genus 1")
    mesh = load_mesh(tmp_path / "mesh" / "mesh.ply")
    right = mesh.numpy("vertices")[0][:, 0] > 0.3
    colors = mesh.numpy("colors")[0]
    np.testing.assert_allclose(np.median(colors[right], axis=0), BLUE, atol=0.06)
    np.testing.assert_allclose(np.median(colors[~right], axis=0), RED, atol=0.06)


def test_a_field_becomes_a_mesh_and_a_mesh_a_solid(data, tmp_path):
    run(data, tmp_path / "grid", "grid", steps=150)
    meshed = run(data, tmp_path / "mesh", "mesh", init=str(tmp_path / "grid"), steps=10)
    assert meshed["model"]["euler_characteristic"] == 2
    assert meshed["held_out"]["iou"] > 0.92
    solid = run(data, tmp_path / "sdf", "sdf", init=str(tmp_path / "mesh"), steps=5)
    assert (solid["model"]["parts"], solid["model"]["genus"]) == (2, 1)
    assert solid["held_out"]["iou"] > 0.92
    shutil.rmtree(tmp_path / "mesh")  # a run goes on without what it began as
    assert run(data, tmp_path / "sdf", "sdf", resume=True, steps=7)["steps"] == 7


def test_a_field_begins_as_the_surface_of_a_solid(data, solid, tmp_path):
    """A few steps after, it is well ahead of one that began as fog."""
    fog = run(data, tmp_path / "fog", "grid", steps=5)["held_out"]
    found = run(data, tmp_path / "grid", "grid", steps=5, init=str(solid[0]))["held_out"]
    assert found["psnr"] > fog["psnr"] + 1.5
    assert found["iou"] > fog["iou"] + 0.4


def test_what_is_no_result_is_refused(data, solid, tmp_path):
    with pytest.raises(FileError, match=f"--init {data}: holds no finished reconstruction.*expected a folder that"):
        run(data, tmp_path / "out", "mesh", init=str(data))
    with pytest.raises(FileError, match="--init moon: no such file"):
        run(data, tmp_path / "out", "sdf", init="moon")
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    shutil.copy(solid[0] / "state.npz", unfinished)
    with pytest.raises(FileError, match="--resume finishes it first"):
        run(data, tmp_path / "out", "mesh", init=str(unfinished))
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(solid[0] / "metrics.json", empty)
    with pytest.raises(FileError, match=r"has no mesh\.ply"):
        run(data, tmp_path / "out", "mesh", init=str(empty))
    (empty / "metrics.json").write_text("[]")
    with pytest.raises(FileError, match="is none that taichi-dr reconstruct wrote"):
        run(data, tmp_path / "out", "mesh", init=str(empty))
    (empty / "metrics.json").write_text(json.dumps({"as": "cloud", "files": [], "settings": {}}))
    with pytest.raises(FileError, match="is none that taichi-dr reconstruct wrote"):
        run(data, tmp_path / "out", "mesh", init=str(empty))
    assert not (tmp_path / "out").exists()


def test_a_surface_in_another_place_is_refused(data, solid, tmp_path):
    """As of cameras whose origin is elsewhere."""
    moved = tmp_path / "moved"
    shutil.copytree(solid[0], moved)
    mesh = load_mesh(moved / "mesh.ply")
    mesh.set("vertices", mesh.numpy("vertices") + np.float32([0, 5, 0]))
    save_mesh(mesh, moved / "mesh.ply")
    posed = load_posed_images(data, "train")
    fit = fit_scene(posed)
    with pytest.raises(DataSetError, match="is not where these images show something"):
        start_mesh(moved, fit, fit.to_unit(posed))


@pytest.mark.parametrize("faces", [500, 5000])
def test_a_torus_of_other_faces_is_the_same_torus(cpu32, faces):
    torus = shapes.torus()
    made = remeshed(torus, faces)
    assert 0.6 * faces < made.face_count <= faces
    shape = connectivity(made)
    assert (shape.parts, shape.genus, shape.is_watertight) == (1, 1, True)
    a, b, c = np.moveaxis(made.numpy("vertices")[0][made.numpy("faces")].astype(float), 1, 0)
    volume = np.einsum("fk,fk->f", a, np.cross(b, c)).sum() / 6
    own = torus.numpy("vertices")[0][torus.numpy("faces")].astype(float)
    expected = np.einsum("fk,fk->f", own[:, 0], np.cross(own[:, 1], own[:, 2])).sum() / 6
    assert volume == pytest.approx(expected, rel=0.03 if faces == 5000 else 0.12)
    assert volume > 0  # its faces look outwards


def test_colours_are_those_of_the_nearest_vertices(cpu32):
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], colors=[RED, BLUE, (0, 1, 0)])
    np.testing.assert_allclose(colors_near(mesh, [[0.1, 0.1, 0], [0.9, 0, 0.2]]), [RED, BLUE], atol=1e-6)
