"""The soft rasterizer: every face near a pixel contributes, so that visibility has gradients too."""

from typing import Any, Literal

from taichi_dr.kernels.screen.background import lay_behind
from taichi_dr.kernels.soft.background import fade, fade_adjoint
from taichi_dr.kernels.soft.modes import choose_modes
from taichi_dr.kernels.soft.soft_pass import SoftPass
from taichi_dr.render.arguments import positive
from taichi_dr.render.background import background_rows, is_varied
from taichi_dr.render.mesh.check import check_shot
from taichi_dr.render.mesh.geometry import GeometryStage
from taichi_dr.render.mesh.point_shading import Shading
from taichi_dr.render.mesh.renderer import MeshRenderer
from taichi_dr.render.mesh.surface.choose import choose_surface
from taichi_dr.render.mesh.surface.normals import VertexNormals
from taichi_dr.types import ArrayLike, Field, Size


class SoftRasterizer(MeshRenderer):
    """Soft rasterization of triangles (Liu et al., Soft Rasterizer, ICCV 2019).

    A face covers a pixel at the signed squared distance d^2 (positive inside) by ``D = sigmoid(+-d^2/sigma)``.  Colours
    are averaged with the weights ``D exp(zhat/gamma)``, ``zhat = (far - z)/(far - near)``, against the background's
    ``exp(1e-3/gamma)``; alpha is ``1 - prod (1 - D)``.  Gradients are complete: to x, y and z of every vertex, colours,
    texels, lights and cameras.

    Textures and Phong shading give every face a colour of its own at every pixel that it contributes to, and these
    colours are averaged, never normals or texture coordinates (``taichi_dr.kernels.soft.coloring``).

    Arguments:
        size: (height, width) in pixels, or one number; may be changed between renders.
        sigma: softness of the edges in squared screen units (the shorter image side is 2 long): edges blur over about
            ``sqrt(9.2 sigma)`` on either side.
        gamma: softness of the depth order, as a fraction of far - near.
        background: a colour, one for each view, an image, one for each view, or None; see below.
        alpha: ``"product"``, ``"sum"`` or ``"hard"``; color: ``"softmax"`` or ``"hard"``; distance: ``"euclidean"``,
            ``"barycentric"`` or ``"hard"`` (see ``taichi_dr.kernels.soft.modes``).

    A background takes part in the softmax, whatever it is: ``color = sum_j w_j C_j + w_b background``, with a share w_b
    that depends on depths and gamma, not on alpha.  Over nothing (``background=None``) it does not: the faces' colours
    are weighed among themselves and faded, ``color = alpha sum_j w_j C_j / sum_j w_j``, so that
    ``color + (1 - alpha) background`` of your own blends edges as far as alpha does, with gradients.

    Over a background silhouettes are in alpha, not in colour: past an edge a face keeps outweighing the background's
    small weight until D falls below 1e-4, where it is cut off, so that colour alone hardly tells where an edge is.  Put
    alpha into the loss (``losses.iou``), or render over nothing.

    ``size``, ``sigma``, ``gamma`` and ``background`` may be changed between renders, without recompiling a kernel.  The
    frame's ``face_id`` and ``barycentric`` are those of the face of the largest weight and have no gradients.

    Raises:
        InputError: a setting outside its domain.

    >>> SoftRasterizer(64, sigma=-1.0)
    Traceback (most recent call last):
    ...
    taichi_dr.errors.InputError: sigma: expected a finite number > 0, got -1.0
    """

    def __init__(
        self,
        size: Size,
        sigma: float = 1e-4,
        gamma: float = 1e-4,
        *,
        background: ArrayLike | Field | None = (0.0, 0.0, 0.0),
        alpha: Literal["product", "sum", "hard"] = "product",
        color: Literal["softmax", "hard"] = "softmax",
        distance: Literal["euclidean", "barycentric", "hard"] = "euclidean",
    ) -> None:
        super().__init__(size, background)
        self.sigma, self.gamma = sigma, gamma
        self._modes: dict[str, Any] = {"alpha": alpha, "color": color, "distance": distance}
        choose_modes(**self._modes)  # refuses unknown ones
        self._geometry = GeometryStage(self._buffers)
        self._shading = Shading(self._buffers)
        self._passes = {}

    @property
    def sigma(self) -> float:
        """Softness of the edges in squared screen units; may be changed between renders."""
        return self._sigma

    @sigma.setter
    def sigma(self, value: float) -> None:
        self._sigma = positive("sigma", value)

    @property
    def gamma(self) -> float:
        """Softness of the depth order, as a fraction of far - near; may be changed between renders."""
        return self._gamma

    @gamma.setter
    def gamma(self, value: float) -> None:
        self._gamma = positive("gamma", value)

    @property
    def alpha(self) -> Literal["product", "sum", "hard"]:
        """How coverages make alpha; fixed."""
        return self._modes["alpha"]

    @property
    def color(self) -> Literal["softmax", "hard"]:
        """How faces are ordered by depth; fixed."""
        return self._modes["color"]

    @property
    def distance(self) -> Literal["euclidean", "barycentric", "hard"]:
        """What coverage is measured by; fixed."""
        return self._modes["distance"]

    def _forward(self, shot):
        self._geometry.forward(shot)
        shot.surface = choose_surface(self._buffers, shot)
        shot.surface.forward(shot)
        check_shot(shot)
        soft = self._soft_pass("color", shot, shot.surface)
        self._run_pass(soft, shot, shot.surface, self._buffers.constant("color_background", shot.ground))
        frame = shot.frame
        frame.bind(color=self._over_background(shot, soft), alpha=soft.alpha, depth=soft.depth)
        frame.bind(face_id=soft.face_id, barycentric=soft.barycentrics)

    def _produce(self, shot, name):
        shot.normals = VertexNormals(self._buffers, shot.mesh)
        shot.normals.forward(shot)
        soft = self._soft_pass(name, shot, shot.normals)
        self._run_pass(soft, shot, shot.normals, self._buffers.constant("normal_background", (0.0,) * 3))
        shot.frame.bind(normal=soft.image)

    def _adjoint(self, shot):
        frame = shot.frame
        clip_adjoint = self._buffers.zeroed("clip_adjoint", shot.clip.shape)
        outputs = [self._adjoint_or_zero(frame, name) for name in ("color", "alpha", "depth")]
        if shot.background is None:
            outputs[0] = self._fade_adjoint(*outputs[:2])
        self._run_adjoint_pass("color", shot, shot.surface, outputs, clip_adjoint)
        if frame.in_use("normal"):
            nothing = self._buffers.zeroed("no_adjoint", (frame.array("alpha").shape[0],))
            outputs = [frame.adjoint("normal"), nothing, nothing]
            self._run_adjoint_pass("normal", shot, shot.normals, outputs, clip_adjoint)
        self._geometry.adjoint(shot, clip_adjoint)

    def _over_background(self, shot, soft):
        """The colours (V*H*W, 3) of a pass over ``shot.ground`` with what else is behind them.

        ``soft.image`` becomes what the adjoint of the softmax has to take for the pixels' colours.
        """
        if shot.background is None:
            faded = self._buffers.get("faded", soft.image.shape)
            fade(soft.image, soft.background_shares(), soft.alpha, faded)
            return faded
        if is_varied(shot.background):
            rows = background_rows(shot.background, self._buffers)
            lay_behind(soft.image, soft.background_shares(), rows, shot.views.views)
        return soft.image

    def _fade_adjoint(self, faded_adjoint, alpha_adjoint):
        """The adjoint of the pass's colours; adds to that of alpha."""
        soft, adjoint = self._passes["color"][1], self._buffers.get("fade_adjoint", faded_adjoint.shape)
        fade_adjoint(soft.image, soft.share, soft.alpha, faded_adjoint, adjoint, alpha_adjoint)
        return adjoint

    def _soft_pass(self, purpose, shot, surface):
        """The pass for this purpose, made anew when frame, faces or channels change."""
        attributes = surface.layout if surface.shades_pixels else surface.channels
        key = (shot.frame, shot.mesh.face_count, attributes)
        held = self._passes.get(purpose)
        if held is None or held[0] != key:
            owner = {"buffers": self._buffers, "name": f"soft_{purpose}"}
            sizes = (shot.views.views, *key[1:], shot.width, shot.height)
            held = self._passes[purpose] = (key, SoftPass(*sizes, **self._modes, **owner))
        return held[1]

    def _run_pass(self, soft, shot, surface, background):
        faces = shot.mesh.topology.array("faces")
        camera = shot.camera
        softness = (camera.near, camera.far, float(self.sigma), float(self.gamma))
        if surface.shades_pixels:
            soft.shading = self._shading.of(shot, surface)
        placed = {"world": shot.world, "orthographic": camera.is_orthographic}
        soft.forward(shot.clip, faces, surface.attributes, surface.index, background, *softness, **placed)

    def _run_adjoint_pass(self, purpose, shot, surface, outputs, clip_adjoint):
        soft, topology = self._passes[purpose][1], shot.mesh.topology
        attributes_adjoint = surface.new_adjoint(shot, purpose)
        if surface.shades_pixels:
            soft.pyramid_adjoint = self._shading.pyramid_adjoint(surface)
        soft.adjoint(*outputs, clip_adjoint, attributes_adjoint, topology.corners(), surface.corners)
        if surface.shades_pixels:
            self._shading.add_light_adjoints(shot, surface, soft.partials)
        surface.adjoint(shot, attributes_adjoint)
