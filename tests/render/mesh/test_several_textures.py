"""Meshes with several textures, and colours that multiply them: as the parts alone, and central differences."""

import numpy as np
import pytest

import taichi_dr as dr

V = np.array([[-1, -1, 0], [0, -1, 0], [1, -1, 0], [-1, 1, 0], [0, 1, 0], [1, 1, 0.0]])
F = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
SHOWN = np.array([0, 0, 1, -1])
RNG = np.random.default_rng(0)
UV, COLORS = RNG.uniform(-1, 2, (6, 2)), RNG.uniform(0.2, 1, (6, 3))
PICTURES = RNG.uniform(size=(7, 5, 3)), RNG.uniform(size=(4, 4, 3))
WRAPS = ("mirror", "clamp"), ("repeat", "repeat")
SIZE = 24

pytestmark = pytest.mark.parametrize("tinted", [False, True], ids=["plain", "tinted"])


def textures(pictures=PICTURES):
    return [dr.Texture(pixels, wrap) for pixels, wrap in zip(pictures, WRAPS, strict=True)]


def mesh(shading, texture, face_textures=None, colors=None):
    material = dr.Material(shading, specular=0.3)
    return dr.Mesh(V, F, colors=colors, uv=UV, texture=texture, face_textures=face_textures, material=material)


def lights():
    return dr.Lights(ambient=0.2, directional=[dr.DirectionalLight((1, 1, 1), 0.8)])


def camera():
    return dr.Camera.orbit(20, 10, 3.0, 50.0)


def painter(kind, size=SIZE):
    """A function from a mesh to its linear image, and the renderer."""
    if kind == "rays":
        tracer = dr.RayTracer(size)
        return (lambda shown: tracer.render(dr.Scene([shown], lights()), camera())), tracer
    renderer = dr.Rasterizer(size) if kind == "hard" else dr.SoftRasterizer(size, sigma=1e-8, gamma=1e-5)
    return (lambda shown: renderer.render(shown, camera(), lights())), renderer


KINDS = ("hard", "soft", "rays")


@pytest.mark.parametrize("shading", ["none", "flat", "gouraud", "phong"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_face_looks_as_in_a_mesh_of_its_texture_alone(any32, kind, shading, tinted):
    colors = COLORS if tinted else None
    paint, _ = painter(kind)
    many = paint(mesh(shading, textures(), SHOWN, colors)).numpy("color")[0]
    ids = dr.Rasterizer(SIZE).render(mesh(shading, textures(), SHOWN), camera()).numpy("face_id")[0]
    untextured = dr.Mesh(V, F, colors=COLORS if tinted else (1, 1, 1), material=dr.Material(shading, specular=0.3))
    for k, alone in enumerate([*(mesh(shading, one, None, colors) for one in textures()), untextured]):
        own = np.isin(ids, np.flatnonzero((k if k < 2 else -1) == SHOWN))
        differences = np.abs(many - paint(alone).numpy("color")[0])[own].max(axis=1)
        assert own.sum() > 20
        assert np.quantile(differences, 0.8) < 1e-5  # pixels on edges mix in the soft renderer


@pytest.mark.parametrize("shading", ["gouraud", "phong"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_central_differences(cpu64, kind, shading, tinted):
    paint, renderer = painter(kind, 12)
    g = np.random.default_rng(1).normal(size=(12, 12, 3))
    shown = mesh(shading, textures(), SHOWN, COLORS if tinted else None)
    shown.set("uv", 0.15 * UV)  # magnified: the level of detail, which is held constant, is 0
    frame = paint(shown)
    frame.color.grad.from_numpy(g[None])
    renderer.backward()
    for name in ("texture", "uv", *["colors"] * tinted):
        gradient, values = shown.gradient(name), shown.numpy(name)
        direction = np.random.default_rng(2).normal(size=values.shape)
        step, sums = 1e-6, []
        for sign in (1, -1):
            moved = shown.copy()
            moved.set(name, values + sign * step * direction)
            sums.append((paint(moved).numpy("color")[0] * g).sum())
        expected = (sums[0] - sums[1]) / (2 * step)
        assert abs((gradient * direction).sum() - expected) < 2e-5 * (1 + abs(expected)), name


def test_copies_and_subdivisions_look_the_same(cpu32, tinted):
    shown = mesh("none", textures(), SHOWN, COLORS if tinted else None)
    paint, _ = painter("hard")
    image = paint(shown).numpy("color")
    assert np.array_equal(paint(shown.copy()).numpy("color"), image)
    assert np.abs(paint(shown.subdivide()).numpy("color") - image).max() < 1e-5
    assert [one.wrap for one in shown.subdivide().textures] == list(WRAPS)


def test_corners_have_colors_of_their_own(any32, tinted):
    """Two faces meet in an edge along which one is red, the other green: no corner is a mixture."""
    colors = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    color_faces = [[0, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1]]
    texture = {"uv": UV, "texture": np.full((2, 2, 3), 0.5)} if tinted else {}
    shown = dr.Mesh(V, F, colors=colors, color_faces=color_faces, material=dr.Material("none"), **texture)
    assert shown.colors_per == "corner"
    assert shown.subdivide().colors_per == "corner"
    ids = dr.Rasterizer(SIZE).render(shown, camera()).numpy("face_id")[0]
    image = dr.Rasterizer(SIZE).render(shown, camera()).numpy("color")[0]
    scale = 0.5 if tinted else 1.0
    assert np.allclose(image[np.isin(ids, [0, 1])], [scale, 0, 0], atol=1e-6)
    assert np.allclose(image[np.isin(ids, [2, 3])], [0, scale, 0], atol=1e-6)
