"""What the renderers of meshes share: what they are given, and the images that they give back."""

from typing import Any, ClassVar, final

from taichi_dr.render.arguments import require_kind, require_lights_without_area
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.frame import INDEX, Frame
from taichi_dr.render.mesh.shot import MeshShot
from taichi_dr.render.renderer import Renderer
from taichi_dr.render.views import view_map
from taichi_dr.scene.camera import Camera
from taichi_dr.scene.light import Lights
from taichi_dr.scene.mesh import Mesh
from taichi_dr.types import ArrayLike


class MeshRenderer(Renderer):
    """Base of the rasterizers; their frames have these outputs:

    ============  ======  =====================================================================================
    output        type    meaning
    ============  ======  =====================================================================================
    color         vec3    linear RGB over the background; multiplied by alpha if that is None
    alpha         scalar  coverage in [0, 1]
    depth         scalar  distance along the viewing axis in world units; ``far`` where nothing is hit
    normal        vec3    interpolated vertex normal in world space, 0 where nothing is hit
    barycentric   vec3    perspective-correct barycentric coordinates in the face ``face_id``
    face_id       int     index of the visible face, -1 where nothing is hit
    ============  ======  =====================================================================================

    ``normal`` interpolates (and a soft rasterizer averages) the unit normals of the vertices as if they were colours,
    for flat-shaded meshes too: between vertices whose normals differ it is shorter than 1.  Divide it by its length for
    a direction.
    """

    OUTPUTS: ClassVar = {"color": 3, "alpha": 0, "depth": 0, "normal": 3, "barycentric": 3, "face_id": INDEX}
    ON_DEMAND = ("normal",)

    @final
    def render(
        self, mesh: Mesh, camera: Camera, lights: Lights | None = None, *, view_mesh: ArrayLike | None = None
    ) -> Frame:
        """Renders V views and returns their Frame.

        ``camera`` has V views.  View v shows mesh 0 if ``mesh`` is a single one, mesh v if it is a batch of V, else
        mesh ``view_mesh[v]``.  Without ``lights`` the surface shows its own colours.  Inside a ``ti.ad.Tape`` the
        gradients of the frame's outputs flow to the fields of mesh, camera and lights.  These fields must not be
        written to between the render and the end of the tape, as nothing that a tape has read: another renderer that
        shows the same mesh, camera or lights in the tape would read the new values, and this one's gradient with it.

        Raises:
            RuntimeStateError: the renderer or an argument is older than the latest ``ti.init``.
            ShapeError: views, meshes and background do not match.
            InputError: an argument of another kind than expected, a light that is not finite.
            GeometryError: a vertex, a colour or a texel that is not finite.
            CameraError: a camera that defines no image.
            GradientError: this renderer has rendered within the open tape before: its state would be overwritten.
        """
        given: dict[str, Any] = {"mesh": mesh, "camera": camera, "lights": lights, "background": self.background}
        return self._submit(make_shot(self._frame, self._buffers, view_mesh=view_mesh, **given))


def make_shot(frame_of, buffers, *, mesh, camera, lights=None, background=None, view_mesh=None):
    """The shot of what ``render`` was given; ``frame_of(views)`` is where it renders to.

    Raises:
        ShapeError, InputError: those of ``MeshRenderer.render``.
    """
    require_kind("mesh", mesh, Mesh)
    require_kind("camera", camera, Camera)
    require_lights_without_area(lights)
    views, frame = view_map(camera.views, mesh.batch, view_mesh), frame_of(camera.views)
    _, height, width = frame.shape
    packed = CameraInput(camera, width, height, buffers)
    inputs = (mesh.fields, packed) if lights is None else (mesh.fields, lights.fields, packed)
    given = {"mesh": mesh, "camera": camera, "lights": lights, "background": background}
    return MeshShot(frame=frame, inputs=inputs, views=views, packed=packed, **given)
