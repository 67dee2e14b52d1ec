"""Lights by the name a user types."""

from taichi_dr.scene.light import DirectionalLight, Lights


def lighting(name):
    """``"studio"``, ``"soft"`` or ``"none"`` as Lights, or None."""
    if name == "none":
        return None
    if name == "studio":
        return Lights.default()
    # Light that hardly depends on direction: what vertex colours without lighting can learn from all sides.
    sides = [(1.0, 1.0, 0.6), (-1.0, 0.6, 0.4), (0.0, 0.4, -1.0)]
    return Lights(ambient=0.7, directional=[DirectionalLight(side, 0.2) for side in sides])
