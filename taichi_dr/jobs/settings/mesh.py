"""Options of ``taichi-dr reconstruct --as mesh``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from taichi_dr.errors import InputError
from taichi_dr.jobs.settings.domains import at_least, positive, within
from taichi_dr.jobs.settings.reconstruct import As, ReconstructSettings

SMALLEST_TEXTURE, LARGEST_TEXTURE = 64, 4096


@dataclass(frozen=True)
class MeshSettings(ReconstructSettings):
    """A mesh with vertex colours from posed images.

    A sphere is deformed until its silhouettes and colours agree with the images: coarse first, then with more faces and
    larger images.  The colours found are those of the images, shading included (unless --light tells the two apart).
    With the defaults, 24 images of 256 x 256 pixels take about half a minute on two idle CPU cores, 100 of 400 x 400
    two.

    writes to OUT, besides what every kind writes:
      mesh.obj, .ply, .glb  the mesh with vertex colours, in the axes and units of the
                            transform matrices
      mesh.mtl, mesh_texture.png
                            with --texture: what mesh.obj has its colours from; mesh.glb
                            has the texture inside, mesh.ply has vertex colours
      light.json            with --light: ambient and directional light, linear RGB,
                            in the axes of the transform matrices; their mean over
                            all directions is 1, which sets the scale of the colours

    examples:
      taichi-dr reconstruct out/spot out/spot-mesh --as mesh --minutes 1
      taichi-dr reconstruct out/spot out/spot-mesh --texture 1024
      taichi-dr reconstruct lego out/lego --as mesh --init hull
      taichi-dr reconstruct lego out/lego-mesh --as mesh --init out/lego-sdf
      taichi-dr reconstruct out/spot out/spot-light --light --init out/spot-mesh

    taichi-dr reconstruct --help explains DATA, OUT and --resume.
    """

    #: What to reconstruct.
    kind: As = "mesh"
    #: What to start from: sphere; hull (the volume that all silhouettes allow, which has holes where the object has);
    #: a mesh file, placed as it is in the axes and units of the transform matrices; or OUT of another reconstruct, of
    #: any kind: the surface of a signed distance or of a radiance field brings any handles and parts, which a sphere
    #: cannot get, and its colours.
    init: Annotated[str, arg(metavar="{sphere,hull,FILE,FOLDER}")] = "sphere"
    #: antialiased: rasterizer with analytic edges, which measured better and several times faster than soft, the soft
    #: rasterizer.
    renderer: Literal["antialiased", "soft"] = "antialiased"
    #: Largest number of faces to subdivide to; each subdivision makes four of one, so that the sphere's 1280 faces
    #: become 5120 and then 20480 (81920 only if that many are allowed), and the hull's about 10000 become 40000.
    #: More: finer detail, slower steps. Fewer: smoother and faster.
    faces: int = 45000
    #: Images per step; more while they are smaller than 256 pixels. More: steadier and slower steps. Fewer: faster
    #: steps that follow single images.
    batch: int = 6
    #: Side, in texels, of a texture to make: texture coordinates by xatlas (pip install taichi-dr[texture]), else by
    #: box projection; colours from the images, optimised in the last tenth of the budget. Larger: finer detail, if the
    #: images have it, and slower steps.
    texture: Annotated[int | None, arg(metavar="TEXELS", help_behavior_hint="(default: vertex colours alone)")] = None
    #: Tell one directional light and ambient light from the colours, and leave them out of these: those that leave the
    #: fewest colours. For matt objects in light that stays where it is; written to light.json. Not with --texture.
    light: bool = False
    #: Step size of the shape, in units of the object's radius. Larger: fewer steps needed, until the surface folds.
    #: Smaller: safer, but the budget may end first.
    lr: float = 0.05
    #: Step size of the colours. Larger: they settle sooner, and jump from image to image. Smaller: they may not
    #: arrive within the budget.
    color_lr: float = 0.05
    #: Steps are smooth over about the square root of this many edges (Large Steps' lambda). Larger: a smoother
    #: surface, fine parts come late or not at all. Smaller: fine parts come sooner, and so do dents and folds.
    smoothness: float = 20.0

    def check(self):
        """Raises InputError if a value is outside its domain."""
        super().check()
        at_least(20, faces=self.faces)
        at_least(1, batch=self.batch)
        if self.texture is not None:
            within(SMALLEST_TEXTURE, LARGEST_TEXTURE, "texels", texture=self.texture)
        if self.light and self.texture is not None:
            raise InputError("give --light or --texture, not both: a texture is made of the images as they are")
        positive(lr=self.lr, color_lr=self.color_lr, smoothness=self.smoothness)
