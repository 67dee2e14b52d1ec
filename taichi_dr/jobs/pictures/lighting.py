"""Lights by the name a user types."""

from taichi_dr.jobs.pictures.clay import is_clay
from taichi_dr.scene.light import DirectionalLight, Lights

SUN = (0.5, 1.0, 0.7)  # towards it


def lighting(name, mesh=None):
    """``"studio"``, ``"soft"``, ``"sun"`` or ``"none"`` as Lights, or None; ``"auto"``: what suits the mesh.

    In the studio a key light comes from the upper right and weaker ones from the left, from behind and from below:
    wherever a surface is seen from, how bright it is says how it is turned.  Soft light hardly depends on direction,
    and leaves colours as they are.  The sun is one light, from the upper right, and ambient light.
    """
    if name == "none":
        return None
    if name == "sun":
        return Lights(ambient=0.25, directional=DirectionalLight(SUN, 0.75))
    if name == "studio" or (name == "auto" and is_clay(mesh)):
        sides = {(0.5, 1.0, 0.7): 0.8, (-1.0, 0.1, 0.4): 0.4, (0.4, 0.2, -1.0): 0.5, (-0.2, -1.0, -0.1): 0.25}
        return Lights(ambient=0.12, directional=[DirectionalLight(*side) for side in sides.items()])
    sides = [(1.0, 1.0, 0.6), (-1.0, 0.6, 0.4), (0.0, 0.4, -1.0)]
    return Lights(ambient=0.7, directional=[DirectionalLight(side, 0.2) for side in sides])
