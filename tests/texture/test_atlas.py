"""Atlases of box projection and of xatlas: charts apart, every face with area, textures filled to the last texel."""

import numpy as np
import pytest
from texture.meshes import areas, bumpy, of, soup, spiral_stairs

from taichi_dr import shapes
from taichi_dr.errors import InputError
from taichi_dr.texture import xatlas_charts
from taichi_dr.texture.atlas import GUTTER, Atlas, make_atlas
from taichi_dr.texture.box_projection import DIRECTIONS, box_projection, directions
from taichi_dr.texture.texels import claims

MESHES = {f"bumpy {seed}": bumpy(seed) for seed in range(4)}
MESHES |= {f"soup {seed}": soup(seed) for seed in range(2)}
MESHES |= {"stairs": spiral_stairs(), "torus": of(shapes.torus()), "plane": of(shapes.plane()), "car": of(shapes.car())}

METHODS = [
    "box projection",
    pytest.param("xatlas", marks=pytest.mark.skipif(not xatlas_charts.is_installed(), reason="xatlas: not installed")),
]


@pytest.fixture(params=METHODS)
def method(request, monkeypatch):
    """Each way to make charts in turn."""
    if request.param == "box projection":
        monkeypatch.setattr(xatlas_charts, "is_installed", lambda: False)
    return request.param


def gaps(points, chart):
    """The least distance in x or y (the larger of the two) between points of different charts, points (n, 2)."""
    apart = np.abs(points[:, None] - points[None]).max(axis=2)
    return apart[chart[:, None] != chart[None]].min(initial=np.inf)


@pytest.mark.parametrize("name", MESHES)
def test_charts_do_not_overlap_and_every_face_has_area(name, method):
    vertices, faces = MESHES[name]
    atlas = make_atlas(vertices, faces, 256)
    assert atlas.method == method
    assert atlas.uv_faces.shape == faces.shape
    assert (atlas.uv >= 0).all()
    assert (atlas.uv <= 1).all()
    corners = atlas.uv[atlas.uv_faces] * atlas.size
    proper = areas(vertices[faces]) > 1e-9
    assert areas(corners)[proper].min() > 0
    assert (atlas.chart[proper] >= 0).all()
    _, texel = claims(corners, atlas.size, 1e-3)
    assert len(texel) == len(np.unique(texel))
    assert len(texel) > 0.15 * atlas.size**2


@pytest.mark.parametrize("name", ["bumpy 0", "stairs", "car"])
def test_charts_keep_apart(name, method):
    vertices, faces = MESHES[name]
    atlas = make_atlas(vertices, faces, 256)
    texels = atlas.texels
    owner = np.where(texels.distance == 0, atlas.chart[texels.face], -1).reshape(atlas.size, atlas.size)
    for dy in range(2 * GUTTER):
        for dx in range(-2 * GUTTER + 1, 2 * GUTTER):
            here = owner[: atlas.size - dy, max(0, -dx) : atlas.size - max(0, dx)]
            there = owner[dy:, max(0, dx) : atlas.size + min(0, dx)]
            assert not ((here >= 0) & (there >= 0) & (here != there)).any()
    inner = owner >= 0
    assert not inner[0].any()
    assert not inner[:, -1].any()


def test_faces_that_share_a_vertex_within_a_chart_share_its_texture_coordinates(method):
    vertices, faces = MESHES["torus"]
    atlas = make_atlas(vertices, faces, 128)
    key = np.stack([np.repeat(atlas.chart, 3), faces.reshape(-1), atlas.uv_faces.reshape(-1)], axis=1)
    assert len(np.unique(key, axis=0)) == len(np.unique(key[:, :2], axis=0)) == len(atlas.uv)


def test_atlases_are_the_same_every_time(method):
    first, second = (make_atlas(*MESHES["bumpy 1"], 128) for _ in range(2))
    assert np.array_equal(first.uv, second.uv)
    assert np.array_equal(first.uv_faces, second.uv_faces)


def test_box_projection_is_to_scale():
    vertices, faces = of(shapes.box())
    uv, uv_faces, chart = box_projection(vertices, faces, 128, 2)
    assert len(np.unique(chart)) == 6
    ratio = areas(uv[uv_faces]) / areas(vertices[faces])
    np.testing.assert_allclose(ratio, ratio[0])
    a, b, c = uv[uv_faces].transpose(1, 2, 0)
    assert ((b - a)[0] * (c - a)[1] > (b - a)[1] * (c - a)[0]).all()  # none is mirrored


def test_few_faces_amid_another_direction_take_it_over():
    vertices, faces = MESHES["bumpy 0"]
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    chosen = (normal * DIRECTIONS[directions(vertices, faces)]).sum(axis=1)
    nearest = np.abs(normal).max(axis=1)
    assert (chosen >= 0.35).all()
    assert 0 < (chosen < nearest - 1e-9).mean() < 0.5


def test_what_would_hide_its_own_chart_is_taken_apart():
    vertices, faces = spiral_stairs(turns=3)
    assert (directions(vertices, faces) == 2).all()
    _, _, chart = box_projection(vertices, faces, 128, 2)
    assert 3 <= len(np.unique(chart)) <= 12


def test_faces_without_area_do_no_harm(method):
    vertices, faces = of(shapes.box())
    faces = np.concatenate([faces, [[0, 0, 1], [3, 3, 3]]])
    atlas = make_atlas(vertices, faces, 64)
    assert np.isfinite(atlas.uv).all()
    assert atlas.texels.face.max() < len(faces)


def test_an_atlas_that_is_too_small_is_refused():
    with pytest.raises(InputError, match="charts have no room in 32 x 32 texels"):
        box_projection(*soup(0, 100), 32, 2)


def test_values_on_the_mesh_become_a_texture_without_empty_texels():
    vertices, faces = of(shapes.icosphere(2))
    atlas = Atlas(*box_projection(vertices, faces, 64, GUTTER), 64, "box projection")
    positions = atlas.at_texels(vertices[faces])
    assert positions.shape == (len(atlas.known), 3)
    radius = np.linalg.norm(positions, axis=1)
    assert (radius > 0.95).all()
    assert (radius < 1 + 1e-6).all()
    picture = atlas.picture(positions)
    assert picture.shape == (64, 64, 3)
    assert (np.linalg.norm(picture, axis=2) > 0.95).all()
    np.testing.assert_array_equal(picture.reshape(-1, 3)[atlas.known], positions)


def test_values_of_texels_are_averaged_around_vertices():
    mesh = shapes.icosphere(2)
    vertices, faces = of(mesh)
    atlas = Atlas(*box_projection(vertices, faces, 128, GUTTER), 128, "box projection")
    positions = atlas.at_texels(vertices[faces])
    upper = positions[:, 1] > 0
    means, found = atlas.at_vertices(positions, upper, mesh.topology)
    assert found[vertices[:, 1] > 0].all()
    assert not found[vertices[:, 1] < -0.4].any()
    assert (means[~found] == 0).all()
    high = vertices[:, 1] > 0.4
    np.testing.assert_allclose(means[high], 0.97 * vertices[high], atol=0.05)
