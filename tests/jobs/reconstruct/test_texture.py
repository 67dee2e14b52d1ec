"""Textures of reconstructions: better than vertex colours in views held out, kept through resuming, whole in files."""

import io
import json
import os
import signal
import struct

import numpy as np
import pytest
import trimesh
from PIL import Image

import taichi_dr as dr
from taichi_dr import shapes
from taichi_dr.errors import InputError
from taichi_dr.io.images import load_image, srgb_to_linear
from taichi_dr.io.meshes import load_mesh, save_mesh
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.reconstruct import checkpoint
from taichi_dr.jobs.reconstruct import mesh as mesh_reconstruction
from taichi_dr.jobs.reconstruct.mesh import LIGHT_FILE, MeshReconstruction
from taichi_dr.jobs.reconstruct.run import REPORTS, reconstruct
from taichi_dr.jobs.reconstruct.skipped_steps import SkippedSteps
from taichi_dr.jobs.reconstruct.texture import TextureFit
from taichi_dr.jobs.reconstruct.view_groups import ViewGroups, unit_camera
from taichi_dr.jobs.report.metrics import compare
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.texture import xatlas_charts

STEPS = 20
SIZE = 64  # of pictures and textures

WRITTEN = {*MeshReconstruction.FILES} - {LIGHT_FILE}


def pattern(points):
    """Linear RGB that the vertices of ``coarse`` are too far apart for."""
    return 0.5 + 0.4 * np.sin(11 * points + (0.0, 1.0, 2.0))


def colored(level):
    mesh = shapes.icosphere(level)
    vertices = mesh.numpy("vertices")[0]
    return dr.Mesh(vertices, mesh.numpy("faces"), colors=pattern(vertices))


def posed_ball(views, turn):
    """Pictures of a ball in this pattern from ``views`` directions, spread over the sphere."""
    height = 1 - (2 * np.arange(views) + 1) / views
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(views) + turn
    backward = np.stack(
        [np.sqrt(1 - height**2) * np.cos(angle), height, np.sqrt(1 - height**2) * np.sin(angle)], axis=1
    )
    right = np.cross([0, 1, 0], backward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    matrices = np.tile(np.eye(4), (views, 1, 1))
    matrices[:, :3, :3] = np.stack([right, np.cross(backward, right), backward], axis=2)
    matrices[:, :3, 3] = 4 * backward
    names = tuple(f"view {view}" for view in range(views))
    blank = np.zeros((views, SIZE, SIZE, 3), np.float32)
    lens = np.full((views, 2), 1.7 * SIZE), np.full((views, 2), SIZE / 2)
    posed = PosedImages(blank, blank[..., 0], matrices, *lens, names)
    pictures = dr.supersampled(colored(5), unit_camera(posed), SIZE, samples=3)
    return PosedImages(pictures[..., :3], pictures[..., 3], matrices, *lens, names)


@pytest.fixture
def boxes(monkeypatch):
    """Charts by box projection, whether xatlas is there or not."""
    monkeypatch.setattr(xatlas_charts, "is_installed", lambda: False)


def score(mesh, posed):
    pictures = np.concatenate([posed.images, posed.alpha[..., None]], axis=-1)
    return compare(dr.supersampled(mesh, unit_camera(posed), SIZE, samples=3), pictures)["psnr"]


@pytest.mark.usefixtures("cpu32", "boxes")
def test_views_held_out_gain_by_baking_and_by_optimising():
    train, held_out, mesh = posed_ball(16, 0.0), posed_ball(5, 1.0), colored(2)
    fit = TextureFit(mesh, ViewGroups(train, 2, [0]), 0, SIZE)
    plain, baked = score(mesh, held_out), score(fit.mesh, held_out)
    for step in range(12):
        moved, record = fit.step(step / 12)
        assert moved
        assert (record is None) == (step % 5 > 0)
    # Measured: 21.7, 29.2 and 30.0 dB.
    assert plain + 6 < baked < score(fit.mesh, held_out) - 0.5
    texture = fit.mesh.numpy("texture")
    assert texture.min() >= 0
    assert texture.max() <= 1
    assert fit.describe() == {
        "size": SIZE,
        "charts_by": "box projection",
        "charts": 6,
        "texels": len(fit._atlas.known),
        "texels_that_no_image_shows": 0,
    }


@pytest.mark.usefixtures("cpu32", "boxes")
def test_texels_that_no_image_shows_continue_the_colours_around_them():
    train, mesh = posed_ball(16, 0.0), colored(2)
    above = train.subset(np.flatnonzero(train.camera_to_world[:, 1, 3] > 2))
    fit = TextureFit(mesh, ViewGroups(above, 2, [0]), 0, SIZE)
    assert 0.2 < fit.describe()["texels_that_no_image_shows"] / fit.describe()["texels"] < 0.5
    below = fit._atlas.at_texels(mesh.numpy("vertices")[0][mesh.numpy("faces")])[:, 1] < -0.8
    before = fit.mesh.numpy("texture").reshape(-1, 3)
    assert np.ptp(before[fit._atlas.known][~below], axis=0).min() > 0.7
    assert np.ptp(before[fit._atlas.known][below], axis=0).max() < 0.25
    for step in range(6):
        fit.step(step / 6)
    moved = np.abs(fit.mesh.numpy("texture").reshape(-1, 3) - before).max(axis=1)
    assert moved.max() > 5e-3
    assert np.median(moved[fit._atlas.known][below]) < 1e-5  # moved by coarse levels of the texture alone
    assert moved[fit._atlas.known][below].max() < 1e-3


@pytest.mark.usefixtures("cpu32", "boxes")
def test_a_texture_goes_on_where_it_left_off():
    groups, mesh = ViewGroups(posed_ball(8, 0.0), 2, [0]), colored(2)
    fit = TextureFit(mesh, groups, 0, SIZE)
    for step in range(3):
        fit.step(step / 6)
    header, arrays = fit.state()
    again = TextureFit.restored(mesh, groups, 0, json.loads(json.dumps(header)), arrays)
    assert again.describe() == fit.describe()
    assert np.array_equal(again.mesh.numpy("texture"), fit.mesh.numpy("texture"))
    for step in range(3, 6):
        fit.step(step / 6)
        again.step(step / 6)
    np.testing.assert_allclose(again.mesh.numpy("texture"), fit.mesh.numpy("texture"), atol=1e-4)  # atomic sums


def test_the_shape_has_its_share_of_the_budget_and_then_the_texture(monkeypatch):
    taken = []
    run = object.__new__(MeshReconstruction)
    run._settings, run._texture, run._skipped = MeshSettings("a", "b", texture=SIZE), None, SkippedSteps("")

    class Fit:
        def step(self, fraction):
            return True, taken.append(("texture", round(fraction, 9)))

    monkeypatch.setattr(run, "_step_shape", lambda fraction: taken.append(("shape", round(fraction, 9))), raising=False)
    monkeypatch.setattr(run, "_new_texture", lambda: taken.append("baked") or Fit(), raising=False)
    for fraction in (0.0, 0.45, 0.9, 0.95, 0.63):  # the last one: resumed with a larger budget
        run.step(fraction)
    assert taken == [("shape", 0), ("shape", 0.5), "baked", ("texture", 0), ("texture", 0.5), ("shape", 0.7)]
    assert run._texture is None
    run._settings = MeshSettings("a", "b")
    run.step(0.95)
    assert taken[-1] == ("shape", 0.95)


# A whole run, which Ctrl-C ends before the texture's share of the budget, and which is resumed


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Summaries of the run when it was stopped and at its end, and the texture that it had when it was stopped."""
    folder = tmp_path_factory.mktemp("runs")
    data = folder / "data"
    make_dataset(DatasetSettings("car", data, views=6, test_views=2, size=32, samples=2, backend="cpu"))
    settings = MeshSettings(data, folder / "out", steps=STEPS, batch=3, texture=SIZE, backend="cpu")
    plain_step = MeshReconstruction.step

    def step_then_interrupt(self, fraction):
        if fraction >= 0.5:
            os.kill(os.getpid(), signal.SIGINT)
        return plain_step(self, fraction)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xatlas_charts, "is_installed", lambda: False)
        patch.setattr(mesh_reconstruction, "LEVELS", mesh_reconstruction.LEVELS[:1])
        patch.setattr(mesh_reconstruction, "SHAPE_SHARE", 0.7)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(MeshReconstruction, "step", step_then_interrupt)
            stopped = reconstruct(settings)
        baked = (settings.out / "mesh_texture.png").read_bytes()
        yield stopped, reconstruct(MeshSettings(data, settings.out, resume=True, backend="cpu")), baked


@pytest.mark.usefixtures("own_runtime")
def test_a_run_writes_a_texture_beside_vertex_colours(runs):
    _, run, _ = runs
    assert not run.interrupted
    assert {path.name for path in run.folder.iterdir()} == {*REPORTS, *WRITTEN}
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert set(metrics["files"]) == WRITTEN
    variants = metrics["held_out_variants"]
    assert set(variants) == {"vertex colours"}
    assert variants["vertex colours"]["iou"] == pytest.approx(metrics["held_out"]["iou"])
    assert variants["vertex colours"]["psnr"] != metrics["held_out"]["psnr"]
    assert metrics["model"]["texture"]["size"] == SIZE
    header, arrays = checkpoint.load_state(run.folder / checkpoint.NAME)
    assert header["marks"] == [0.7 * STEPS + 1]
    assert header["model"]["texture"]["step"] == 0.3 * STEPS
    assert arrays["model/texture/texture"].shape == (SIZE, SIZE, 3)


@pytest.mark.usefixtures("own_runtime")
def test_a_run_stopped_before_its_texture_has_one_that_is_baked(runs):
    stopped, run, baked = runs
    assert stopped.interrupted
    assert set(stopped.metrics["files"]) == WRITTEN
    assert stopped.metrics["model"]["texture"]["texels"] > 1000
    assert set(stopped.metrics["held_out_variants"]) == {"vertex colours"}
    assert (run.folder / "mesh_texture.png").read_bytes() != baked


def json_and_binary(path):
    """The two chunks of a GLB file, checked as its specification (glTF 2.0, section 4) prescribes."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    chunks, at = [], 12
    while at < len(data):
        size, kind = struct.unpack_from("<I4s", data, at)
        assert size % 4 == 0
        chunks.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size
    assert at == len(data)
    assert [kind for kind, _ in chunks] == [b"JSON", b"BIN\0"]
    return json.loads(chunks[0][1]), chunks[1][1]


def accessor(gltf, binary, index):
    """The numbers of an accessor, checked against its buffer view, buffer and bounds."""
    found = gltf["accessors"][index]
    view = gltf["bufferViews"][found["bufferView"]]
    components = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[found["type"]]
    dtype = np.dtype({5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[found["componentType"]])
    start = view.get("byteOffset", 0) + found.get("byteOffset", 0)
    bytes_needed = found["count"] * components * dtype.itemsize
    assert "byteStride" not in view or view["byteStride"] == components * dtype.itemsize
    assert found.get("byteOffset", 0) + bytes_needed <= view["byteLength"]
    assert (
        view.get("byteOffset", 0) + view["byteLength"] <= gltf["buffers"][view["buffer"]]["byteLength"] <= len(binary)
    )
    assert start % dtype.itemsize == 0
    values = np.frombuffer(binary, dtype, found["count"] * components, start).reshape(found["count"], components)
    for bound, reached in (("min", values.min(axis=0)), ("max", values.max(axis=0))):
        if bound in found:
            np.testing.assert_allclose(found[bound], reached, rtol=1e-6)
    return values


@pytest.mark.usefixtures("own_runtime")
def test_the_glb_is_what_viewers_expect(runs):
    folder = runs[1].folder
    gltf, binary = json_and_binary(folder / "mesh.glb")
    assert gltf["asset"]["version"] == "2.0"
    (primitive,) = [part for mesh in gltf["meshes"] for part in mesh["primitives"]]
    assert primitive.get("mode", 4) == 4
    attributes = {name: accessor(gltf, binary, index) for name, index in primitive["attributes"].items()}
    assert {"POSITION", "TEXCOORD_0"} <= set(attributes)
    assert {"min", "max"} <= set(gltf["accessors"][primitive["attributes"]["POSITION"]])
    faces = accessor(gltf, binary, primitive["indices"])
    assert faces.max() == len(attributes["POSITION"]) - 1
    assert {len(values) for values in attributes.values()} == {len(attributes["POSITION"])}
    uv = attributes["TEXCOORD_0"]
    assert uv.min() >= 0
    assert uv.max() <= 1
    material = gltf["materials"][primitive["material"]]
    surface = material["pbrMetallicRoughness"]
    assert (surface["metallicFactor"], surface["roughnessFactor"]) == (0, 1)
    assert surface.get("baseColorFactor", [1, 1, 1, 1]) == [1, 1, 1, 1]
    assert material.get("alphaMode", "OPAQUE") == "OPAQUE"
    assert material["extensions"] == {"KHR_materials_unlit": {}}
    assert gltf["extensionsUsed"] == ["KHR_materials_unlit"]
    texture = gltf["textures"][surface["baseColorTexture"]["index"]]
    assert surface["baseColorTexture"].get("texCoord", 0) == 0
    image = gltf["images"][texture["source"]]
    assert image["mimeType"] == "image/png"
    view = gltf["bufferViews"][image["bufferView"]]
    start = view.get("byteOffset", 0)
    pixels = np.asarray(Image.open(io.BytesIO(binary[start : start + view["byteLength"]])).convert("RGB"))
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(folder / "mesh_texture.png").convert("RGB")))


def read_by_hand(path):
    """The mesh in a GLB file, by what the specification says: v points down, colours of textures are sRGB."""
    gltf, binary = json_and_binary(path)
    primitive = gltf["meshes"][0]["primitives"][0]
    material = gltf["materials"][primitive["material"]]
    image = gltf["images"][gltf["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]["source"]]
    view = gltf["bufferViews"][image["bufferView"]]
    start = view.get("byteOffset", 0)
    pixels = np.asarray(Image.open(io.BytesIO(binary[start : start + view["byteLength"]])).convert("RGB"))
    uv = accessor(gltf, binary, primitive["attributes"]["TEXCOORD_0"]) * (1, -1) + (0, 1)
    vertices = accessor(gltf, binary, primitive["attributes"]["POSITION"])
    faces = accessor(gltf, binary, primitive["indices"]).reshape(-1, 3)
    return dr.Mesh(vertices, faces.astype(np.int64), uv=uv, texture=srgb_to_linear(pixels / 255))


def read_by_trimesh(path):
    mesh = trimesh.load_mesh(path, process=False)
    pixels = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    return dr.Mesh(mesh.vertices, mesh.faces, uv=mesh.visual.uv, texture=srgb_to_linear(pixels / 255))


@pytest.mark.usefixtures("own_runtime")
def test_every_file_shows_the_same_picture(runs):
    dr.init("cpu")
    folder = runs[1].folder
    _, arrays = checkpoint.load_state(folder / checkpoint.NAME)
    names = {"uv": "uv", "uv_faces": "uv_faces", "texture": "texture"}
    model = {key: arrays[f"model/texture/{name}"] for key, name in names.items()}
    vertices = load_mesh(folder / "mesh.obj").numpy("vertices")
    fitted = dr.Mesh(vertices, arrays["model/faces"], **model).normalized()
    camera = dr.Camera.orbit([30, 210], 20, 2.5, fov_y_deg=50)
    wanted = dr.supersampled(fitted, camera, 96)
    assert np.ptp(wanted[..., :3][wanted[..., 3] > 0.5], axis=0).min() > 0.2
    for read, name in (
        (load_mesh, "mesh.glb"),
        (load_mesh, "mesh.obj"),
        (read_by_hand, "mesh.glb"),
        (read_by_trimesh, "mesh.glb"),
    ):
        shown = dr.supersampled(read(folder / name).normalized(), camera, 96)
        np.testing.assert_allclose(shown, wanted, atol=0.01)  # of 8 bits
    assert load_image(folder / "mesh_texture.png").shape == (SIZE, SIZE, 3)
    vertex_colored = load_mesh(folder / "mesh.ply")
    assert not vertex_colored.has("texture")
    difference = np.abs(vertex_colored.numpy("colors") - arrays["model/colors"])
    assert difference.max() < 0.01


@pytest.mark.parametrize("texture", [63, 4097])
def test_sizes_that_make_no_sense_are_refused(texture):
    with pytest.raises(InputError, match=f"--texture: expected 64 to 4096 texels, got {texture}"):
        MeshSettings("a", "b", texture=texture).check()


def test_without_a_texture_there_is_nothing_of_it(cpu32, tmp_path):
    save_mesh(colored(1), tmp_path / "mesh.glb", unlit=True)
    gltf, binary = json_and_binary(tmp_path / "mesh.glb")
    attributes = gltf["meshes"][0]["primitives"][0]["attributes"]
    assert "COLOR_0" in attributes
    assert "TEXCOORD_0" not in attributes
    assert not {"materials", "extensionsUsed"} & set(gltf)
    assert accessor(gltf, binary, attributes["COLOR_0"]).shape == (42, 4)
