"""What colour a pixel has under every material, whether the mesh has colours at vertices, at faces or a texture."""

from itertools import product

import numpy as np
import pytest
from oracles.shading import AMBIENT, DIRECTIONAL, POINT
from oracles.surface import Surface

import taichi_dr as dr

SHADINGS, SOURCES = ("none", "flat", "gouraud", "phong"), ("vertex", "face", "texture")
SPECULAR, SHININESS = 0.4, 7.0
SUN, LAMP = np.array([0.4, 1.0, 0.7]), np.array([1.5, 2.0, 2.5])
LIGHTS = [(AMBIENT, np.full(3, 0.2), np.zeros(3)), (DIRECTIONAL, np.full(3, 0.5), SUN), (POINT, np.full(3, 0.4), LAMP)]
BALL, EYE = dr.shapes.icosphere(1), np.array([0.8, 1.1, 2.3])


def shape():
    """A bumpy ball with a hole, through which its inner side shows."""
    rng = np.random.default_rng(1)
    faces = BALL.numpy("faces")
    vertices = BALL.numpy("vertices")[0] + 0.08 * rng.standard_normal((42, 3))
    return vertices, faces[vertices[faces].mean(axis=1) @ EYE < 0.8 * np.linalg.norm(EYE)]


def own_colors(source, faces):
    """Keywords of a mesh; the texture is magnified, on faces seen edge-on too."""
    rng = np.random.default_rng(2)
    if source == "texture":
        return {"uv": 0.3 + 0.1 * rng.random((42, 2)), "texture": rng.random((2, 3, 3))}
    return {"colors": rng.random((42, 3))} if source == "vertex" else {"face_colors": rng.random((len(faces), 3))}


def scene(shading, source):
    """(mesh, camera, lights) and the oracle's ``Surface``."""
    vertices, faces = shape()
    own, material = own_colors(source, faces), dr.Material(shading, SPECULAR, SHININESS)
    mesh = dr.Mesh(vertices, faces, material=material, **own)
    lights = dr.Lights(0.2, dr.DirectionalLight(tuple(SUN), 0.5), dr.PointLight(tuple(LAMP), 0.4))
    packed = np.r_[np.zeros(9), EYE, np.zeros(4)]
    surface = Surface(vertices, faces, own, LIGHTS, packed, SPECULAR, SHININESS)
    return (mesh, dr.Camera(tuple(EYE), fov_y=0.9), lights), surface


@pytest.mark.parametrize(("shading", "source"), list(product(SHADINGS, SOURCES)))
def test_colors_equal_the_oracle(cpu64, shading, source):
    shown, surface = scene(shading, source)
    frame = dr.Rasterizer((31, 40)).render(*shown)
    face, hit = frame.numpy("face_id"), frame.numpy("face_id") >= 0
    expected = surface.color(shading, face[hit], frame.numpy("barycentric")[hit])
    assert np.ptp(expected) > 0.2
    np.testing.assert_allclose(frame.numpy("color")[hit], expected, atol=1e-10)


@pytest.mark.parametrize("shading", SHADINGS[1:])
def test_a_black_surface_has_its_highlight(any32, shading):
    """Seen and lit along its normal, a black square is as bright as the specular weight, whatever makes it black."""
    corners, faces = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]]
    camera = dr.Camera.orthographic((0, 0, 3), half_height=1)
    lights = dr.Lights(ambient=0, directional=[dr.DirectionalLight((0, 0, 1), 1.0)])
    uv, material = [[0, 0], [1, 0], [1, 1], [0, 1]], dr.Material(shading, specular=0.5, shininess=8.0)
    for black in ({"colors": (0, 0, 0)}, {"face_colors": (0, 0, 0)}, {"uv": uv, "texture": np.zeros((2, 2, 3))}):
        image = dr.Rasterizer(8).render(dr.Mesh(corners, faces, material=material, **black), camera, lights).numpy()
        np.testing.assert_allclose(image[0, 4, 4], 0.5, atol=1e-5)


@pytest.mark.parametrize("shading", SHADINGS)
def test_where_one_color_is_stored_does_not_matter(cpu32, shading):
    """One colour for all vertices, for all faces, or as a texture: one picture."""
    vertices, faces = shape()
    grey, material = (0.8, 0.7, 0.6), dr.Material(shading, SPECULAR, SHININESS)
    camera = dr.Camera.orbit(20, 10, 3.0, 50)
    lights = dr.Lights(ambient=0.1, directional=[dr.DirectionalLight((1, 1, 1), 1.0)])

    def image(**own):
        mesh = dr.Mesh(vertices, faces, material=material, **own)
        return dr.Rasterizer(40, antialias=True).render(mesh, camera, lights).numpy()

    expected = image(colors=grey)
    np.testing.assert_allclose(image(face_colors=grey), expected, atol=2e-6)
    texture = np.broadcast_to(grey, (2, 2, 3))
    np.testing.assert_allclose(image(uv=np.zeros((42, 2)), texture=texture), expected, atol=2e-6)
