"""One call of a mesh renderer's ``render``."""

from dataclasses import dataclass
from typing import Any

from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh, World
from taichi_dr.kernels.zbuffer.face_records import DepthTest
from taichi_dr.kernels.zbuffer.resolve import Visible
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.mesh.surface.base import Surface
from taichi_dr.render.shot import Shot
from taichi_dr.render.views import ViewMap
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh

BLACK = (0.0, 0.0, 0.0)


@dataclass(kw_only=True, eq=False)
class MeshShot(Shot):
    """What the user gave, and the arrays that the stages hand on."""

    mesh: Mesh
    camera: Camera
    lights: Lights | None
    views: ViewMap
    background: Any  # as ``Renderer.background`` has it
    packed: CameraInput  # ``camera`` for the image size
    clip: Any = None  # (V*N, 4) of kernels.camera.transform
    surface: Surface | None = None  # what is interpolated over the faces
    normals: Surface | None = None  # ... once the output ``normal`` is asked for
    clip_adjoint: Any = None  # (V*N, 4), where more than one operation adds to it

    ground = property(lambda self: self.background if isinstance(self.background, tuple) else BLACK)
    projected = property(lambda self: ProjectedMesh(self.clip, self.mesh.topology.array("faces"), self.views.views))
    world = property(lambda self: World(self.mesh.fields.arrays["vertices"], self.views.view_mesh, self.camera_array))
    screen = property(lambda self: Screen(self.width, self.height))
    depth_test = property(lambda self: DepthTest(self.camera.near, self.camera.far, self.camera.is_orthographic))
    visible = property(lambda self: Visible(*map(self.frame.array, Visible._fields)))
    camera_array = property(lambda self: self.packed.arrays["camera"], doc="(V, 16) of kernels.camera.")
    camera_adjoint = property(lambda self: self.packed.adjoints["camera"], doc="(V, 16); cameras' adjoints add to it.")
