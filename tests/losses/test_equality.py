"""Where losses are least: at equality those that compare, on a shape of their own those that keep a mesh smooth."""

import numpy as np
import pytest
import taichi as ti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from taichi_dr import losses
from taichi_dr.runtime import float_dtype, runtime_token
from taichi_dr.scene.mesh import Mesh

COMPARING = {
    "mse": losses.mse,
    "l1": losses.l1,
    "huber": losses.huber,
    "iou": losses.iou,
    "ssim": losses.ssim,
}
SHAPE = (2, 11, 12)  # the structural similarity needs 11 pixels
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
shades = st.sampled_from([0.0, 1.0]) | st.floats(0, 1, width=16)
images = arrays(float, SHAPE, elements=shades)
points = arrays(float, (9, 3), elements=st.integers(-5, 5))

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(8)  # its edges have length 1
SIDES = [[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]]
FLAT = np.array([[0, 0, 0.3], [1, 0, 0.3], [0, 1, 0.3], [1.2, 0.9, 0.3]])
FLAT_SIDES = [[0, 1, 2], [2, 1, 3]]


class Fields:
    """Two images, two sets of points and a loss of the current runtime."""

    def __init__(self):
        self.images = [ti.field(float_dtype(), SHAPE, needs_grad=True) for _ in range(2)]
        self.points = [ti.Vector.field(3, float_dtype(), 9, needs_grad=True) for _ in range(2)]
        self.loss = ti.field(float_dtype(), (), needs_grad=True)

    def compare(self, function, fields, one, other):
        """The loss between two fields of these values, and the largest gradient of both."""
        for field, values in zip(fields, (one, other), strict=True):
            field.from_numpy(values)
        with ti.ad.Tape(self.loss):
            function(*fields, self.loss)
        return self.loss[None], max(np.abs(field.grad.to_numpy()).max() for field in fields)


_made = {}


@pytest.fixture
def fields(cpu64):
    if _made.get("token") is not runtime_token():
        _made.update(token=runtime_token(), fields=Fields())
    return _made["fields"]


@pytest.mark.parametrize("name", COMPARING)
@few
@given(image=images)
def test_images_that_are_equal(fields, name, image):
    value, slope = fields.compare(COMPARING[name], fields.images, image, image)
    assert value == pytest.approx(0, abs=1e-12)
    assert slope < 1e-12


@pytest.mark.parametrize("name", COMPARING)
@few
@given(one=images, other=images)
def test_no_images_are_nearer_than_equal_ones(fields, name, one, other):
    value, _ = fields.compare(COMPARING[name], fields.images, one, other)
    assert value > -1e-12
    if np.abs(one - other).max() > 1e-3:
        assert value > 1e-11


@few
@given(cloud=points, other=points)
def test_points_that_are_equal(fields, cloud, other):
    assert fields.compare(losses.chamfer, fields.points, cloud, cloud) == (0, 0)
    value, _ = fields.compare(losses.chamfer, fields.points, cloud, other)
    assert value > 0 or set(map(tuple, cloud)) == set(map(tuple, other))


def test_a_surface_and_itself(fields):
    mesh = Mesh(TETRAHEDRON, SIDES)
    value, slope = at(mesh, fields, TETRAHEDRON, lambda loss: losses.chamfer(mesh, mesh, loss, samples=50))
    assert value == 0
    assert slope == 0


def at(mesh, fields, vertices, add):
    """Value and largest gradient of what ``add(loss)`` adds, with ``mesh`` at ``vertices``."""
    mesh.set("vertices", vertices)
    with ti.ad.Tape(fields.loss):
        add(fields.loss)
    return fields.loss[None], np.abs(mesh.vertices.grad.to_numpy()).max()


@pytest.mark.parametrize("length", [0.25, 1.0, 3.0])
def test_edges_of_the_length_asked_for(fields, length):
    mesh = Mesh(TETRAHEDRON, SIDES)
    value, slope = at(mesh, fields, length * TETRAHEDRON, lambda loss: losses.edge_length(mesh, loss, target=length))
    assert value == pytest.approx(0, abs=1e-25)
    assert slope < 1e-12
    value, _ = at(mesh, fields, 1.1 * length * TETRAHEDRON, lambda loss: losses.edge_length(mesh, loss, target=length))
    assert value == pytest.approx((0.1 * length) ** 2)


@pytest.mark.parametrize("function", [losses.normal_consistency, losses.flatten])
def test_bends_are_least_where_the_surface_is_flat(fields, function):
    mesh = Mesh(FLAT, FLAT_SIDES)
    value, slope = at(mesh, fields, FLAT, lambda loss: function(mesh, loss))
    assert value == pytest.approx(0, abs=1e-14)
    assert slope < 1e-12


@pytest.mark.parametrize(
    ("function", "options"),
    [(losses.edge_length, {}), (losses.laplacian, {}), (losses.laplacian, {"kind": "cotangent"})],
)
def test_lengths_and_laplacians_are_least_where_the_mesh_is_a_point(fields, function, options):
    mesh = Mesh(TETRAHEDRON, SIDES)
    add = lambda loss: function(mesh, loss, **options)  # noqa: E731
    whole, _ = at(mesh, fields, TETRAHEDRON, add)
    half, _ = at(mesh, fields, TETRAHEDRON / 2, add)
    assert half == pytest.approx(whole / 4)
    assert at(mesh, fields, 0 * TETRAHEDRON + 0.7, add) == (0, 0)
