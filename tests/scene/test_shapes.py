"""Procedural shapes against closed forms: volume (and with it orientation), counts, closedness, texture coordinates."""

import numpy as np
import pytest

from taichi_dr.errors import InputError
from taichi_dr.scene import shapes, solids


def triangles(mesh):
    return mesh.numpy("vertices")[0].astype(np.float64)[mesh.numpy("faces")]


def signed_volume(mesh):
    a, b, c = triangles(mesh).transpose(1, 0, 2)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def polygon_area(segments):
    """Of a regular polygon in the unit circle."""
    return segments / 2 * np.sin(2 * np.pi / segments)


@pytest.mark.parametrize(("subdivisions", "faces"), [(0, 20), (3, 1280), (4, 5120), (5, 20480), (6, 81920)])
def test_icosphere_counts(cpu32, subdivisions, faces):
    mesh = shapes.icosphere(subdivisions)
    assert mesh.face_count == faces
    assert mesh.vertex_count == faces // 2 + 2
    assert mesh.topology.is_closed


def test_icosphere_is_a_sphere(cpu32):
    mesh = shapes.icosphere(4, radius=2)
    np.testing.assert_allclose(np.linalg.norm(mesh.numpy("vertices")[0], axis=1), 2, rtol=1e-6)
    assert signed_volume(mesh) == pytest.approx(32 / 3 * np.pi, rel=3e-3)
    # 5/12 (3 + sqrt(5)) a^3 with the edge a = 1/sin(2 pi / 5)
    icosahedron = 5 / 12 * (3 + 5**0.5) / np.sin(2 * np.pi / 5) ** 3
    assert signed_volume(shapes.icosphere(0)) == pytest.approx(icosahedron, rel=1e-6)


@pytest.mark.parametrize("faces", [6, 100, 1000, 2700])
def test_sphere_has_about_the_faces_asked_for(cpu32, faces):
    mesh = shapes.sphere(faces)
    assert mesh.face_count == pytest.approx(faces, rel=0.06)
    assert mesh.topology.is_closed
    np.testing.assert_allclose(np.linalg.norm(mesh.numpy("vertices")[0], axis=1), 1, rtol=1e-6)
    if faces == 2700:
        assert mesh.face_count == 2700
        assert signed_volume(mesh) == pytest.approx(4 / 3 * np.pi, rel=0.01)


def test_volumes(cpu32):
    n = polygon_area(48)
    assert signed_volume(shapes.box((1, 2, 3))) == pytest.approx(6, rel=1e-6)
    assert signed_volume(shapes.cylinder(0.5, 3)) == pytest.approx(0.25 * 3 * n, rel=1e-6)
    assert signed_volume(shapes.cone(0.5, 3)) == pytest.approx(0.25 * n, rel=1e-6)
    # the inscribed torus: Pappus with polygons for both circles, second moment included
    assert signed_volume(shapes.torus(0.7, 0.3)) == pytest.approx(2 * np.pi**2 * 0.7 * 0.3**2, rel=0.02)


@pytest.mark.parametrize("name", ["icosphere", "sphere", "box", "torus", "cylinder", "cone", "car", "airplane"])
def test_closed_and_centred(cpu32, name):
    mesh = getattr(shapes, name)()
    assert mesh.topology.is_closed
    assert mesh.name == name
    vertices = mesh.numpy("vertices")[0]
    np.testing.assert_allclose(vertices.min(axis=0) + vertices.max(axis=0), 0, atol=0.01)
    assert np.linalg.norm(vertices, axis=1).max() <= 1.01
    areas = np.linalg.norm(np.cross(*(np.diff(triangles(mesh), axis=1)).transpose(1, 0, 2)), axis=1)
    assert (areas > 0).all()


@pytest.mark.parametrize("name", ["sphere", "box", "torus", "plane", "cylinder", "cone"])
def test_texture_coordinates_read_as_the_picture_seen_from_outside(cpu32, name):
    """Nowhere mirrored: a triangle that turns left seen from outside turns left in the picture."""
    mesh = getattr(shapes, name)()
    uv = mesh.numpy("uv")
    assert uv.min() == 0
    assert uv.max() == 1
    a, b, c = uv[mesh.uv_faces].transpose(1, 0, 2)
    assert ((b - a)[:, 0] * (c - a)[:, 1] > (b - a)[:, 1] * (c - a)[:, 0]).all()


def test_sphere_texture_coordinates_are_angles(cpu32):
    mesh = shapes.sphere(2700)
    points, uv = triangles(mesh), mesh.numpy("uv")[mesh.uv_faces]
    np.testing.assert_allclose(points[..., 1], -np.cos(np.pi * uv[..., 1]), atol=1e-5)
    across = np.hypot(points[..., 0], points[..., 2])
    expected = across * np.cos(2 * np.pi * uv[..., 0])
    np.testing.assert_allclose(points[..., 0], expected, atol=1e-5)


def test_plane_faces_up(cpu32):
    mesh = shapes.plane(2, segments=3)
    assert mesh.face_count == 18
    a, b, c = triangles(mesh).transpose(1, 0, 2)
    np.testing.assert_allclose(np.cross(b - a, c - a), np.tile([0, 4 / 9, 0], (18, 1)), atol=1e-6)


@pytest.mark.parametrize("parts", ["car_parts", "airplane_parts"])
def test_vehicle_parts_are_closed_and_outward(parts):
    from taichi_dr.scene import vehicles
    from taichi_dr.scene.topology import Topology

    for solid, color in getattr(vehicles, parts)((1, 0, 0)):
        assert Topology(solid.faces, len(solid.vertices)).is_closed
        assert solid.volume() > 0
        assert len(color) == 3
        assert len(np.unique(solid.vertices, axis=0)) == len(solid.vertices)


def test_vehicles_are_coloured_and_symmetric(cpu32):
    for mesh in (shapes.car(color=(0, 1, 0)), shapes.airplane(color=(0, 1, 0))):
        colors = mesh.numpy("colors")[0]
        assert (colors == (0, 1, 0)).all(axis=1).any()
        assert len(np.unique(colors, axis=0)) >= 4
        vertices = mesh.numpy("vertices")[0].astype(np.float64)
        mirrored = {tuple(row) for row in np.round(vertices * [1, 1, -1], 4) + 0.0}
        assert sum(tuple(row) in mirrored for row in np.round(vertices, 4) + 0.0) > 0.9 * len(vertices)


def test_options_reach_the_mesh(cpu32):
    mesh = shapes.box(0.5, colors=(1, 0, 0), name="brick")
    assert mesh.name == "brick"
    assert mesh.material.shading == "flat"
    assert mesh.numpy("colors")[0, 0].tolist() == [1, 0, 0]
    assert shapes.car(face_colors=(0, 0, 1)).colors_per == "face"


def test_mirrored_and_turned_solids_stay_outward():
    solid = solids.cuboid((1, 2, 3))
    assert solid.moved(scale=(1, -1, 1)).volume() == pytest.approx(6)
    assert solid.turned("xzy").volume() == pytest.approx(6)
    assert solid.turned("zxy").volume() == pytest.approx(6)
    np.testing.assert_allclose(np.ptp(solid.turned("zxy").vertices, axis=0), [3, 1, 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: shapes.icosphere(-1), "icosphere: subdivisions: expected an integer >= 0"),
        (lambda: shapes.icosphere(1.5), "expected an integer"),
        (lambda: shapes.sphere(5), "sphere: faces"),
        (lambda: shapes.torus(0.2, 0.3), "radius > tube"),
        (lambda: shapes.box((1, 0, 1)), "box: size"),
        (lambda: shapes.cone(float("nan")), "cone: radius"),
        (lambda: shapes.cylinder(segments=2), "cylinder: segments"),
        (lambda: shapes.plane(0), "plane: size"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
