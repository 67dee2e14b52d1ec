"""Lights with an extent: what their fields hold, and who refuses them."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

LAMP = {"center": (0, 3, 0), "u": (1, 0, 0), "v": (0, 0, 2)}


@ti.func
def ball(p):
    return p.norm() - 1.0


def test_a_solid_that_shines(any32):
    lamp, sun = dr.RectangleLight(**LAMP, radiance=5), dr.SphereLight((1, 2, 3), 0.5, (3, 2, 1))
    for light, row, radiance in (
        (lamp, [0, 3, 0, 1, 0, 0, 0, 0, 2], [5, 5, 5]),
        (sun, [1, 2, 3, 0.5, 0, 0, 0, 0, 0], [3, 2, 1]),
    ):
        light.fields.pull()
        assert light.fields.arrays["shape"].to_numpy().tolist() == [row]
        assert light.fields.arrays["radiance"].to_numpy().tolist() == [radiance]
        assert light.radiance.grad.shape == (1,)
    sun.set(radiance=2)
    lamp.set(u=(3, 0, 0), radiance=(0, 1, 0))
    assert sun.numpy("radiance").tolist() == [[2, 2, 2]]
    assert sun.numpy("radius").tolist() == [0.5]
    assert lamp.numpy("u").tolist() == [[3, 0, 0]]
    assert lamp.radiance[0].to_list() == [0, 1, 0]


def test_lights_keep_them_beside_their_rows(cpu32):
    lamp = dr.RectangleLight(**LAMP)
    lights = dr.Lights(0.1, point=dr.PointLight((0, 1, 0)), area=lamp)
    assert (lights.count, lights.area) == (2, (lamp,))
    assert repr(lights) == "Lights(ambient, 0 directional, 1 point, 1 area; fields: color, vector)"
    lamp.radiance[0] = (0, np.nan, 0)
    with pytest.raises(dr.InputError, match="rectangle_light: expected three finite numbers as radiance"):
        lights.check()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dr.SphereLight((0, 0, 0), 1, -1), "sphere_light: expected a radiance >= 0"),
        (lambda: dr.SphereLight((0, 0, 0), -1), "radius > 0"),
        (lambda: dr.RectangleLight((0, 0, 0), (1, 0, 0), (2, 0, 0)), "that span a rectangle"),
        (
            lambda: dr.Lights(area=[dr.PointLight((0, 0, 0))]),
            "expected RectangleLight or SphereLight objects, got Poin",
        ),
        (lambda: dr.Lights(point=[dr.SphereLight((0, 0, 0))]), "expected PointLight objects, got SphereLight"),
    ],
)
def test_bad_lights_say_what_is_wrong(cpu32, make, message):
    with pytest.raises(dr.InputError, match=message):
        make()


def test_renderers_that_cannot_show_them_refuse_them(cpu32):
    lights = dr.Lights(area=dr.SphereLight((0, 0, 0)))
    message = r"lights: expected ambient, .* got SphereLight.*: area lights are for the RayTracer"
    for renderer in (dr.Rasterizer(8), dr.SoftRasterizer(8)):
        with pytest.raises(dr.InputError, match=message):
            renderer.render(dr.shapes.box(), dr.Camera.orbit(), lights)
    with pytest.raises(dr.InputError, match=message):
        dr.SphereTracer(ball, 8, bounds=dr.Box(-1, 1)).render(dr.Camera.orbit(), lights)
