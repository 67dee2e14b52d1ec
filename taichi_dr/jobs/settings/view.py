"""Options of ``taichi-dr view``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.jobs.settings.domains import Backend, Texture, at_least, positive


@dataclass(frozen=True)
class ViewSettings:
    """A window in which you turn and walk around what has been made.

    CONTENT is one of

      a mesh file              .obj, .ply, .stl, .off, .glb, .gltf; or a shape (car, torus, ...)
      OUT of reconstruct       its scene.npz (--as sdf: a solid; grid, hash, nerf: a radiance field), else its mesh
      posed images             a folder or file as inspect takes it: images at the frustums of their cameras, and points

    A mesh or result can be seen through the cameras of posed images, each laid over the render: those of --images, else
    those that reconstruct made it of, if they are still there.

    While the camera moves, it is drawn coarsely; when it is still, finely, and then as the mean of 16 renders.

    keys (H shows them in the window):
      drag, arrows      turn                   R  renderer: hard, antialiased, soft, ray traced, sdf, volume
      Shift + drag      move                   V  colour, normals, depth, faces, alpha
      W S, right drag   nearer, farther        L  light, M  edges of faces
      A D Q E           left, right, down, up  Z X  sigma, C K  gamma: less, more
      F                 fly, or orbit          Tab, Shift + Tab  the cameras of posed images
      B                 the first view         I  photographs: none, half, opaque
      P T               PNG, turntable (GIF)   U O  panel: fold, hide; H help, Escape close

    examples:
      taichi-dr view spot.obj
      taichi-dr view out/spot-sdf --renderer sdf
      taichi-dr view photographs
      taichi-dr view scan.ply --images photographs
      taichi-dr view car --renderer "ray traced" --screenshot car.png
    """

    #: What to look at.
    content: Positional[str]
    #: Height and width of the window in pixels.
    size: Annotated[tuple[int, int], arg(metavar="HEIGHT WIDTH")] = (600, 900)
    #: The renderer to begin with; auto takes the one that suits the content.
    renderer: Literal["auto", "hard", "antialiased", "soft", "ray traced", "sdf", "volume"] = "auto"
    #: What is shown of it to begin with.
    show: Literal["colour", "normals", "depth", "faces", "alpha"] = "colour"
    #: Posed images of a mesh or result, to see it through their cameras.
    images: Annotated[Path | None, arg(metavar="DATA", help_behavior_hint="(default: those it was made of)")] = None
    #: Begin at the camera of this posed image; the first is 1.
    camera: Annotated[int | None, arg(metavar="NUMBER", help_behavior_hint="(default: a view of all)")] = None
    #: An image to use with the mesh's texture coordinates.
    texture: Texture = None
    #: Write this image (.png, .jpg, ...) of the first view and open no window.
    screenshot: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: a window)")] = None
    #: Softness of edges to begin with, > 0, for the soft renderer.
    sigma: float = 1e-4
    #: Softness of the depth order to begin with, > 0, for the soft renderer.
    gamma: float = 1e-4
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"

    @property
    def title(self):
        """A line on what is to be done."""
        return f"view of {self.content}"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        for side in self.size:
            at_least(8, size=side)
        if self.camera is not None:
            at_least(1, camera=self.camera)
        positive(sigma=self.sigma, gamma=self.gamma)
