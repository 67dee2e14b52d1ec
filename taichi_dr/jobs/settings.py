"""What the commands can be told: one dataclass per command, whose docstrings and comments are the ``--help`` texts."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from taichi_dr.runtime import InputError

Backend = Literal["auto", "cpu", "vulkan", "cuda"]


@dataclass(frozen=True)
class DatasetSettings:
    """Posed images of a mesh: RGBA pictures in OUT/train and OUT/test, with transforms_train.json and
    transforms_test.json in the format of the NeRF (Blender) data sets.

    The cameras are spread evenly over the whole sphere around the mesh, which is scaled to radius 1; the test views
    lie between the training views.  The light is soft (mostly ambient, and a little from three sides), so that a
    surface looks nearly the same from everywhere.

    examples:
      taichi-dr dataset spot.obj out/spot --views 24 --size 256
      taichi-dr dataset car out/car --views 24 --lighting none
    """

    mesh: Positional[str]
    """A mesh file (.obj, .ply, .stl, .off, .glb), or a shape: car, airplane, icosphere, sphere, torus, box, plane,
    cylinder, cone."""
    out: Positional[Path]
    """The folder to make."""
    texture: Annotated[Path | None, arg(metavar="FILE")] = None
    """A picture to use with the mesh's texture coordinates, in place of the file's own."""
    views: int = 24
    """Number of training views."""
    test_views: int = 8
    """Number of held-out test views."""
    size: int = 256
    """Width and height of the pictures in pixels."""
    fov_y_deg: float = 40.0
    """Vertical opening angle of the cameras in degrees."""
    samples: int = 4
    """Each pixel is the mean of this many squared samples."""
    lighting: Literal["soft", "none"] = "soft"
    """soft: mostly ambient light; none: the surface's own colours as they are."""
    overwrite: bool = False
    """Replace OUT if it exists."""
    backend: Backend = "auto"
    """Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU."""

    def check(self):
        """Raises InputError if a value is outside its domain."""
        _whole("--views", self.views, 1)
        _whole("--test-views", self.test_views, 0)
        _whole("--size", self.size, 8)
        _whole("--samples", self.samples, 1)
        if not 1 <= self.fov_y_deg <= 150:
            raise InputError(f"--fov-y-deg: expected 1 to 150 degrees, got {self.fov_y_deg}")


@dataclass(frozen=True)
class ReconstructSettings:
    """A shape with colours from posed images: DATA is a folder with transforms_train.json (NeRF's format) and RGBA
    pictures whose alpha channel is the silhouette.

    A sphere is deformed until its silhouettes and colours agree with the pictures: coarse first, then with more faces
    and larger pictures.  The colours found are those of the pictures, shading included.
    Held-out views (transforms_test.json, else every eighth view) are used for the metrics only.

    Writes to OUT: mesh.obj, mesh.ply, mesh.glb, metrics.json, comparison.png, progress.gif, losses.png and state.npz.
    Ctrl-C stops early and still writes all of it; --resume continues from there.

    examples:
      taichi-dr reconstruct out/spot out/spot-mesh
      taichi-dr reconstruct out/spot out/spot-mesh --minutes 1
      taichi-dr reconstruct out/spot out/spot-mesh --resume --minutes 5
      taichi-dr reconstruct lego out/lego --init hull
    """

    data: Positional[Path]
    """Folder of posed images."""
    out: Positional[Path]
    """The folder to make."""
    kind: Annotated[Literal["mesh"], arg(name="as")] = "mesh"
    """What to reconstruct."""
    init: Annotated[str, arg(metavar="{sphere,hull,FILE}")] = "sphere"
    """What to start from: sphere; hull (the volume that all silhouettes allow, which has holes where the object has);
    or a mesh file, placed as it is in the scene."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Stop after this many steps in all (600 unless --minutes is given)."""
    minutes: Annotated[float | None, arg(metavar="M")] = None
    """Stop after this many minutes in all."""
    renderer: Literal["antialiased", "soft"] = "antialiased"
    """antialiased: rasterizer with analytic edges, which measured better and several times faster than soft, the soft
    rasterizer."""
    size: Annotated[int | None, arg(metavar="PIXELS")] = None
    """Largest picture size in pixels to optimise at; the pictures' own by default, 512 at most."""
    faces: int = 45000
    """Largest number of faces to subdivide to."""
    batch: int = 6
    """Views per step; more while the pictures are smaller than 256 pixels."""
    lr: float = 0.05
    """Step size of the shape, in units of the object's radius."""
    color_lr: float = 0.05
    """Step size of the colours."""
    smoothness: float = 20.0
    """Steps are smooth over about the square root of this many edges (Large Steps' lambda)."""
    resume: bool = False
    """Continue what OUT holds, with its settings; only --steps, --minutes and --backend are taken anew."""
    overwrite: bool = False
    """Replace OUT if it exists."""
    backend: Backend = "auto"
    """Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU."""
    seed: int = 0
    """Seed of the choice of views."""

    def check(self):
        """Raises InputError if a value is outside its domain."""
        if self.steps is not None and self.minutes is not None:
            raise InputError("give --steps or --minutes, not both")
        if self.steps is not None:
            _whole("--steps", self.steps, 1)
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise InputError(f"--minutes: expected a number > 0, got {self.minutes}")
        if self.resume and self.overwrite:
            raise InputError("give --resume or --overwrite, not both")
        if self.size is not None:
            _whole("--size", self.size, 8)
        _whole("--faces", self.faces, 20)
        _whole("--batch", self.batch, 1)
        for option, value in (("--lr", self.lr), ("--color-lr", self.color_lr), ("--smoothness", self.smoothness)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{option}: expected a number > 0, got {value}")
        _whole("--seed", self.seed, 0)


@dataclass(frozen=True)
class RenderSettings:
    """A picture of a mesh, or an animation of it turning.

    examples:
      taichi-dr render spot.obj spot.png
      taichi-dr render spot.obj spot.png --azimuth-deg 120 --elevation-deg 30 --soft --sigma 1e-3
      taichi-dr render car car.png --turntable car.gif
    """

    mesh: Positional[str]
    """A mesh file, or a shape: car, airplane, icosphere, sphere, torus, box, plane, cylinder, cone."""
    picture: Positional[Path]
    """The picture to write (.png with transparent background, .jpg on white)."""
    texture: Annotated[Path | None, arg(metavar="FILE")] = None
    """A picture to use with the mesh's texture coordinates, in place of the file's own."""
    soft: bool = False
    """Use the soft rasterizer."""
    sigma: float = 1e-4
    """Softness of the silhouettes (with --soft)."""
    gamma: float = 1e-4
    """Softness of the depth order (with --soft)."""
    turntable: Annotated[Path | None, arg(metavar="FILE.gif")] = None
    """Also write an animation (.gif) of a full turn."""
    frames: int = 36
    """Frames of the turntable."""
    size: int = 512
    """Width and height in pixels."""
    azimuth_deg: float = 30.0
    """Direction from which the mesh is seen, around the y axis; 0 is from +z."""
    elevation_deg: float = 20.0
    """Height of the camera above the horizon."""
    fov_y_deg: float = 40.0
    """Vertical opening angle in degrees."""
    lighting: Literal["studio", "soft", "none"] = "studio"
    """studio: a key light and ambient; soft: as for data sets; none: the surface's own colours."""
    backend: Backend = "auto"
    """Where to compute; auto takes CUDA, then a Vulkan GPU, then the CPU."""

    def check(self):
        """Raises InputError if a value is outside its domain."""
        _whole("--size", self.size, 8)
        _whole("--frames", self.frames, 1)
        if not 1 <= self.fov_y_deg <= 150:
            raise InputError(f"--fov-y-deg: expected 1 to 150 degrees, got {self.fov_y_deg}")
        if not -89 <= self.elevation_deg <= 89:
            raise InputError(f"--elevation-deg: expected -89 to 89 degrees, got {self.elevation_deg}")


@dataclass(frozen=True)
class DoctorSettings:
    """What works on this machine: versions, backends and their devices, and for each backend a check of a rendering's
    gradients against central differences, in a process of its own.

    The exit code is 1 if a check fails.
    """

    backend: Literal["all", "cpu", "vulkan", "cuda"] = "all"
    """Check this backend only."""
    timeout: float = 300.0
    """Seconds after which a check counts as failed."""


def _whole(option, value, least):
    if value < least:
        raise InputError(f"{option}: expected at least {least}, got {value}")
