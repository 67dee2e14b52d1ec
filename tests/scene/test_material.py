"""Materials, and what glTF's metallic-roughness becomes; values worked out by hand."""

import numpy as np
import pytest

from taichi_dr.errors import InputError
from taichi_dr.scene.material import Material

GOLD = (1.0, 0.77, 0.34)


def test_a_rough_dielectric_is_matt_but_for_nothing():
    rough = Material.from_metallic_roughness(GOLD, metallic=0, roughness=1)
    assert (rough.albedo, rough.reflectivity, rough.specular) == ((1, 1, 1), 0, 0)


def test_a_smooth_dielectric_reflects_four_percent():
    smooth = Material.from_metallic_roughness(GOLD, metallic=0, roughness=0)
    assert smooth.reflectivity == pytest.approx(0.04)
    assert smooth.shininess == pytest.approx(2 / 0.2**4 - 2)
    assert smooth.specular == pytest.approx(0.04 * 1250 / 8 / 0.96)
    water = Material.from_metallic_roughness(GOLD, metallic=0, roughness=0, ior=1.33)
    assert water.reflectivity == pytest.approx((0.33 / 2.33) ** 2)


@pytest.mark.parametrize("roughness", [0.0, 0.3, 1.0])
def test_a_metal_reflects_its_base_colour_in_all(roughness):
    """In light from everywhere, without the highlight that directional lights have."""
    metal = Material.from_metallic_roughness(GOLD, metallic=1, roughness=roughness)
    matt = (1 - metal.reflectivity) * np.array(metal.albedo) * GOLD
    np.testing.assert_allclose(matt + metal.reflectivity, GOLD, rtol=1e-6)
    assert metal.reflectivity == pytest.approx(0.34 * (1 - roughness) ** 2)


def test_a_highlight_keeps_its_light_however_rough():
    """Narrower is brighter: by ``(shininess + 2) / 8``."""
    for roughness in (0.3, 0.5, 0.8):
        made = Material.from_metallic_roughness((0.5,) * 3, metallic=0, roughness=roughness)
        assert made.shininess == max(2 / roughness**4 - 2, 1)
        weight = made.specular * (1 - made.reflectivity) / (0.04 * (1 - roughness))
        assert weight == pytest.approx((made.shininess + 2) / 8)


def test_transmission_makes_clear():
    glass = Material.from_metallic_roughness((1, 1, 1), metallic=0, roughness=0, ior=1.45, transmission=1)
    assert glass.index_of_refraction == 1.45
    assert Material.from_metallic_roughness((1, 1, 1), transmission=0.5).index_of_refraction is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metallic": 1.5}, "metallic: expected a number in"),
        ({"roughness": -0.1}, "roughness: expected a number in"),
        ({"transmission": float("nan")}, "transmission: expected a number in"),
        ({"ior": 0.9}, "ior: expected a finite number >= 1, got 0.9"),
        ({"emission": -1}, "emission: expected a number or three"),
        ({"base_color": (1, 2, 0)}, "base_color: expected a number or three"),
    ],
)
def test_values_outside_their_domain_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        Material.from_metallic_roughness(**{"base_color": GOLD} | given)
