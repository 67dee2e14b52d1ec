"""Per-pixel shading against the oracles of light and texture, and central differences of every input."""

from dataclasses import dataclass

import numpy as np
import pytest
import taichi as ti
from oracles import shading as light
from oracles import texture as image_oracle
from oracles.differences import relative_errors

from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.shading import light as lighting
from taichi_dr.kernels.shading import texture
from taichi_dr.kernels.shading.at_points import Layout, PointShading, shade_pixels, shade_pixels_adjoint

VIEWS, PIXELS = 2, 90  # two chunks in each view
KINDS = (0, 1, 2)
SPECULAR, SHININESS = 0.5, 6.0
WIDTH, HEIGHT = 6, 5


@dataclass(frozen=True)
class Settings:
    """A layout and the static switches."""

    layout: Layout
    orthographic: bool = False
    two_sided: bool = True
    kinds: tuple = KINDS


VARIANTS = [
    Settings(Layout()),
    Settings(Layout(), orthographic=True, two_sided=False),
    Settings(Layout(textured=True)),
    Settings(Layout(albedo=False, textured=True)),
    Settings(Layout(albedo=False, lit=False, textured=True)),
    Settings(Layout(albedo=True, lit=False, textured=True)),
    Settings(Layout(albedo=True, lit=False, textured=True, shiny=True)),
    Settings(Layout(textured=True, shiny=True)),
    Settings(Layout(lit=False, textured=True, shiny=True, tinted=True)),
    Settings(Layout(), kinds=(0, 3, 3)),
]


def inputs(settings, seed=0):
    layout = settings.layout
    rng = np.random.default_rng(seed)
    attributes = rng.normal(size=(VIEWS * PIXELS, layout.channels))
    if layout.albedo:
        attributes[:, :3] = rng.uniform(size=(VIEWS * PIXELS, 3))
    x = {
        "attributes": attributes,
        "texture": rng.uniform(size=(HEIGHT, WIDTH, 3)),
        "camera": rng.normal(size=(VIEWS, 16)) * 2,
        "light_color": rng.uniform(0.2, 1, (len(KINDS), 3)),
        "light_vector": rng.normal(size=(len(KINDS), 3)) * 2,
    }
    if light.SPOT in settings.kinds:
        x["light_vector"] = light.spot_vectors(rng, len(KINDS))
    return x


def _choices():
    rng = np.random.default_rng(9)
    return rng.integers(-1, 4, VIEWS * PIXELS).astype(np.int32), rng.uniform(-1, 3, VIEWS * PIXELS)


def _pyramid(x):
    pyramid = make_array((texture.pyramid_texels(WIDTH, HEIGHT), 3))
    texture.build_mipmaps(array_from(x["texture"].reshape(-1, 3)), pyramid, WIDTH, HEIGHT)
    return pyramid


def _arguments(x, settings, pyramid):
    face_id, lod = _choices()
    shading = PointShading(
        array_from(x["camera"]),
        settings.orthographic,
        lighting.Lights(
            array_from(np.array(settings.kinds), ti.i32), array_from(x["light_color"]), array_from(x["light_vector"])
        ),
        lighting.Finish(SPECULAR, SHININESS, settings.two_sided),
        pyramid,
        array_from(texture.level_table(WIDTH, HEIGHT), ti.i32),
        array_from([0], ti.i32),
        settings.layout,
    )
    return array_from(x["attributes"]), array_from(face_id, ti.i32), array_from(lod), *shading.flat()


def shade(x, settings):
    color = array_from(np.full((VIEWS * PIXELS, 3), 7.0))
    shade_pixels(*_arguments(x, settings, _pyramid(x)), color)
    return color.to_numpy()


def shade_adjoint(x, settings, g):
    adjoints = {name: make_array((int(np.prod(a.shape[:-1])), a.shape[-1])) for name, a in x.items()}
    pyramid = _pyramid(x)
    pyramid_adjoint = make_array(pyramid.shape)
    partials = make_array(lighting.partials_shape(len(KINDS), VIEWS, PIXELS, x["light_vector"].shape[1]))
    partials.fill(3.0)  # the kernel clears its scratch
    shade_pixels_adjoint(
        *_arguments(x, settings, pyramid), array_from(g), adjoints["attributes"], pyramid_adjoint, partials
    )
    if settings.layout.lit:
        lighting.reduce_partials(
            partials, adjoints["light_color"], adjoints["light_vector"], adjoints["camera"], settings.orthographic
        )
    if settings.layout.textured:
        texture.build_mipmaps_adjoint(adjoints["texture"], pyramid_adjoint, WIDTH, HEIGHT)
    return {name: adjoints[name].to_numpy().reshape(x[name].shape) for name in x}


def _expected(x, settings):
    layout = settings.layout
    attributes, (face_id, lod) = x["attributes"], _choices()
    base = attributes[:, :3] if layout.albedo else np.ones((len(attributes), 3))
    if layout.textured:
        base = base * image_oracle.trilinear(
            image_oracle.mipmaps(x["texture"]), attributes[:, layout.uv : layout.uv + 2], lod
        )
    if layout.tinted:
        base = base * attributes[:, -3:]
    if layout.lit:
        first = 3 * layout.albedo + 3 * layout.shiny
        normal, position = attributes[:, first : first + 3], attributes[:, first + 3 : first + 6]
        cameras = np.repeat(x["camera"], PIXELS, axis=0)
        to_eye = cameras[:, 6:9] if settings.orthographic else cameras[:, 9:12] - position
        lights = list(zip(settings.kinds, x["light_color"], x["light_vector"], strict=True))
        base = light.shade(base, normal, position, to_eye, lights, SPECULAR, SHININESS, settings.two_sided)
    if layout.shiny:
        base = base + attributes[:, 3 * layout.albedo :][:, :3]
    return np.where(face_id[:, None] >= 0, base, 7.0)


@pytest.mark.parametrize("settings", VARIANTS)
def test_colors_equal_the_oracle(cpu64, settings):
    x = inputs(settings)
    np.testing.assert_allclose(shade(x, settings), _expected(x, settings), atol=1e-12)


@pytest.mark.parametrize("settings", VARIANTS)
def test_adjoints_equal_central_differences(cpu64, settings):
    x = inputs(settings, 1)
    g = np.random.default_rng(2).normal(size=(VIEWS * PIXELS, 3))
    errors = relative_errors(
        lambda y: np.sum(g * shade(y, settings)), x, shade_adjoint(x, settings, g), list(x), step=1e-7
    )
    assert max(errors.values()) < 1e-6, errors


def test_background_gets_no_gradient(cpu64):
    settings = Settings(Layout(textured=True))
    x = inputs(settings)
    background = _choices()[0] < 0
    g = np.where(background[:, None], 1.0, 0.0) * np.ones(3)
    assert all((gradient == 0).all() for gradient in shade_adjoint(x, settings, g).values())


def test_single_precision_equals_the_oracle(any32):
    settings = Settings(Layout(textured=True))
    x = inputs(settings, 3)
    np.testing.assert_allclose(shade(x, settings), _expected(x, settings), atol=5e-5)
    g = np.random.default_rng(4).normal(size=(VIEWS * PIXELS, 3))
    errors = relative_errors(
        lambda y: np.sum(g * _expected(y, settings)), x, shade_adjoint(x, settings, g), list(x), step=1e-7
    )
    assert max(errors.values()) < 1e-4, errors


def test_gradients_but_those_of_texels_are_the_same_every_time(cpu32):
    settings = Settings(Layout(textured=True))
    x = inputs(settings)
    runs = [shade_adjoint(x, settings, np.ones((VIEWS * PIXELS, 3))) for _ in range(3)]
    for name in set(x) - {"texture"}:
        assert all((run[name] == runs[0][name]).all() for run in runs), name
