"""Mesh losses: closed forms, oracles, gradients by central differences, batches, both backends, errors."""

import numpy as np
import pytest
import taichi as ti
from oracles import losses as oracle

from taichi_dr import losses
from taichi_dr.errors import GeometryError, InputError, ShapeError
from taichi_dr.runtime import float_dtype, runtime_token
from taichi_dr.scene.mesh import Mesh

BATCH = 2
# An octahedron with one face missing: inner edges, boundary edges, obtuse and acute angles once it is jittered.
FACES = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5]])
CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float)
VERTICES = CORNERS + np.random.default_rng(1).normal(scale=0.3, size=(BATCH, 6, 3))
REGULARISERS = {
    "edge_length": {},
    "edge_length to a target": {"target": 1.1},
    "normal_consistency": {},
    "normal_consistency with softness": {"softness": 0.7},
    "flatten": {},
    "flatten with softness": {"softness": 0.7},
    "laplacian": {},
    "laplacian cotangent": {"kind": "cotangent"},
}

_made = {}


def shared_mesh(slot=0):
    """One mesh per runtime and slot, at VERTICES: every new field compiles the kernels again."""
    key = (runtime_token(), slot)
    if key not in _made:
        _made[key] = Mesh(VERTICES, FACES)
        _made[key, "loss"] = ti.field(float_dtype(), shape=(), needs_grad=True)
    _made[key].set("vertices", VERTICES)
    return _made[key]


def evaluate(*uses):
    """Value and gradients by the vertices of the sum of uses ``(name, mesh, weight)`` in one tape."""
    shared_mesh()
    total = _made[(runtime_token(), 0), "loss"]
    with ti.ad.Tape(total):
        for name, mesh, weight in uses:
            getattr(losses, name.split()[0])(mesh, total, weight, **REGULARISERS[name])
    return total[None], [mesh.vertices.grad.to_numpy() for _, mesh, _ in uses]


def reference(name, vertices):
    options = dict(REGULARISERS[name])
    if name == "laplacian cotangent":
        options["weights_at"] = VERTICES
    return getattr(oracle, name.split()[0])(vertices, FACES, **options)


def central_differences(function, x, step=1e-5):
    result = np.zeros(x.size)
    for entry in range(x.size):
        for sign in (1, -1):
            moved = x.copy()
            moved.reshape(-1)[entry] += sign * step
            result[entry] += sign * function(moved) / (2 * step)
    return result.reshape(x.shape)


@pytest.mark.parametrize("name", REGULARISERS)
def test_values_and_gradients(cpu64, name):
    value, (gradient,) = evaluate((name, shared_mesh(), 1.3))
    assert value == pytest.approx(1.3 * reference(name, VERTICES), rel=1e-12)
    expected = 1.3 * central_differences(lambda v: reference(name, v), VERTICES)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", REGULARISERS)
def test_two_uses_in_one_tape_add_up(cpu64, name):
    mesh, other = shared_mesh(), shared_mesh(1)
    other.set("vertices", 0.5 * VERTICES[::-1])
    value, (gradient, other_gradient) = evaluate((name, mesh, 1.0), (name, other, -2.0))
    a, (alone,) = evaluate((name, mesh, 1.0))
    other.set("vertices", 0.5 * VERTICES[::-1])
    b, (other_alone,) = evaluate((name, other, -2.0))
    assert value == pytest.approx(a + b, rel=1e-12)
    np.testing.assert_allclose(gradient, alone, rtol=1e-12)
    np.testing.assert_allclose(other_gradient, other_alone, rtol=1e-12)


def test_literal_values_on_two_triangles_at_a_right_angle(cpu64):
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2], [1, 0, 3]])
    total = ti.field(ti.f64, shape=(), needs_grad=True)

    def value(function, **options):
        total[None] = 0.0
        function(mesh, total, **options)
        return total[None]

    assert value(losses.edge_length) == pytest.approx((1 + 1 + 1 + 2 + 2) / 5)
    assert value(losses.edge_length, target=1.0) == pytest.approx(2 * (np.sqrt(2) - 1) ** 2 / 5)
    assert value(losses.normal_consistency) == pytest.approx(1.0)
    assert value(losses.flatten) == pytest.approx(1.0)
    assert value(losses.normal_consistency, softness=1.0) == pytest.approx(0.5)  # w = 1 / sqrt(1 + 1) in both faces
    assert value(losses.flatten, softness=1.0) == pytest.approx(0.25)
    # Neighbours: 0 and 1 see all others, 2 and 3 see 0 and 1.
    expected = 3 / 9 + (1 + 1 / 9 + 1 / 9) + 2 * (0.25 + 1)
    assert value(losses.laplacian) == pytest.approx(expected)


def test_a_flat_surface_has_no_bends_and_a_degenerate_face_no_infinities(cpu64):
    flat = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.4, -1, 0]], [[0, 1, 2], [1, 0, 3]])
    total = ti.field(ti.f64, shape=(), needs_grad=True)
    for positions in (flat.numpy("vertices"), [[0, 0, 0], [1, 0, 0], [0.5, 0, 0], [0, 0, 1]], np.zeros((4, 3))):
        flat.set("vertices", positions)
        with ti.ad.Tape(total):
            for softness in (0.0, 0.2):
                losses.flatten(flat, total, softness=softness)
                losses.normal_consistency(flat, total, softness=softness)
        assert total[None] == pytest.approx(0, abs=1e-12)
        np.testing.assert_allclose(flat.vertices.grad.to_numpy(), 0, atol=1e-9)
        with ti.ad.Tape(total):
            losses.laplacian(flat, total, kind="cotangent")
            losses.edge_length(flat, total, target=0.5)
        assert np.isfinite(total[None])
        assert np.isfinite(flat.vertices.grad.to_numpy()).all()


def slope_of(mesh, total, function, vertices, **options):
    """What ``function`` adds at ``vertices``, and its gradient there."""
    mesh.set("vertices", vertices)
    with ti.ad.Tape(total):
        function(mesh, total, **options)
    return total[None], mesh.vertices.grad.to_numpy()[0]


FOLDS = [losses.flatten, losses.normal_consistency]


@pytest.fixture
def folded(cpu64):
    """Two faces with a fold of cos(n_1, n_2) = -0.8 between them, a mesh and a loss; the second is of any height."""
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0.3, 1, 0], [0.4, 0, 1]], [[0, 1, 2], [1, 0, 3]])
    return mesh, ti.field(ti.f64, shape=(), needs_grad=True)


def of_height(height):
    return np.array([[0, 0, 0], [1, 0, 0], [0.3, 1, 0], [0.4, 0.8 * height, 0.6 * height]])


@pytest.mark.parametrize("function", FOLDS)
def test_softness_bounds_the_pull_of_slivers(folded, function):
    for height in (1e-2, 1e-3, 1e-4, 1e-5):
        exact, steep = slope_of(*folded, function, of_height(height))
        assert exact == pytest.approx(1.8 if function is losses.normal_consistency else 3.24)
        assert np.abs(steep).max() > 0.4 / height
        soft, slope = slope_of(*folded, function, of_height(height), softness=0.3)
        assert np.abs(slope).max() < 3 * 1.2 / 0.3**2  # 1.2: the longest edge
    assert soft < 1e-3


@pytest.mark.parametrize("function", FOLDS)
def test_softness_is_a_length(folded, function):
    value, slope = slope_of(*folded, function, of_height(0.05), softness=0.2)
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    for size in (1e-3, 40.0):
        vertices = size * of_height(0.05) @ turn.T + [0.5, -2, 1]
        moved, other = slope_of(*folded, function, vertices, softness=0.2 * size)
        assert moved == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(size * other, slope @ turn.T, atol=1e-8 * np.abs(slope).max())


@pytest.mark.parametrize(("edge", "height"), [(0.2, 0.2), (4, 0.01), (0.01, 4)])
def test_needles_count_as_small_faces_of_their_area(folded, edge, height):
    vertices = [[0, 0, 0], [edge, 0, 0], [0, height, 0], [0, 0, height]]  # twice the area: softness^2
    assert slope_of(*folded, losses.normal_consistency, vertices, softness=0.2)[0] == pytest.approx(1 / 2)
    assert slope_of(*folded, losses.flatten, vertices, softness=0.2)[0] == pytest.approx(1 / 4)


def test_a_single_face_has_no_inner_edge(cpu64):
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    total = ti.field(ti.f64, shape=(), needs_grad=True)
    with ti.ad.Tape(total):
        losses.flatten(mesh, total)
        losses.normal_consistency(mesh, total)
    assert total[None] == 0


def test_the_gradient_reaches_what_moved_the_vertices(cpu64):
    mesh = shared_mesh()
    size, total = ti.field(ti.f64, shape=(), needs_grad=True), ti.field(ti.f64, shape=(), needs_grad=True)
    shape = ti.Vector.field(3, ti.f64, shape=(BATCH, 6))
    shape.from_numpy(VERTICES)
    size[None] = 1.5

    @ti.kernel
    def scale():
        for b, i in mesh.vertices:
            mesh.vertices[b, i] = size[None] * shape[b, i]

    with ti.ad.Tape(total):
        scale()
        losses.edge_length(mesh, total)
        losses.laplacian(mesh, total)
        losses.flatten(mesh, total)
    expected = 2 * 1.5 * (oracle.edge_length(VERTICES, FACES) + oracle.laplacian(VERTICES, FACES))
    assert size.grad[None] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", REGULARISERS)
def test_both_backends_in_single_precision(any32, name):
    value, (gradient,) = evaluate((name, shared_mesh(), 1.0))
    assert value == pytest.approx(reference(name, VERTICES), rel=1e-5)
    expected = central_differences(lambda v: reference(name, v), VERTICES)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_chamfer_of_literal_points(cpu64):
    x, total = ti.Vector.field(3, ti.f64, shape=1, needs_grad=True), ti.field(ti.f64, shape=(), needs_grad=True)
    with ti.ad.Tape(total):
        losses.chamfer(x, np.array([[1.0, 0, 0], [2.0, 0, 0]]), total)
    assert total[None] == pytest.approx(3.5)
    np.testing.assert_allclose(x.grad.to_numpy(), [[-2 - 3, 0, 0]])


def test_chamfer_between_point_fields(cpu64):
    rng = np.random.default_rng(4)
    p, q = rng.normal(size=(2, 9, 3)), rng.normal(size=(7, 3))
    x, total = ti.Vector.field(3, ti.f64, shape=(2, 9), needs_grad=True), ti.field(ti.f64, (), needs_grad=True)
    y = ti.Vector.field(3, ti.f64, shape=7, needs_grad=True)
    x.from_numpy(p)
    y.from_numpy(q)
    with ti.ad.Tape(total):
        losses.chamfer(x, y, total, 0.7)
        losses.chamfer(y, x, total, 0.3)

    def distance(p, q):
        return np.mean([oracle.chamfer(one, q) for one in p])

    assert total[None] == pytest.approx(distance(p, q), rel=1e-12)
    np.testing.assert_allclose(x.grad.to_numpy(), central_differences(lambda v: distance(v, q), p), atol=1e-8)
    np.testing.assert_allclose(y.grad.to_numpy(), central_differences(lambda v: distance(p, v), q), atol=1e-8)


def distance_of_samples(points, meshes, samples, seed):
    """The Chamfer distance to ``points`` as a function of vertices, of what is drawn on the surfaces ``meshes``."""
    drawn = [losses.sample_surface(vertices, FACES, samples, seed=seed) for vertices in meshes]

    def distance(vertices):
        clouds = [np.einsum("pk,pkc->pc", b, v[FACES[f]]) for v, (f, b) in zip(vertices, drawn, strict=True)]
        return np.mean([oracle.chamfer(cloud, points) for cloud in clouds])

    return distance


def test_chamfer_from_surfaces(cpu64):
    mesh, total = shared_mesh(), ti.field(ti.f64, (), needs_grad=True)
    points = np.random.default_rng(5).normal(size=(40, 3))
    with ti.ad.Tape(total):
        losses.chamfer(mesh, points, total, samples=50, seed=3)
    distance = distance_of_samples(points, VERTICES, samples=50, seed=3)
    assert total[None] == pytest.approx(distance(VERTICES), rel=1e-12)
    np.testing.assert_allclose(mesh.vertices.grad.to_numpy(), central_differences(distance, VERTICES), atol=1e-8)


def test_chamfer_on_both_backends(any32):
    mesh, points = shared_mesh(), np.random.default_rng(6).normal(size=(30, 3))
    total = _made[(runtime_token(), 0), "loss"]
    with ti.ad.Tape(total):
        losses.chamfer(mesh, points, total, 2.0, samples=20, seed=1)
    distance = distance_of_samples(points, VERTICES.astype(np.float32), samples=20, seed=1)
    assert total[None] == pytest.approx(2 * distance(VERTICES), rel=1e-5)
    expected = 2 * central_differences(distance, VERTICES)
    np.testing.assert_allclose(mesh.vertices.grad.to_numpy(), expected, rtol=1e-4, atol=1e-5)


def test_surface_samples_are_spread_by_area():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [3, 0, 0], [0, 3, 0]], dtype=float)
    faces = np.array([[0, 1, 2], [0, 3, 4], [1, 1, 2]])
    chosen, barycentrics = losses.sample_surface(vertices, faces, 20_000)
    assert np.bincount(chosen, minlength=3) / 20_000 == pytest.approx([0.1, 0.9, 0], abs=0.01)
    np.testing.assert_allclose(barycentrics.sum(axis=1), 1)
    assert barycentrics.min() >= 0
    assert barycentrics.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.01)
    with pytest.raises(GeometryError, match="without area"):
        losses.sample_surface(vertices, faces[2:], 5)


def test_errors(cpu64):
    mesh, total = shared_mesh(), ti.field(ti.f64, (), needs_grad=True)
    with pytest.raises(InputError, match="kind: expected one of"):
        losses.laplacian(mesh, total, kind="graph")
    with pytest.raises(InputError, match="target: expected a finite length of at least 0, got -1"):
        losses.edge_length(mesh, total, target=-1)
    with pytest.raises(InputError, match="target: expected a finite length of at least 0, got nan"):
        losses.edge_length(mesh, total, target=np.nan)
    for function in (losses.flatten, losses.normal_consistency):
        for softness in (-0.1, np.nan, np.inf):
            with pytest.raises(InputError, match=f"softness: expected a finite length of at least 0, got {softness}"):
                function(mesh, total, softness=softness)
    with pytest.raises(ShapeError, match=r"loss: expected shape \(\), got \(2, 6, 3\)"):
        losses.flatten(mesh, mesh.vertices)
    with pytest.raises(ShapeError, match=r"target: expected shape \(P, 3\) or \(B, P, 3\), got \(4, 2\)"):
        losses.chamfer(mesh, np.zeros((4, 2)), total)
    with pytest.raises(ShapeError, match="expected a batch of 2 or 1, got 3"):
        losses.chamfer(mesh, np.zeros((3, 4, 3)), total)
    with pytest.raises(GeometryError, match=r"chamfer: expected finite numbers, got nan in target at \[0, 1, 1\]"):
        losses.chamfer(mesh, np.array([[0, 0, 0], [0, np.nan, 0]]), total)
    with pytest.raises(InputError, match="samples: expected a positive number, got 0"):
        losses.chamfer(mesh, np.zeros((4, 3)), total, samples=0)


@pytest.mark.parametrize("name", ["edge_length", "edge_length to a target", "laplacian"])
def test_a_vertex_that_is_not_finite_is_named(any32, name):
    mesh = shared_mesh()
    vertices = VERTICES.copy()
    vertices[1, 4, 2] = np.nan
    mesh.set("vertices", vertices)
    message = rf"{name.split()[0]}: expected finite numbers, got nan in mesh.vertices at \[1, 4, 2\]$"
    with pytest.raises(InputError, match=message):
        getattr(losses, name.split()[0])(mesh, _made[(runtime_token(), 0), "loss"], **REGULARISERS[name])
