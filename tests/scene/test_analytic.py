"""Spheres, planes and rectangles: what their fields hold, and the errors."""

import numpy as np
import pytest

import taichi_dr as dr

ROWS = [
    (lambda: dr.Sphere((1, 2, 3), 0.5), [1, 2, 3, 0.5, 0, 0, 0, 0, 0]),
    (lambda: dr.Plane((1, 2, 3), (0, 0, 2)), [1, 2, 3, 0, 0, 2, 0, 0, 0]),
    (lambda: dr.Plane(y=-1), [0, -1, 0, 0, 1, 0, 0, 0, 0]),
    (lambda: dr.Plane(x=2), [2, 0, 0, 1, 0, 0, 0, 0, 0]),
    (lambda: dr.Plane(z=0), [0, 0, 0, 0, 0, 1, 0, 0, 0]),
    (lambda: dr.Rectangle((1, 2, 3), (2, 0, 0), (0, 1, 1)), [1, 2, 3, 2, 0, 0, 0, 1, 1]),
]


@pytest.mark.parametrize(("make", "row"), ROWS)
def test_nine_numbers(any32, make, row):
    solid = make()
    solid.fields.pull()
    assert solid.fields.arrays["shape"].to_numpy().tolist() == [row]


def test_fields_are_columns_with_gradients(any32):
    ball = dr.Sphere((1, 2, 3), 0.5)
    ball.center[0] = (4, 5, 6)
    ball.radius[0] = 2
    assert ball.center.grad.shape == ball.radius.grad.shape == (1,)
    assert ball.numpy("center").tolist() == [[4, 5, 6]]
    assert ball.numpy("radius").tolist() == [2]
    ball.fields.zero_adjoints()
    ball.fields.adjoints["shape"].from_numpy(np.arange(9, dtype=np.float32)[None])
    ball.fields.push_gradients()
    assert ball.gradient("center").tolist() == [[0, 1, 2]]
    assert ball.gradient("radius").tolist() == [3]


def test_set_writes_what_is_given(any32):
    ball, ground, tile = dr.Sphere((1, 2, 3)), dr.Plane(y=1), dr.Rectangle((0, 0, 0), (1, 0, 0), (0, 1, 0))
    ball.set(radius=3)
    ground.set(normal=(1, 0, 0))
    tile.set(v=(0, 0, 2))
    rows = [[1, 2, 3, 3, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0, 2]]
    assert [solid.fields.variable("shape").to_numpy()[0].tolist() for solid in (ball, ground, tile)] == rows


def test_grey_without_a_material(cpu32):
    assert dr.Sphere((0, 0, 0)).material.albedo == (0.7, 0.7, 0.7)
    assert dr.Plane(y=0, material=dr.Material(albedo=1)).material.albedo == (1, 1, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dr.Sphere((0, 0, 0), 0), "sphere: expected a finite radius > 0, got 0"),
        (lambda: dr.Sphere((0, 0, 0), np.nan), "radius > 0, got nan"),
        (lambda: dr.Sphere((0, np.inf, 0), name="sun"), "sun: expected three finite numbers as center"),
        (lambda: dr.Sphere((0, 0, 0), material="gold"), "material: expected a Material object, got 'gold'"),
        (lambda: dr.Plane((0, 0, 0), (0, 0, 0)), "plane: expected a normal .* of length zero"),
        (lambda: dr.Plane(), "a point and a normal, or one of x, y and z"),
        (lambda: dr.Plane((0, 0, 0)), "a point and a normal, or one of x, y and z"),
        (lambda: dr.Plane(x=1, y=2), "a point and a normal, or one of x, y and z"),
        (lambda: dr.Plane((0, 0, 0), (0, 1, 0), y=1), "a point and a normal, or one of x, y and z"),
        (lambda: dr.Plane(y=np.nan), "three finite numbers as point"),
        (lambda: dr.Rectangle((0, 0, 0), (1, 1, 0), (2, 2, 0)), "u and v that span a rectangle"),
        (lambda: dr.Rectangle((0, 0, 0), (1, 1, 0), (0, 0, 0)), "half an edge as v, got .* of length zero"),
    ],
)
def test_bad_solids_say_what_is_wrong(cpu32, make, message):
    with pytest.raises(dr.InputError, match=message):
        make()


def test_check_sees_what_was_written_to_the_fields(cpu32):
    ball = dr.Sphere((0, 0, 0))
    ball.check()
    ball.radius[0] = -1
    with pytest.raises(dr.InputError, match=r"radius > 0, got .*-1"):
        ball.check()
    with pytest.raises(AttributeError, match=r"sphere.set\(radius=...\) writes its numbers"):
        ball.radius = 2
    with pytest.raises(dr.InputError, match="sphere has no field 'normal': it has center, radius"):
        ball.numpy("normal")


def test_solids_do_not_survive_init(own_runtime):
    dr.init("cpu")
    ball = dr.Sphere((0, 0, 0), name="ball")
    dr.init("cpu")
    with pytest.raises(dr.RuntimeStateError, match="ball: made before"):
        ball.check()
