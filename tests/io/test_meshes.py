"""Mesh files: real ones, hand-written ones, round trips through every format, and broken ones."""

import struct
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taichi_dr.errors import FileError, GeometryError, InputError
from taichi_dr.io.images import linear_to_srgb, save_image, srgb_to_linear
from taichi_dr.io.meshes import SUFFIXES, load_mesh, load_parts, save_mesh
from taichi_dr.io.obj import read_obj
from taichi_dr.io.polygons import triangulate
from taichi_dr.io.triangles import Surface, corner_colors, sample_texture
from taichi_dr.scene import shapes
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh

MESHES = Path(__file__).parents[3] / "shared" / "data" / "meshes"
real = pytest.mark.skipif(not MESHES.is_dir(), reason="the real meshes are not on this machine")

CORNERS = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\n"


def write(path, text):
    path.write_text(text)
    return path


@real
@pytest.mark.parametrize(
    ("name", "vertices", "faces", "uv", "closed"),
    [
        ("spot", 2930, 5856, 3225, True),
        ("spot_triangulated", 2930, 5856, 3225, True),
        ("cow", 2903, 5804, None, True),
        ("teapot", 3644, 6320, None, False),
        ("stanford-bunny", 35947, 69451, None, False),
    ],
)
def test_real_meshes(cpu32, name, vertices, faces, uv, closed):
    mesh = load_mesh(MESHES / f"{name}.obj", normalize=True)
    assert (mesh.vertex_count, mesh.face_count) == (vertices, faces)
    assert (mesh.uv and mesh.uv.shape) == (uv and (uv,))
    assert mesh.topology.is_closed == closed
    assert np.linalg.norm(mesh.numpy("vertices"), axis=-1).max() == pytest.approx(1)
    assert (mesh.texture is not None) == (name == "spot_triangulated")


@real
def test_spots_texture_sits_where_it_should(cpu32):
    """Spot's eyes are the darkest part of the texture; they are on the head (high up), left and right."""
    mesh = load_mesh(MESHES / "spot_triangulated.obj")
    assert mesh.texture.shape == (1024, 1024)
    assert load_mesh(MESHES / "spot.obj", texture=MESHES / "spot_texture.png").texture.shape == (1024, 1024)
    centers = mesh.numpy("uv")[mesh.uv_faces].mean(axis=1)
    dark = sample_texture(mesh.numpy("texture"), centers).sum(axis=1) < 0.1
    places = mesh.numpy("vertices")[0][mesh.numpy("faces")[dark]].mean(axis=1)
    assert (places[:, 1] > 0.3).mean() > 0.5
    assert places[:, 0].min() < -0.1 < 0.1 < places[:, 0].max()


def test_obj_by_hand(cpu32, tmp_path):
    text = "# a quad\n" + CORNERS + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvn 0 0 1\nf 1/1/1 2/2/1 \\\n3/3/1 4/4/1\n"
    mesh = load_mesh(write(tmp_path / "a.obj", text))
    assert mesh.name == "a.obj"
    assert mesh.numpy("vertices")[0].tolist() == [[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]]
    assert mesh.numpy("faces").tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv_faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.numpy("uv").tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_obj_negative_indices_and_normals_without_uv(tmp_path):
    surface = read_obj(write(tmp_path / "a.obj", CORNERS + "vn 0 0 1\nf -4//1 -3//1 -2//1\nv 9 9 9\nf -1 1 2\n"))
    assert surface.faces.tolist() == [[0, 1, 2], [4, 0, 1]]
    assert surface.uv is None


def test_obj_vertex_colors_are_srgb(cpu32, tmp_path):
    text = "v 0 0 0 0.5 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nf 1 2 3\n"
    mesh = load_mesh(write(tmp_path / "a.obj", text))
    np.testing.assert_allclose(mesh.numpy("colors")[0], [[0.2140411, 0, 0], [0, 1, 0], [0, 0, 1]], atol=1e-6)


def test_obj_materials_become_face_colors(cpu32, tmp_path):
    write(tmp_path / "m.mtl", "newmtl red\nKd 1 0 0\nnewmtl dim\nKd 0.5 0.5 0.5\n")
    text = "mtllib m.mtl\n" + CORNERS + "usemtl red\nf 1 2 3\nusemtl dim\nf 1 3 4\n"
    mesh = load_mesh(write(tmp_path / "a.obj", text))
    assert mesh.colors_per == "face"
    np.testing.assert_allclose(mesh.numpy("colors")[0], [[1, 0, 0], [0.2140411] * 3], atol=1e-6)


def test_missing_materials_and_textures_warn(cpu32, tmp_path):
    text = CORNERS + "vt 0 0\nusemtl m\nf 1/1 2/1 3/1\n"
    with pytest.warns(UserWarning, match=r"its material file none\.mtl is missing"):
        load_mesh(write(tmp_path / "a.obj", "mtllib none.mtl\n" + text))
    write(tmp_path / "m.mtl", "newmtl m\nKd 1 0 0\nmap_Kd none.png\n")
    with pytest.warns(UserWarning, match=r"its texture none\.png is missing"):
        mesh = load_mesh(write(tmp_path / "a.obj", "mtllib m.mtl\n" + text))
    assert mesh.numpy("colors")[0, 0].tolist() == [1, 0, 0]


def test_a_texture_needs_coordinates(cpu32, tmp_path):
    save_image(tmp_path / "t.png", np.ones((2, 2, 3)))
    with pytest.raises(InputError, match="no texture coordinates"):
        load_mesh(write(tmp_path / "a.obj", CORNERS + "f 1 2 3\n"), texture=tmp_path / "t.png")


def test_a_texture_that_is_given_takes_the_place_of_colours_and_textures(cpu32, tmp_path):
    for name, color in (("r", (1, 0, 0)), ("b", (0, 0, 1)), ("given", (0, 1, 0))):
        save_image(tmp_path / f"{name}.png", np.broadcast_to(color, (2, 2, 3)))
    write(tmp_path / "m.mtl", "newmtl r\nmap_Kd r.png\nnewmtl b\nmap_Kd b.png\nnewmtl k\nKd 1 0 0\n")
    faces = "usemtl r\nf 1/1 2/1 3/1\nusemtl b\nf 1/1 3/1 4/1\nusemtl k\nf 1/1 2/1 4/1\n"
    path = write(tmp_path / "a.obj", "mtllib m.mtl\n" + CORNERS.replace("\n", " 1 0.5 0.5\n") + "vt 0.5 0.5\n" + faces)
    mesh = load_mesh(path, texture=tmp_path / "given.png")
    np.testing.assert_array_equal(corner_colors(mesh, 0), np.broadcast_to([0, 1, 0], (3, 3, 3)))


def test_a_texture_that_is_given_is_not_on_faces_without_coordinates(cpu32, tmp_path):
    save_image(tmp_path / "given.png", np.broadcast_to((0, 1, 0), (2, 2, 3)))
    path = write(tmp_path / "a.obj", CORNERS + "vt 0.5 0.5\nf 1/1 2/1 3/1\nf 1 3 4\n")
    mesh = load_mesh(path, texture=tmp_path / "given.png")
    np.testing.assert_allclose(corner_colors(mesh, 0)[:, 0], [[0, 1, 0], [0.7, 0.7, 0.7]], atol=1e-6)


def area_vectors(points, triangles):
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a) / 2


def test_concave_polygons_are_cut_inside():
    arrow = np.array([[0, 0, 0], [2, -1, 0], [0.5, 0, 0], [2, 1, 0]], dtype=float)
    for turn in range(4):
        corners = np.roll(np.arange(4), turn)
        vectors = area_vectors(arrow, corners[triangulate(arrow, corners, np.array([4]))])
        assert (vectors[:, 2] * vectors[:, 2].sum() > 0).all()
        assert abs(vectors[:, 2].sum()) == pytest.approx(0.5)


def test_a_hole_that_a_cut_leads_to_stays_empty():
    outer, inner = [[0, 0], [4, 0], [4, 4], [0, 4]], [[1, 1], [1, 3], [3, 3], [3, 1]]
    ring = np.array([*outer, outer[0], *inner, inner[0]], dtype=float)
    ring = np.concatenate([ring, np.zeros((10, 1))], axis=1)
    for turn in range(10):
        corners = np.roll(np.arange(10), turn)
        triangles = corners[triangulate(ring, corners, np.array([10]))]
        areas = area_vectors(ring, triangles)[:, 2]
        assert areas.min() >= 0
        assert areas.sum() == pytest.approx(16 - 4)
        centers = ring[triangles][areas > 0].mean(axis=1)
        assert (np.abs(centers[:, :2] - 2).max(axis=1) > 1).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), counts=st.lists(st.integers(3, 9), min_size=1, max_size=5))
def test_star_shaped_polygons_keep_their_area(seed, counts):
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(3, 3)))[0][:2]
    points = []
    for count in counts:
        angle = 2 * np.pi * (np.arange(count) + 0.3 * random.random(count)) / count
        points.append((random.uniform(0.2, 1, (count, 1)) * np.stack([np.cos(angle), np.sin(angle)], 1)) @ basis)
    vertices, start = np.concatenate(points), 0
    triangles = triangulate(vertices, np.arange(len(vertices)), np.array(counts))
    for polygon, count in zip(points, counts, strict=True):
        own = triangles[start : start + count - 2]
        start += count - 2
        whole = area_vectors_sum(polygon)
        vectors = area_vectors(vertices, own)
        np.testing.assert_allclose(vectors.sum(axis=0), whole, atol=1e-12)
        assert (vectors @ whole >= -1e-12).all()


def area_vectors_sum(polygon):
    return np.cross(polygon, np.roll(polygon, -1, axis=0)).sum(axis=0) / 2


def make_mesh(kind, seed=0):
    random = np.random.default_rng(seed)
    if kind == "texture":
        return shapes.sphere(60, texture=random.random((3, 5, 3)))
    if kind == "face":
        return shapes.icosphere(1, face_colors=random.random((80, 3)))
    return shapes.icosphere(1, colors=random.random((42, 3)))


def as_bytes(colors):
    """What 8 bits of sRGB leave of linear colours."""
    return srgb_to_linear(np.round(linear_to_srgb(np.asarray(colors, dtype=np.float64)) * 255) / 255)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["vertex", "face", "texture"])
def test_round_trips(cpu32, tmp_path, suffix, kind):
    mesh = make_mesh(kind)
    path = tmp_path / f"new/a{suffix}"
    save_mesh(mesh, path)
    again = load_mesh(path)
    assert (again.vertex_count, again.face_count) == (mesh.vertex_count, mesh.face_count)
    assert again.topology.is_closed
    before, after = (m.numpy("vertices")[0][m.numpy("faces")] for m in (mesh, again))
    np.testing.assert_allclose(after, before, atol=1e-7)
    if suffix in (".obj", ".ply", ".off"):
        np.testing.assert_array_equal(again.numpy("faces"), mesh.numpy("faces"))
    if suffix in (".stl", ".off"):
        return
    if kind == "texture" and suffix == ".ply":
        assert len(np.unique(again.numpy("colors")[0], axis=0)) > 10
        return
    if kind == "texture":
        uv, uv_again = (m.numpy("uv")[m.uv_faces] for m in (mesh, again))
        np.testing.assert_allclose(uv_again, uv, atol=1e-7)
        np.testing.assert_allclose(again.numpy("texture"), as_bytes(mesh.numpy("texture")), atol=1e-6)
        return
    assert again.colors_per == kind
    colors, colors_again = (m.numpy("colors")[0][m.color_topology.faces] for m in (mesh, again))
    expected = as_bytes(colors) if suffix == ".ply" else colors
    np.testing.assert_allclose(colors_again, expected, atol=1e-6)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), exponent=st.integers(-30, 30))
def test_obj_and_glb_keep_every_bit_of_the_vertices(cpu32, tmp_path, seed, exponent):
    random = np.random.default_rng(seed)
    vertices = (random.normal(size=(7, 3)) * 2.0**exponent).astype(np.float32)
    mesh = Mesh(vertices, random.permuted(np.tile(np.arange(7), (5, 1)), axis=1)[:, :3])
    for suffix in (".obj", ".glb", ".gltf"):
        save_mesh(mesh, tmp_path / f"a{suffix}")
        again = load_mesh(tmp_path / f"a{suffix}", weld=False)
        np.testing.assert_array_equal(again.numpy("vertices")[0], vertices)
        np.testing.assert_array_equal(again.numpy("faces"), mesh.numpy("faces"))


def test_index_picks_from_the_batch(cpu32, tmp_path):
    mesh = Mesh(np.stack([np.eye(3), 2 * np.eye(3)]), [[0, 1, 2]])
    save_mesh(mesh, tmp_path / "a.obj", index=1)
    np.testing.assert_array_equal(load_mesh(tmp_path / "a.obj").numpy("vertices")[0], 2 * np.eye(3))
    with pytest.raises(InputError, match="index 2 of a batch of 2"):
        save_mesh(mesh, tmp_path / "b.obj", index=2)


def test_welding_keeps_order():
    vertices = np.array([[3, 0, 0], [1, 0, 0], [3, 0, 0], [2, 0, 0], [1, 0, 0]], dtype=float)
    welded = Surface(vertices, np.array([[0, 1, 3], [2, 3, 4]])).welded()
    assert welded.vertices[:, 0].tolist() == [3, 1, 2]
    assert welded.faces.tolist() == [[0, 1, 2], [0, 2, 1]]


def test_quads_in_ply_and_off(cpu32, tmp_path):
    rows = "0 0 0\n2 0 0\n2 1 0\n0 1 0\n"
    off = write(tmp_path / "a.off", f"OFF\n4 1 0\n{rows}4 0 1 2 3\n")
    header = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    ply = write(
        tmp_path / "a.ply",
        f"{header}element face 1\nproperty list uchar int vertex_indices\nend_header\n{rows}4 0 1 2 3\n",
    )
    for path in (off, ply):
        mesh = load_mesh(path)
        assert (mesh.vertex_count, mesh.face_count) == (4, 2)
        np.testing.assert_allclose(
            area_vectors(mesh.numpy("vertices")[0], mesh.numpy("faces")).sum(axis=0), [0, 0, 2], atol=1e-6
        )


def test_scenes_are_joined_with_their_transforms(cpu32, tmp_path):
    scene = trimesh.Scene()
    for x, color in ((0.0, [255, 0, 0, 255]), (5.0, [0, 0, 255, 255])):
        part = trimesh.creation.box()
        part.visual.vertex_colors = color
        scene.add_geometry(part, transform=trimesh.transformations.translation_matrix([x, 0, 0]))
    scene.export(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb")
    assert (mesh.vertex_count, mesh.face_count) == (16, 24)
    vertices, colors = mesh.numpy("vertices")[0], mesh.numpy("colors")[0]
    assert sorted(set(vertices[:, 0].tolist())) == [-0.5, 0.5, 4.5, 5.5]
    np.testing.assert_array_equal(colors[vertices[:, 0] > 3], np.tile([0, 0, 1], (8, 1)))


def balls(path, **extensions):
    """A GLB of a red plastic ball and, to its right, one of whatever ``extensions`` say, half as large."""
    scene = trimesh.Scene()
    red = {"baseColorFactor": [0.8, 0.0, 0.0, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.5}
    textured = {"baseColorTexture": PIL.Image.new("RGB", (2, 2), (255, 128, 0)), "metallicFactor": 1.0}
    gloss = {"metallicRoughnessTexture": PIL.Image.new("RGB", (2, 2), (0, 51, 255)), "emissiveFactor": [0.1, 0.2, 0.3]}
    for x, radius, values in ((0.0, 1.0, red), (3.0, 0.5, textured | gloss)):
        part = trimesh.creation.icosphere(subdivisions=1, radius=radius)
        material = trimesh.visual.material.PBRMaterial(name="same", **values)
        part.visual = trimesh.visual.TextureVisuals(uv=np.zeros((len(part.vertices), 2)), material=material)
        scene.add_geometry(part, transform=trimesh.transformations.translation_matrix([x, 0, 0]))

    def extend(tree):
        tree["materials"][1]["extensions"] = extensions

    path.write_bytes(scene.export(file_type="glb", tree_postprocessor=extend))
    return path


def test_parts_have_materials_of_their_own_and_move_as_one(cpu32, tmp_path):
    path = balls(tmp_path / "a.glb", KHR_materials_emissive_strength={"emissiveStrength": 10.0})
    plastic, metal = sorted(load_parts(path, normalize=True), key=lambda mesh: mesh.has("texture"))
    assert plastic.material == Material.from_metallic_roughness((0.8, 0.0, 0.0), metallic=0.0, roughness=0.5)
    np.testing.assert_allclose(plastic.numpy("colors")[0], np.tile([0.8, 0, 0], (42, 1)), atol=2e-3)
    base = (1, float(srgb_to_linear(128 / 255)), 0)
    expected = Material.from_metallic_roughness(base, metallic=1.0, roughness=0.2, emission=(1, 2, 3))
    for name in ("specular", "shininess", "albedo", "reflectivity", "emission"):
        np.testing.assert_allclose(getattr(metal.material, name), getattr(expected, name), rtol=1e-5)
    assert metal.has("texture")
    vertices = [mesh.numpy("vertices")[0] for mesh in (plastic, metal)]
    assert np.linalg.norm(np.concatenate(vertices), axis=1).max() == pytest.approx(1, abs=1e-6)
    radii = [np.ptp(points[:, 1]) / 2 for points in vertices]
    assert radii[0] == pytest.approx(2 * radii[1])


def test_clear_parts_and_broken_materials(cpu32, tmp_path):
    clear = {"KHR_materials_transmission": {"transmissionFactor": 1}, "KHR_materials_ior": {"ior": 1.33}}
    found = {mesh.material.index_of_refraction for mesh in load_parts(balls(tmp_path / "a.glb", **clear))}
    assert found == {None, 1.33}
    with pytest.raises(FileError, match=r"a\.glb: material 1: .*ior: expected a finite number >= 1, got 0.5"):
        load_parts(balls(tmp_path / "a.glb", KHR_materials_ior={"ior": 0.5}))
    (tmp_path / "b.glb").write_bytes((tmp_path / "a.glb").read_bytes()[:300])
    with pytest.raises(FileError, match=r"b\.glb: cannot be read as GLB"):
        load_parts(tmp_path / "b.glb")
    save_mesh(shapes.box(), tmp_path / "c.obj")
    (box,) = load_parts(tmp_path / "c.obj")
    assert box.material == Material()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_empty_and_random_files(cpu32, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(FileError, match=r"a\.\w+: no such file"):
        load_mesh(path)
    path.touch()
    with pytest.raises(FileError, match=r"a\.\w+: is empty"):
        load_mesh(path)
    path.write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(FileError, match=r"a\.\w+: "):
        load_mesh(path)


def test_unknown_suffix(cpu32, tmp_path):
    for action in (load_mesh, lambda path: save_mesh(make_mesh("vertex"), path)):
        with pytest.raises(FileError, match=r"a\.fbx: unknown suffix '\.fbx': expected one of \.obj, \.ply"):
            action(tmp_path / "a.fbx")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (CORNERS, FileError, "a.obj: has no faces"),
        ("Dear reader,\nthis is no mesh.\n", FileError, r'a.obj: no "v" and "f" lines found: is this an OBJ file\?'),
        ("f 1 2 3\n", GeometryError, "no vertices"),
        (CORNERS + "f 1 2\n", FileError, "line 5: .*a face needs three corners"),
        (CORNERS + "f 1 2 x\n", FileError, "line 5"),
        ("v 0 0\n" + CORNERS + "f 1 2 3\n", FileError, "line 1: .*a vertex needs three coordinates"),
        ("v 0 zero 0\n", FileError, "line 1"),
        (CORNERS + "\nf 1 2 3\nf 1 2 5\n", GeometryError, r"line 7: face 1 refers to a vertex .* \(the file has 4\)"),
        (CORNERS + "f 0 1 2\n", GeometryError, "line 5: face 0"),
        (CORNERS + "f -5 1 2\n", GeometryError, "line 5: face 0"),
        (CORNERS + "vt 0 0\nf 1/1 2/1 3/2\n", GeometryError, "line 6: face 0 refers to a texture coordinate"),
        ("v 0 0 nan\n" + CORNERS + "f 1 2 3\n", GeometryError, r"a.obj.vertices\[0, 0\] is not finite"),
    ],
)
def test_bad_obj_content(cpu32, tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        load_mesh(write(tmp_path / "a.obj", text))


def test_bad_indices_in_other_formats(cpu32, tmp_path):
    off = write(tmp_path / "a.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n")
    with pytest.raises((GeometryError, FileError), match=r"a\.off"):
        load_mesh(off)
    stl = tmp_path / "a.stl"
    stl.write_bytes(bytes(80) + struct.pack("<I", 1) + struct.pack("<12fH", *[float("nan")] * 12, 0))
    with pytest.raises((GeometryError, FileError), match=r"a\.stl"):
        load_mesh(stl)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_raise_the_packages_errors_only(cpu32, tmp_path_factory, data):
    suffix = data.draw(st.sampled_from(SUFFIXES))
    good = good_bytes(suffix, tmp_path_factory)
    at = data.draw(st.integers(1, len(good) - 1))
    kind = data.draw(st.sampled_from(["cut", "swap"]))
    bad = good[:at] if kind == "cut" else good[:at] + data.draw(st.binary(min_size=1, max_size=4)) + good[at + 4 :]
    path = tmp_path_factory.getbasetemp() / f"bad{suffix}"
    path.write_bytes(bad)
    error = failure(path)
    assert error is None or f"bad{suffix}" in str(error)


_good = {}


def good_bytes(suffix, tmp_path_factory):
    if suffix not in _good:
        path = tmp_path_factory.mktemp("good") / f"a{suffix}"
        save_mesh(shapes.icosphere(0), path)
        _good[suffix] = path.read_bytes()
    return _good[suffix]


def failure(path):
    try:
        load_mesh(path)
    except (FileError, GeometryError) as error:
        return error
    return None


def test_nothing_stays_after_a_failed_save(cpu32, tmp_path):
    mesh = make_mesh("texture")
    mesh.vertices[0, 3][0] = np.nan
    for suffix in SUFFIXES:
        with pytest.raises(GeometryError, match="not finite"):
            save_mesh(mesh, tmp_path / "new" / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.obj", "a.mtl", "a_texture.png"])
def test_an_obj_that_cannot_be_written_leaves_no_companions(cpu32, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(FileError, match=rf"{name}: cannot be written"):
        save_mesh(make_mesh("texture"), tmp_path / "a.obj")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("suffix", [".obj", ".mtl"])
def test_an_obj_of_which_one_file_fails_leaves_the_old_ones(cpu32, tmp_path, suffix, monkeypatch):
    mesh = make_mesh("texture")
    save_mesh(mesh, tmp_path / "a.obj")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["a.mtl", "a.obj", "a_texture.png"]
    plain = Path.write_text

    def failing(path, *arguments, **options):
        plain(path, *arguments, **options)
        if path.suffix == suffix:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", failing)
    mesh.set("texture", 1 - mesh.numpy("texture"))
    for name in ("a.obj", "new/b.obj"):
        with pytest.raises(FileError, match=rf"[ab]\{suffix}: cannot be written: No space left"):
            save_mesh(mesh, tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_swapped_arguments_are_told_the_order(cpu32, tmp_path):
    with pytest.raises(InputError, match=r"expected a Mesh and a path, in this order, got 'car\.glb' first"):
        save_mesh("car.glb", make_mesh("texture"))


@pytest.mark.parametrize("lost", [1, 3, 15])
def test_an_ascii_ply_that_is_cut_off_is_refused(cpu32, tmp_path, lost):
    rows = trimesh.creation.box().export(file_type="ply", encoding="ascii").splitlines(keepends=True)
    (tmp_path / "whole.ply").write_bytes(b"".join(rows))
    assert load_mesh(tmp_path / "whole.ply").face_count == 12
    (tmp_path / "cut.ply").write_bytes(b"".join(rows[:-lost]))
    with pytest.raises(FileError, match=f"cut off: its header announces 20 rows, it has {20 - lost}"):
        load_mesh(tmp_path / "cut.ply")


@pytest.mark.parametrize("suffix", [".stl", ".off"])
def test_junk_is_called_corrupt_and_not_a_missing_module(tmp_path, suffix, monkeypatch):
    (tmp_path / f"a{suffix}").write_bytes(b"\xff\xfe\x80junk" * 30)
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    with pytest.raises(FileError, match="it is corrupt") as caught:
        load_mesh(tmp_path / f"a{suffix}")
    assert "module" not in str(caught.value)


def test_obj_and_mtl_lines_may_be_divided_by_tabs(cpu32, tmp_path):
    write(tmp_path / "a.mtl", "newmtl\tred\r\n\tKd\t1 0\t0\r\n")
    write(tmp_path / "b.mtl", "newmtl green\n  Kd  0  1  0\n")
    write(tmp_path / "c d.mtl", "newmtl  blue\nKd 0 0 1\n")
    faces = "usemtl\tred\nf 1\t2 3\nusemtl green\nf 1 3 4\nusemtl blue\nf 1 2 4\n"
    write(tmp_path / "a.obj", "mtllib\ta.mtl  b.mtl\nmtllib c d.mtl\n" + CORNERS.replace(" ", "\t") + faces)
    assert np.allclose(load_mesh(tmp_path / "a.obj").numpy("colors"), np.eye(3))
