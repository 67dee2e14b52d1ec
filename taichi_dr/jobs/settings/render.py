"""Options of ``taichi-dr render``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.errors import InputError
from taichi_dr.jobs.settings.domains import Backend, Texture, at_least, finite, option, positive, within
from taichi_dr.jobs.settings.rays import RaySettings


@dataclass(frozen=True)
class RenderSettings:
    """An image of a mesh, and an animation of it turning.

    The mesh is centred and scaled to radius 1, and the camera looks at it from where it just fills the image.  A mesh
    without colours is of clay.  The scene.npz of a reconstruction is drawn as it is: a solid (--as sdf) by sphere
    tracing, a radiance field by marching through it, in its own light.

    With --raytrace there are shadows, reflections and refractions.  Each part of a .glb or .gltf then has a
    material of its own, glTF's metallic-roughness as well as Blinn-Phong's model can have it: metals and smooth
    surfaces reflect, roughness widens the highlight, transmission makes clear, emission is seen (and lights nothing).
    Textures but that of the base colour count by their mean; normal maps and opacity do not.  Everything else is matt.

    examples:
      taichi-dr render spot.obj spot.png
      taichi-dr render out/spot-sdf/scene.npz spot.png
      taichi-dr render spot.obj spot.png --azimuth-deg 120 --elevation-deg 30 --soft --sigma 1e-3
      taichi-dr render car car.png --size 480 640 --distance 2 --background white
      taichi-dr render car car.png --turntable car.gif
      taichi-dr render scene.glb scene.png --raytrace --spp 64 --bounces 8 --ground
      taichi-dr render spot.obj spot.exr --raytrace --environment venice.hdr --reflectivity 0.4
      taichi-dr render out/lego/scene.npz --turntable lego.gif
    """

    #: A mesh file (.obj, .ply, .stl, .off, .glb, .gltf), a scene.npz of a reconstruction, or a shape: car, airplane,
    #: icosphere, sphere, torus, box, plane, cylinder, cone.
    mesh: Positional[str]
    #: The image to write (.png, .tif, .tiff, .jpg, .jpeg, .bmp, or .exr: linear, brighter than 1 too); one that exists
    #: is replaced. It may be left out with --turntable.
    image: Annotated[Positional[Path | None], arg(help_behavior_hint="")] = None
    #: An image to use with the mesh's texture coordinates.
    texture: Texture = None
    #: Use the soft rasterizer.
    soft: bool = False
    #: With --soft, softness of the edges, > 0, in squared screen units (the image's shorter side is 2): they blur over
    #: sqrt(9.2 sigma) on either side.
    sigma: float = 1e-4
    #: With --soft, softness of the depth order, > 0, as a fraction of far - near (a little more than the mesh's depth).
    #: Larger: more see-through.
    gamma: float = 1e-4
    #: Also write an animation of a full turn (.gif, or .mp4 after pip install av), at most 320 pixels high and wide;
    #: one that exists is replaced.
    turntable: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: none)")] = None
    #: Frames of the turntable.
    frames: int = 36
    #: Height and width in pixels, or one number for both.
    size: Annotated[int | tuple[int, int], arg(metavar="HEIGHT [WIDTH]")] = 512
    #: Angle around the mesh from which it is seen, in degrees: 0 from +z, 90 from +x, which is on the right in the
    #: image at 0.
    azimuth_deg: float = 30.0
    #: Angle of the camera above the horizon in degrees, -89 to 89.
    elevation_deg: float = 20.0
    #: Distance of the camera from the mesh's centre, > 0, in radii of the mesh.
    distance: Annotated[
        float | None, arg(metavar="RADII", help_behavior_hint="(default: the mesh fills the image)")
    ] = None
    #: Vertical opening angle of the camera in degrees, 1 to 150.
    fov_y_deg: float = 40.0
    #: studio: a key light and weaker ones, which show the shape; soft: mostly ambient; sun: one light and some ambient;
    #: none: the surface's own colours; auto takes studio, none with --environment.
    lighting: Literal["auto", "studio", "soft", "sun", "none"] = "auto"
    #: Where light is evaluated: flat: once per face; gouraud: at vertices; phong: at every pixel, as of
    #: a scene.npz always. Rays see faces under flat, else a smooth surface.
    shading: Literal["flat", "gouraud", "phong"] = "gouraud"
    #: Colour behind the mesh: a name (white, steelblue, ...) or #rrggbb.
    background: Annotated[
        str | None,
        arg(
            metavar="COLOR",
            help_behavior_hint="(default: transparent, white in .jpg, .jpeg, .bmp, .gif, .mp4; the --environment; the"
            " --ground's colour)",
        ),
    ] = None
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    #: With --raytrace, rays for each pixel. More: less noise, and longer.
    samples: Annotated[int, arg(aliases=["--spp"])] = 64
    rays: Annotated[RaySettings, arg(name="")] = field(default_factory=RaySettings)

    @property
    def lights(self):
        """The name of the lighting."""
        by_itself = "studio" if self.rays.environment is None else "none"
        return by_itself if self.lighting == "auto" else self.lighting

    @property
    def height_and_width(self):
        """The size as two numbers."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def title(self):
        """A line on what is to be done."""
        return f"image of {self.mesh}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        for side in self.height_and_width:
            at_least(8, size=side)
        at_least(1, frames=self.frames)
        if self.image is None and self.turntable is None:
            raise InputError("give an image to write, or --turntable FILE")
        positive(sigma=self.sigma, gamma=self.gamma)
        for name in ("sigma", "gamma"):
            self._check_use(name, self.soft, "--soft")
        self._check_use("frames", self.turntable, "--turntable")
        self.rays.check()
        at_least(1, samples=self.samples)
        self._check_use("samples", self.rays.raytrace, "--raytrace")
        self._check_use("soft", not self.rays.raytrace, "a rasterizer: give it or --raytrace, not both")
        self._check_use("shading", self.lights != "none" or self.rays.environment, "a --lighting")
        for name in ("soft", "shading", "texture"):
            self._check_use(name, Path(self.mesh).suffix != ".npz", "a mesh")
        within(1, 150, "degrees", fov_y_deg=self.fov_y_deg)
        within(-89, 89, "degrees", elevation_deg=self.elevation_deg)
        finite(azimuth_deg=self.azimuth_deg)
        if self.distance is not None:
            positive(distance=self.distance)

    def _check_use(self, name, used, by):
        if not used and getattr(self, name) != getattr(type(self), name):
            raise InputError(f"{option(name)}: has no effect without {by}")
