"""Options of ``taichi-dr dataset``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import Backend, Texture, at_least, within
from taichi_dr.jobs.settings.rays import RaySettings


@dataclass(frozen=True)
class DatasetSettings:
    """Posed images of a mesh: RGBA images in OUT/train and OUT/test, with transforms_train.json and
    transforms_test.json in the format of the NeRF (Blender) data sets.

    The mesh is centred and scaled to radius 1; y is up.  The cameras are spread evenly over the whole sphere around it,
    and the test images are taken from between the training images.  A mesh without colours is of clay.

    With --raytrace there are shadows and reflections in them.  --ground makes them opaque, as photographs are, from
    above the horizon: for reconstruct --as hash and --as nerf.

    writes to OUT, beside the images:
      light.json            the lights: ambient, and of each directional one its
                            direction (towards it) and color, linear RGB
      environment.hdr, .exr with --environment, a copy of it
      true_mesh.ply         the surface, in its place: taichi-dr compare measures by it

    examples:
      taichi-dr dataset spot.obj out/spot --views 24 --size 256
      taichi-dr dataset car out/car --views 24 --lighting none
      taichi-dr dataset spot.obj out/spot --raytrace --lighting sun --reflectivity 0.1
    """

    #: A mesh file (.obj, .ply, .stl, .off, .glb, .gltf), or a shape: car, airplane, icosphere, sphere, torus, box,
    #: plane, cylinder, cone.
    mesh: Positional[str]
    #: The folder to make.
    out: Positional[Path]
    #: An image to use with the mesh's texture coordinates.
    texture: Texture = None
    #: Number of training images.
    views: int = 24
    #: Number of held-out test images.
    test_views: int = 8
    #: Width and height of the images in pixels.
    size: int = 256
    #: Vertical opening angle of the cameras in degrees, 1 to 150.
    fov_y_deg: float = 40.0
    #: N x N samples per pixel.
    samples: Annotated[int, arg(metavar="N")] = 4
    #: soft: mostly ambient light, in which a surface looks nearly the same from everywhere; studio: light that shows
    #: the shape; sun: one light and some ambient; none: the surface's own colours as they are; auto takes studio for
    #: clay, soft for all else, none with --environment.
    lighting: Literal["auto", "soft", "studio", "sun", "none"] = "auto"
    #: Replace OUT if it exists.
    overwrite: bool = False
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    rays: Annotated[RaySettings, arg(name="")] = field(default_factory=RaySettings)

    @property
    def title(self):
        """A line on what is to be done."""
        return f"images of {self.mesh}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        at_least(1, views=self.views)
        at_least(0, test_views=self.test_views)
        at_least(8, size=self.size)
        at_least(1, samples=self.samples)
        self.rays.check()
        within(1, 150, "degrees", fov_y_deg=self.fov_y_deg)
