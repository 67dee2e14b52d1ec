"""Lights: what the fields hold, and the errors."""

import numpy as np
import pytest

import taichi_dr as dr
from taichi_dr.errors import InputError, RuntimeStateError
from taichi_dr.scene.light import AMBIENT, DIRECTIONAL, POINT, DirectionalLight, Lights, PointLight


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
