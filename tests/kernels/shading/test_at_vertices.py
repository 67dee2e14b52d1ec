"""Shading of vertices and of flat faces: closed forms, the NumPy oracle, and central differences of every input."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import taichi as ti
from oracles import shading as oracle
from oracles.differences import relative_errors

from taichi_dr.kernels.base import partial_sums
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.shading import at_vertices as shading
from taichi_dr.kernels.shading import light as lighting
from taichi_dr.scene.topology import build_adjacency, group_by_owner

FACES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2], [4, 0, 1]], np.int32)
ALBEDO_INDEX = np.array([[0, 0, 0], [1, 2, 1], [2, 2, 2], [3, 0, 1], [1, 1, 3]], np.int32)
ROWS, ALBEDOS, MESHES = 5, 4, 3


@dataclass(frozen=True)
class Settings:
    """The inputs of the kernels that have no gradient."""

    kinds: tuple = (0, 1, 2, 1, 2)
    view_mesh: tuple = (2, 0, 2)  # mesh 1 is not seen
    orthographic: bool = False
    two_sided: bool = True
    specular: float = 0.6
    shininess: float = 5.0
    term: int = shading.COLOR


VARIANTS = [
    Settings(),
    Settings(orthographic=True),
    Settings(two_sided=False),
    Settings(specular=0.0),
    Settings(kinds=(0,), view_mesh=(0,)),
    Settings(kinds=(2,), view_mesh=(1, 1), shininess=1.0),
    Settings(kinds=(0, 3, 1, 3)),
    Settings(kinds=(3,), view_mesh=(1, 1), shininess=1.0),
    Settings(term=shading.IRRADIANCE),
    Settings(term=shading.BOTH),
]


def inputs(settings, seed=0, normal_rows=ROWS, albedo_rows=ROWS):
    rng = np.random.default_rng(seed)
    x = {
        "albedo": rng.uniform(0.1, 1, (MESHES, albedo_rows, 3)),
        "vertices": rng.normal(size=(MESHES, ROWS, 3)),
        "normals": rng.normal(size=(MESHES, normal_rows, 3)),
        "camera": rng.normal(size=(len(settings.view_mesh), 16)) * 2,
        "light_color": rng.uniform(0.2, 1, (len(settings.kinds), 3)),
        "light_vector": rng.normal(size=(len(settings.kinds), 3)) * 2,
    }
    if oracle.SPOT in settings.kinds:
        x["light_vector"] = oracle.spot_vectors(rng, len(settings.kinds))
    return x


def _rows(values):
    return array_from(np.reshape(values, (-1, values.shape[-1])))


def _ints(values):
    return array_from(np.asarray(values), ti.i32)


def _view_and_lights(x, settings):
    lights = lighting.Lights(_ints(settings.kinds), _rows(x["light_color"]), _rows(x["light_vector"]))
    finish = lighting.Finish(settings.specular, settings.shininess, settings.two_sided)
    return _rows(x["camera"]), settings.orthographic, *lights, *finish, settings.term


def _outputs(x):
    return {name: make_array((int(np.prod(a.shape[:-1])), a.shape[-1])) for name, a in x.items()}


def _reduced(x, settings, partials, adjoints):
    lighting.reduce_partials(
        partials, adjoints["light_color"], adjoints["light_vector"], adjoints["camera"], settings.orthographic
    )
    return {name: adjoints[name].to_numpy().reshape(x[name].shape) for name in x}


def _geometry(x):
    return _rows(x["vertices"]), _rows(x["normals"])


def shade_vertices(x, settings):
    out = make_array((len(settings.view_mesh) * ROWS, shading.columns_of(settings.term)))
    shading.shade_vertices(
        _rows(x["albedo"]),
        *_geometry(x),
        _ints(settings.view_mesh),
        *_view_and_lights(x, settings),
        out,
    )
    return out.to_numpy().reshape(len(settings.view_mesh), ROWS, -1)


def shade_vertices_adjoint(x, settings, g):
    views = len(settings.view_mesh)
    adjoints = _outputs(x)
    partials = make_array(lighting.partials_shape(len(settings.kinds), views, ROWS, x["light_vector"].shape[1]))
    shading.shade_vertices_adjoint(
        _rows(x["albedo"]),
        *_geometry(x),
        _ints(settings.view_mesh),
        *(_ints(a) for a in group_by_owner(settings.view_mesh, MESHES)),
        *_view_and_lights(x, settings),
        _rows(g),
        adjoints["albedo"],
        adjoints["vertices"],
        adjoints["normals"],
        partials,
        make_array((views * ROWS, shading.VERTEX_SCRATCH)),
    )
    return _reduced(x, settings, partials, adjoints)


def shade_corners(x, settings):
    views = len(settings.view_mesh)
    out = make_array((views * 3 * len(FACES), shading.columns_of(settings.term)))
    shading.shade_corners(
        _rows(x["albedo"]),
        _ints(ALBEDO_INDEX),
        _rows(x["vertices"]),
        _ints(FACES),
        _rows(x["normals"]),
        _ints(settings.view_mesh),
        *_view_and_lights(x, settings),
        MESHES,
        out,
    )
    return out.to_numpy().reshape(views, len(FACES), 3, -1)


def shade_corners_adjoint(x, settings, g):
    views = len(settings.view_mesh)
    adjoints = _outputs(x)
    partials = make_array(lighting.partials_shape(len(settings.kinds), views, len(FACES), x["light_vector"].shape[1]))
    shading.shade_corners_adjoint(
        _rows(x["albedo"]),
        _ints(ALBEDO_INDEX),
        *(_ints(a) for a in build_adjacency(ALBEDO_INDEX, ALBEDOS)),
        _rows(x["vertices"]),
        _ints(FACES),
        *(_ints(a) for a in build_adjacency(FACES, ROWS)),
        _rows(x["normals"]),
        _ints(settings.view_mesh),
        *(_ints(a) for a in group_by_owner(settings.view_mesh, MESHES)),
        *_view_and_lights(x, settings),
        _rows(g),
        adjoints["albedo"],
        adjoints["vertices"],
        adjoints["normals"],
        partials,
        make_array((views * len(FACES), shading.CORNER_SCRATCH)),
    )
    return _reduced(x, settings, partials, adjoints)


def corner_inputs(settings, seed=0):
    return inputs(settings, seed, len(FACES), ALBEDOS)


@pytest.mark.parametrize("settings", VARIANTS)
def test_vertices_and_corners_equal_the_oracle(cpu64, settings):
    x = inputs(settings)
    np.testing.assert_allclose(shade_vertices(x, settings), oracle.shade_vertices(x, settings), atol=1e-12)
    x = corner_inputs(settings)
    expected = oracle.shade_corners(x, settings, FACES, ALBEDO_INDEX)
    np.testing.assert_allclose(shade_corners(x, settings), expected, atol=1e-12)


@pytest.mark.parametrize("settings", VARIANTS)
@pytest.mark.parametrize(
    ("forward", "adjoint", "inputs"),
    [(shade_vertices, shade_vertices_adjoint, inputs), (shade_corners, shade_corners_adjoint, corner_inputs)],
)
def test_adjoints_equal_central_differences(cpu64, settings, forward, adjoint, inputs):
    x = inputs(settings, 1)
    g = np.random.default_rng(2).normal(size=forward(x, settings).shape)
    gradients = adjoint(x, settings, g)
    errors = relative_errors(lambda y: np.sum(g * forward(y, settings)), x, gradients, list(x))
    assert max(errors.values()) < 1e-7, errors


def _one_point(settings, *, normal=(0, 0, 1), eye=(0, 0, 5), color=(1, 1, 1), vector=(0, 0, 1)):
    x = inputs(replace(settings, kinds=(settings.kinds[0],)))
    x["albedo"][:] = 1
    x["vertices"][:] = 0
    x["normals"][:] = normal
    x["camera"][:, 9:12] = eye
    x["light_color"][:] = color
    x["light_vector"] = np.array([vector], float)
    return shade_vertices(x, settings)[0, 0]


DIRECTIONAL = Settings(kinds=(1,), view_mesh=(0,), specular=0.0)


def test_lambert_at_sixty_degrees_is_one_half(cpu64):
    slant = (np.sqrt(3), 0, 1)
    np.testing.assert_allclose(_one_point(DIRECTIONAL, vector=slant), 0.5, atol=1e-15)
    np.testing.assert_allclose(_one_point(replace(DIRECTIONAL, kinds=(2,)), vector=slant), 0.5, atol=1e-15)
    np.testing.assert_allclose(_one_point(replace(DIRECTIONAL, kinds=(0,)), vector=slant), 1, atol=1e-15)


SPOT = Settings(kinds=(3,), view_mesh=(0,), specular=0.0)


@pytest.mark.parametrize(
    ("degrees", "share"), [(0, 1), (19.99, 1), (30, 0.6128), (40.01, 0), (np.degrees(np.arccos(0.852869)), 0.5)]
)
def test_a_spot_light_fades_smoothly_from_its_inner_to_its_outer_angle(cpu64, degrees, share):
    """Straight above the point, turned away from it; half of it at half the cosines, (0.939693 + 0.766044) / 2."""
    angle, cosines = np.radians(degrees), np.cos(np.radians((20, 40)))
    vector = (0, 0, 2, 3 * np.sin(angle), 0, -3 * np.cos(angle), *cosines)
    np.testing.assert_allclose(_one_point(SPOT, vector=vector), share, atol=5e-5)


def test_a_spot_light_is_a_point_light_within_its_inner_angle(cpu64):
    settings = replace(SPOT, specular=0.5)
    place, cone = (1, 1, 2), (-1.1, -0.9, -2, 0.95, 0.9)
    spot, point = (_one_point(replace(settings, kinds=(k,)), vector=place + cone) for k in (3, 2))
    np.testing.assert_array_equal(spot, point)
    assert point[0] > 0.8
    gone = _one_point(settings, vector=(*place, 1, 0, 0, 0.95, 0.9))
    np.testing.assert_array_equal(gone, 0)


def test_length_of_normal_and_direction_do_not_matter(cpu64):
    assert np.ptp([_one_point(DIRECTIONAL, normal=(0, 0, s), vector=(s, 0, s)) for s in (0.1, 1, 30)]) < 1e-14


def test_light_from_behind_gives_nothing(cpu64):
    assert (_one_point(replace(DIRECTIONAL, specular=1.0), vector=(0, 0.1, -1)) == 0).all()


def test_two_sided_lights_the_side_that_is_seen(cpu64):
    np.testing.assert_allclose(_one_point(DIRECTIONAL, normal=(0, 0, -1)), 1, atol=1e-15)
    assert (_one_point(replace(DIRECTIONAL, two_sided=False), normal=(0, 0, -1)) == 0).all()


def test_highlight_is_full_where_the_half_vector_meets_the_normal(cpu64):
    settings = replace(DIRECTIONAL, specular=0.25, shininess=50.0)
    mirror = _one_point(settings, eye=(3, 0, 4), vector=(-3, 0, 4))
    np.testing.assert_allclose(mirror, 0.8 + 0.25, atol=1e-14)


def test_missing_normal_leaves_the_ambient_light(cpu64):
    x = inputs(Settings())
    x["normals"][:] = 0
    ambient = x["light_color"][0] * x["albedo"][[2, 0, 2]]
    np.testing.assert_allclose(shade_vertices(x, Settings()), ambient, atol=1e-15)
    gradients = shade_vertices_adjoint(x, Settings(), np.ones((3, ROWS, 3)))
    assert all(np.isfinite(g).all() for g in gradients.values())


def test_partial_sums_of_many_chunks_add_up(cpu64):
    lights, views, points = 2, 3, 130 * partial_sums.CHUNK
    for columns in (3, 8):  # without spot lights, and with some
        partials = np.random.default_rng(0).normal(size=lighting.partials_shape(lights, views, points, columns))
        color, vector, camera = make_array((lights, 3)), make_array((lights, columns)), make_array((views, 16))
        per_light = partials[:-3].sum(axis=1).reshape(lights, 3 + columns)
        lighting.reduce_partials(array_from(partials), color, vector, camera, False)
        np.testing.assert_allclose(color.to_numpy(), per_light[:, :3], atol=1e-12)
        np.testing.assert_allclose(vector.to_numpy(), per_light[:, 3:], atol=1e-12)
        eyes = partials[-3:].reshape(3, views, -1).sum(axis=2).T
        np.testing.assert_allclose(camera.to_numpy()[:, 9:12], eyes, atol=1e-12)


@pytest.mark.parametrize("settings", [Settings(), Settings(kinds=(0, 3, 2, 3))])
def test_single_precision_equals_the_oracle(any32, settings):
    x = inputs(settings, 3)
    np.testing.assert_allclose(shade_vertices(x, settings), oracle.shade_vertices(x, settings), atol=2e-5)
    g = np.random.default_rng(4).normal(size=(3, ROWS, 3))
    gradients = shade_vertices_adjoint(x, settings, g)
    errors = relative_errors(lambda y: np.sum(g * oracle.shade_vertices(y, settings)), x, gradients, list(x))
    assert max(errors.values()) < 2e-5, errors
    x = corner_inputs(settings, 3)
    expected = oracle.shade_corners(x, settings, FACES, ALBEDO_INDEX)
    np.testing.assert_allclose(shade_corners(x, settings), expected, atol=2e-5)
    g = np.random.default_rng(5).normal(size=expected.shape)
    gradients = shade_corners_adjoint(x, settings, g)
    errors = relative_errors(
        lambda y: np.sum(g * oracle.shade_corners(y, settings, FACES, ALBEDO_INDEX)), x, gradients, list(x)
    )
    assert max(errors.values()) < 2e-5, errors
