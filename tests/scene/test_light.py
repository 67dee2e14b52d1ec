"""Lights: what the fields hold, and the errors."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.errors import InputError, RuntimeStateError
from taichi_dr.scene.light import AMBIENT, DIRECTIONAL, POINT, SPOT, DirectionalLight, Lights, PointLight, SpotLight


def test_rows_are_ambient_then_directional_then_point(cpu64):
    lights = Lights(
        ambient=0.3,
        directional=[DirectionalLight((0, 1, 1), 0.7), DirectionalLight((1, 0, 0), 0.5, (1, 0.5, 0))],
        point=[PointLight((2, 3, 4), 2, (0.1, 0.2, 0.3))],
    )
    assert lights.count == 4
    assert lights.kinds.to_numpy().tolist() == [AMBIENT, DIRECTIONAL, DIRECTIONAL, POINT]
    expected = [(0.3, 0.3, 0.3), (0.7, 0.7, 0.7), (0.5, 0.25, 0), (0.2, 0.4, 0.6)]
    np.testing.assert_allclose(lights.color.to_numpy(), expected)
    np.testing.assert_allclose(lights.vector.to_numpy(), [(0, 0, 0), (0, 1, 1), (1, 0, 0), (2, 3, 4)])
    assert lights.color.grad is not None
    assert lights.vector.grad is not None


def test_spot_lights_come_last_with_an_axis_and_two_cosines(cpu64):
    spot = SpotLight((0, 3, 0), (0, -2, 0), 2, (0.5, 1, 0), inner_deg=45, outer_deg=60)
    lights = Lights(0.1, point=PointLight((1, 1, 1)), spot=[spot, SpotLight((1, 2, 3), (1, 0, 0))])
    assert lights.kinds.to_numpy().tolist() == [AMBIENT, POINT, SPOT, SPOT]
    assert repr(lights) == "Lights(ambient, 0 directional, 1 point, 2 spot; fields: color, vector, axis, cone)"
    np.testing.assert_allclose(lights.numpy("color")[2], (1, 2, 0))
    np.testing.assert_allclose(lights.vector.to_numpy()[1:], [(1, 1, 1), (0, 3, 0), (1, 2, 3)])
    np.testing.assert_allclose(lights.axis.to_numpy(), [(0, 0, 0), (0, 0, 0), (0, -2, 0), (1, 0, 0)])
    np.testing.assert_allclose(lights.cone.to_numpy()[1:], [(0, 0), (0.5**0.5, 0.5), (0.9396926, 0.8660254)], atol=1e-7)
    lights.set(0.2, point=PointLight((0, 1, 0)), spot=[SpotLight((0, 0, 0), (0, 0, 1)), spot])
    np.testing.assert_allclose(lights.numpy("axis")[2:], [(0, 0, 1), (0, -2, 0)])
    with pytest.raises(InputError, match=r"0 directional, 1 point and 2 spot lights, .*got 0 .*1 point and 0 spot"):
        lights.set(0.2, point=PointLight((0, 1, 0)))


def test_lights_without_a_spot_light_have_no_axis(cpu64):
    lights = Lights(point=PointLight((0, 1, 0)))
    assert repr(lights) == "Lights(ambient, 0 directional, 1 point; fields: color, vector)"
    for use in (lambda: lights.axis, lambda: lights.cone):
        with pytest.raises(InputError, match=r"lights has no field .*: it has color, vector"):
            use()


@pytest.mark.parametrize(
    ("angles", "message"),
    [
        ((30, 20), "0 < inner_deg < outer_deg < 90, got inner_deg=30 and outer_deg=20"),
        ((30, 30), "got inner_deg=30 and outer_deg=30"),
        ((0, 30), "got inner_deg=0"),
        ((30, 90), "outer_deg=90"),
        ((np.nan, 30), "inner_deg=nan"),
        ((30, "wide"), "outer_deg='wide'"),
        (((10, 20), 30), r"inner_deg=\(10, 20\)"),
        ((30, 30.00001), "spot light 0: expected a cone of cosines 1 > inner > outer > 0 that are 1e-06 apart"),
    ],
)
def test_angles_that_are_no_cone_are_refused(cpu64, angles, message):
    with pytest.raises(InputError, match=message):
        Lights(spot=SpotLight((0, 1, 0), (0, -1, 0), inner_deg=angles[0], outer_deg=angles[1]))


def test_check_sees_cones_and_axes_that_were_written(cpu32):
    for name, values, message in (
        ("axis", 0, "light 1: expected the direction in which the light shines, got .* of length zero"),
        ("cone", (0.5, 0.5), "light 1: expected a cone of cosines 1 > inner > outer > 0"),
        ("cone", (0.5, -0.5), "got inner 0.5 and outer -0.5"),
        ("cone", (np.nan, 0.5), "got inner nan"),
    ):
        lights = Lights(spot=SpotLight((0, 1, 0), (0, -1, 0)))
        lights.check()
        lights.fields.set(name, values)
        with pytest.raises(InputError, match=message):
            lights.check()


def test_one_light_needs_no_list(cpu64):
    assert Lights(0, DirectionalLight((0, 1, 0)), PointLight((0, 1, 0))).count == 3


def test_defaults_are_valid(cpu64):
    Lights.default().check()
    np.testing.assert_allclose(Lights(ambient=(0.1, 0.2, 0.3)).color.to_numpy(), [(0.1, 0.2, 0.3)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directional": [DirectionalLight((0, 1, 0)), DirectionalLight((0, 0, 0))]}, "light 1.*length zero"),
        ({"directional": [DirectionalLight((0, np.nan, 0))]}, "three finite numbers as direction"),
        ({"directional": [DirectionalLight((0, 1, 0), -1)]}, "intensity >= 0, got -1"),
        ({"directional": [PointLight((0, 1, 0))]}, "expected DirectionalLight objects"),
        ({"point": [PointLight((0, 1))]}, r"three finite numbers as position, got \[0.0, 1.0\]"),
        ({"point": [PointLight((0, 1, 0), 1, (1, -1, 0))]}, "point light 0: expected a color >= 0"),
        ({"spot": [SpotLight((0, np.inf, 0), (0, 1, 0))]}, "spot light 0: expected three finite numbers as position"),
        ({"spot": [SpotLight((0, 1, 0), (0, 0, 0))]}, "the direction in which the light shines, got .*length zero"),
        ({"spot": [SpotLight((0, 1, 0), (0, 1, 0), -2)]}, "spot light 0: expected a finite intensity >= 0, got -2"),
        ({"spot": [PointLight((0, 1, 0))]}, "expected SpotLight objects"),
        ({"ambient": np.inf}, "ambient light"),
        ({"ambient": "bright"}, "ambient light"),
    ],
)
def test_bad_lights_say_what_is_wrong(cpu64, arguments, message):
    with pytest.raises(InputError, match=message):
        Lights(**arguments)


def test_check_sees_what_was_written_to_the_fields(cpu64):
    lights = Lights(directional=[DirectionalLight((0, 1, 0))])
    lights.fields.set("vector", 0)
    with pytest.raises(InputError, match=r"light 1.*length zero"):
        lights.check()


def test_lights_do_not_survive_init(own_runtime):
    dr.init("cpu")
    lights = Lights()
    dr.init("cpu")
    for use in (lights.check, lambda: lights.color, lambda: lights.vector):
        with pytest.raises(RuntimeStateError, match="lights: made before"):
            use()


def test_gpus_hold_the_same(gpu):
    lights = Lights.default()
    lights.check()
    np.testing.assert_allclose(lights.color.to_numpy()[1], (0.55, 0.55, 0.55), rtol=1e-6)
