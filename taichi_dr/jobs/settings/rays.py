"""Options of ray tracing, which ``render`` and ``dataset`` have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from taichi_dr.errors import InputError
from taichi_dr.jobs.settings.domains import at_least, option, within


@dataclass(frozen=True)
class RaySettings:
    """Ray tracing: shadows, reflections and refractions."""

    #: Trace rays: shadows, reflections and refractions. The options below need it.
    raytrace: bool = False
    #: Mirrors and clear surfaces on the way of a ray, at most.
    bounces: int = 8
    #: An image of all directions (.hdr, .exr; longitude by latitude) that lights the object, is reflected, and is seen
    #: behind it.
    environment: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: none)")] = None
    #: Put a light plane beneath the object, for its shadow.
    ground: bool = False
    #: Angular radius of the lights in degrees, 0 to 45: how soft shadows are; 0.27 is the sun's.
    light_angle_deg: float = 2.0
    #: Share of light, 0 to 1, that the object reflects as a mirror does, whatever its material.
    reflectivity: Annotated[float | None, arg(metavar="SHARE", help_behavior_hint="(default: its material's)")] = None

    def check(self):
        """Raises InputError if a value is outside its domain, or without --raytrace."""
        for name in ("bounces", "environment", "ground", "light_angle_deg", "reflectivity"):
            if not self.raytrace and getattr(self, name) != getattr(type(self), name):
                raise InputError(f"{option(name)}: has no effect without --raytrace")
        at_least(0, bounces=self.bounces)
        within(0, 45, "degrees", light_angle_deg=self.light_angle_deg)
        if self.reflectivity is not None:
            within(0, 1, "as a share", reflectivity=self.reflectivity)
