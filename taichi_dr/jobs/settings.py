"""What the commands can be told: one dataclass per command, whose docstrings and comments are the ``--help`` texts.

A help text is a comment above its field (tyro keeps the line breaks of indented docstrings).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.errors import InputError

Backend = Literal["auto", "cpu", "vulkan", "cuda"]
Texture = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: the mesh file's own)")]

KINDS = ("mesh",)
"""What ``reconstruct --as`` can make."""


@dataclass(frozen=True)
class DatasetSettings:
    """Posed images of a mesh: RGBA images in OUT/train and OUT/test, with transforms_train.json and
    transforms_test.json in the format of the NeRF (Blender) data sets.

    The mesh is centred and scaled to radius 1; y is up.  The cameras are spread evenly over the whole sphere around it,
    and the test images are taken from between the training images.  The light is soft (mostly ambient, and a little
    from three sides), so that a surface looks nearly the same from everywhere.

    examples:
      taichi-dr dataset spot.obj out/spot --views 24 --size 256
      taichi-dr dataset car out/car --views 24 --lighting none
    """

    #: A mesh file (.obj, .ply, .stl, .off, .glb), or a shape: car, airplane, icosphere, sphere, torus, box, plane,
    #: cylinder, cone.
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
    #: soft: mostly ambient light; none: the surface's own colours as they are.
    lighting: Literal["soft", "none"] = "soft"
    #: Replace OUT if it exists.
    overwrite: bool = False
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        _at_least(1, views=self.views)
        _at_least(0, test_views=self.test_views)
        _at_least(8, size=self.size)
        _at_least(1, samples=self.samples)
        _within(1, 150, "degrees", fov_y_deg=self.fov_y_deg)


@dataclass(frozen=True)
class ReconstructSettings:
    """A mesh with colours from posed images.

    DATA is a folder in the format of the NeRF (Blender) data sets: transforms_train.json or transforms.json, and the
    RGBA images that it names.  The JSON has "frames", each with "file_path" and "transform_matrix" (4 x 4, camera to
    world, columns right, up, backward, position), and "camera_angle_x" (radians) or "fl_x" (pixels), once or in each
    frame; "fl_y", "cx", "cy", "w", "h" are used if they are there.

    The alpha channel is the silhouette.  Opaque images are refused: remove the background first.  At least 4 training
    images are needed; 20 and more, from all sides, give good shapes.  The images of transforms_test.json, else every
    eighth image, are held out: they are used for the metrics only.

    A sphere is deformed until its silhouettes and colours agree with the images: coarse first, then with more faces and
    larger images.  The colours found are those of the images, shading included.  With the defaults, 24 images of
    256 x 256 pixels take one to two minutes on two CPU cores, 100 of 400 x 400 two to three.

    writes to OUT:
      mesh.obj, .ply, .glb  the mesh with vertex colours, in the axes and units of the
                            transform matrices
      metrics.json          "held_out": "iou", "psnr", "ssim" of the held-out images;
                            "held_out_views", "seconds", "steps", "settings", "model", ...
      overview.png          input images, and the shape from its start to the result
      comparison.png        held-out images: target, render and difference
      progress.gif          held-out images above the render, as the shape forms
      losses.png            the losses by step
      state.npz             what --resume continues from

    Ctrl-C stops early and still writes all of it, once more stops at once; --resume continues from there.

    examples:
      taichi-dr reconstruct out/spot out/spot-mesh
      taichi-dr reconstruct out/spot out/spot-mesh --minutes 1
      taichi-dr reconstruct out/spot out/spot-mesh --resume --minutes 5
      taichi-dr reconstruct lego out/lego --init hull
    """

    #: Folder of posed images.
    data: Positional[Path]
    #: The folder to make.
    out: Positional[Path]
    #: What to reconstruct.
    kind: Annotated[str, arg(name="as", metavar="{mesh}")] = "mesh"
    #: What to start from: sphere; hull (the volume that all silhouettes allow, which has holes where the object has);
    #: or a mesh file, placed as it is in the axes and units of the transform matrices.
    init: Annotated[str, arg(metavar="{sphere,hull,FILE}")] = "sphere"
    #: Stop after this many steps in all.
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 600 without --minutes)")] = None
    #: Stop after this many minutes of optimising in all, in place of --steps.
    minutes: Annotated[float | None, arg(metavar="M", help_behavior_hint="(default: no limit)")] = None
    #: antialiased: rasterizer with analytic edges, which measured better and several times faster than soft, the soft
    #: rasterizer.
    renderer: Literal["antialiased", "soft"] = "antialiased"
    #: Longer side of the largest images to optimise at, in pixels.
    size: Annotated[int | None, arg(metavar="PIXELS", help_behavior_hint="(default: the images' own, 512 at most)")] = (
        None
    )
    #: Largest number of faces to subdivide to; each subdivision makes four of one, so that the sphere's 1280 become
    #: 5120 and then 20480 (81920 only if that many are allowed), and the hull's about 10000 become 40000. More: finer
    #: detail, slower steps. Fewer: smoother and faster.
    faces: int = 45000
    #: Images per step; more while they are smaller than 256 pixels. More: steadier and slower steps. Fewer: faster
    #: steps that follow single images.
    batch: int = 6
    #: Step size of the shape, in units of the object's radius. Larger: fewer steps needed, until the surface folds.
    #: Smaller: safer, but the budget may end first.
    lr: float = 0.05
    #: Step size of the colours. Larger: they settle sooner, and jump from image to image. Smaller: they may not
    #: arrive within the budget.
    color_lr: float = 0.05
    #: Steps are smooth over about the square root of this many edges (Large Steps' lambda). Larger: a smoother
    #: surface, fine parts come late or not at all. Smaller: fine parts come sooner, and so do dents and folds.
    smoothness: float = 20.0
    #: Continue what OUT holds, with its settings: only --steps, --minutes and --backend are taken anew.
    resume: bool = False
    #: Replace OUT if it exists.
    overwrite: bool = False
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"
    #: Seed of the order of the images.
    seed: int = 0

    def check(self):
        """Raises InputError if a value is outside its domain."""
        if self.kind not in KINDS:
            raise InputError(f"--as: expected {' or '.join(KINDS)}, got {self.kind}")
        if self.steps is not None and self.minutes is not None:
            raise InputError("give --steps or --minutes, not both")
        if self.steps is not None:
            _at_least(1, steps=self.steps)
        if self.minutes is not None:
            _positive(minutes=self.minutes)
        if self.resume and self.overwrite:
            raise InputError("give --resume or --overwrite, not both")
        if self.size is not None:
            _at_least(8, size=self.size)
        _at_least(20, faces=self.faces)
        _at_least(1, batch=self.batch)
        _positive(lr=self.lr, color_lr=self.color_lr, smoothness=self.smoothness)
        _at_least(0, seed=self.seed)


@dataclass(frozen=True)
class RenderSettings:
    """An image of a mesh, and an animation of it turning.

    The mesh is centred and scaled to radius 1, and the camera looks at it from where it just fills the image.

    examples:
      taichi-dr render spot.obj spot.png
      taichi-dr render spot.obj spot.png --azimuth-deg 120 --elevation-deg 30 --soft --sigma 1e-3
      taichi-dr render car car.png --size 480 640 --distance 2 --background white
      taichi-dr render car car.png --turntable car.gif
    """

    #: A mesh file (.obj, .ply, .stl, .off, .glb), or a shape: car, airplane, icosphere, sphere, torus, box, plane,
    #: cylinder, cone.
    mesh: Positional[str]
    #: The image to write (.png, .tif, .tiff, .jpg, .jpeg, .bmp); one that exists is replaced.
    image: Positional[Path]
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
    #: studio: a key light and ambient; soft: as for data sets; none: the surface's own colours.
    lighting: Literal["studio", "soft", "none"] = "studio"
    #: Where light is evaluated: flat: once per face; gouraud: at vertices; phong: at every pixel.
    shading: Literal["flat", "gouraud", "phong"] = "gouraud"
    #: Colour behind the mesh: a name (white, steelblue, ...) or #rrggbb.
    background: Annotated[
        str | None,
        arg(metavar="COLOR", help_behavior_hint="(default: transparent; white in .jpg, .jpeg, .bmp, .gif, .mp4)"),
    ] = None
    #: Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU.
    backend: Backend = "auto"

    @property
    def height_and_width(self):
        """The size as two numbers."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def check(self):
        """Raises InputError if a value is outside its domain."""
        for side in self.height_and_width:
            _at_least(8, size=side)
        _at_least(1, frames=self.frames)
        _positive(sigma=self.sigma, gamma=self.gamma)
        for name in ("sigma", "gamma"):
            self._check_use(name, self.soft, "--soft")
        self._check_use("frames", self.turntable, "--turntable")
        self._check_use("shading", self.lighting != "none", "a --lighting")
        _within(1, 150, "degrees", fov_y_deg=self.fov_y_deg)
        _within(-89, 89, "degrees", elevation_deg=self.elevation_deg)
        _finite(azimuth_deg=self.azimuth_deg)
        if self.distance is not None:
            _positive(distance=self.distance)

    def _check_use(self, name, used, by):
        if not used and getattr(self, name) != getattr(type(self), name):
            raise InputError(f"{_option(name)}: has no effect without {by}")


@dataclass(frozen=True)
class DoctorSettings:
    """What works on this machine: versions, backends and their devices, and for each backend a check of a rendering's
    gradients against central differences, in a process of its own.

    The exit code is 1 if a check fails.
    """

    #: Check this backend only.
    backend: Literal["all", "cpu", "vulkan", "cuda"] = "all"
    #: Seconds, > 0, after which a check counts as failed.
    timeout: float = 300.0

    def check(self):
        """Raises InputError if a value is outside its domain."""
        _positive(timeout=self.timeout)


def _option(name):
    return "--" + name.replace("_", "-")


def _at_least(least, **values):
    for name, value in values.items():
        if value < least:
            raise InputError(f"{_option(name)}: expected at least {least}, got {value}")


def _positive(**values):
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{_option(name)}: expected a number > 0, got {value}")


def _finite(**values):
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{_option(name)}: expected a number, got {value}")


def _within(low, high, unit, **values):
    for name, value in values.items():
        if not low <= value <= high:
            raise InputError(f"{_option(name)}: expected {low} to {high} {unit}, got {value}")
