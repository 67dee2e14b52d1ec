"""From the visible faces to the colour of every pixel, and back."""

from taichi_dr.kernels.base.gather import gather_clip_and_attributes, sum_bands
from taichi_dr.kernels.base.spread import fill_rows
from taichi_dr.kernels.screen.coverage import cover_channel
from taichi_dr.kernels.shading.at_points import shade_pixels, shade_pixels_adjoint
from taichi_dr.kernels.shading.light import partials_shape
from taichi_dr.kernels.shading.texture import texture_lods
from taichi_dr.kernels.zbuffer.interpolate import band_count, interpolate, interpolate_adjoint
from taichi_dr.render.mesh.point_shading import Shading


class PixelStage:
    """Interpolates a surface's attributes over the visible faces and shades the pixels that need it."""

    def __init__(self, buffers):
        self._buffers = buffers
        self._shading = Shading(buffers)

    def forward(self, scene, surface, background, color, coverage=False):
        """Writes ``color`` (V*H*W, 3) of the faces in the frame's ``face_id``; with ``coverage``, alpha as a fourth."""
        background = self._buffers.constant(f"{type(surface).__name__}_background", (background,))
        if not surface.shades_pixels:
            self._interpolate(scene, surface, background, color, coverage)
            return
        attributes = self._buffers.get("pixel_attributes", (color.shape[0], surface.channels))
        nothing = self._buffers.constant("no_attributes", ((0.0,) * surface.channels,))
        self._interpolate(scene, surface, nothing, attributes, False)
        fill_rows(background, color)
        if coverage:
            cover_channel(scene.frame.array("face_id"), color, 3)
        if surface.texture is not None:
            self._find_lods(scene)
        shade_pixels(*self._shading_arguments(scene, surface), color)

    def adjoint(self, scene, surface, zbuffer, outputs, clip_adjoint, add_corners=None):
        """Adds to ``clip_adjoint`` and to the adjoints of the surface's fields.

        ``outputs``: adjoints of colour (V*H*W, >= 3), depth and barycentrics, the latter two None where both are zero.
        ``add_corners(corner_adjoint)`` may add to the adjoints of X, Y, W (columns 0 to 2) of every corner before they
        are summed.
        """
        color_adjoint, depth_adjoint, barycentric_adjoint = outputs
        image_only = depth_adjoint is None
        if image_only:
            depth_adjoint = self._buffers.get("unread_depth", (1,))
            barycentric_adjoint = self._buffers.get("unread_barycentric", (1, 3))
        image_adjoint = color_adjoint
        if surface.shades_pixels:
            image_adjoint = self._shading_adjoint(scene, surface, color_adjoint)
        views, faces, channels = scene.views.views, scene.mesh.topology.array("faces"), surface.channels
        bands = band_count(views, scene.mesh.face_count)
        corners = views * scene.mesh.face_count * 3
        corner_adjoint = self._buffers.get(f"corner_adjoint_{channels}", (bands * corners, 4 + channels))
        attributes_adjoint = surface.new_adjoint(scene, "color")
        interpolate_adjoint(
            scene.clip,
            faces,
            surface.attributes,
            surface.index,
            scene.frame.array("face_id"),
            zbuffer.boxes,
            zbuffer.flags,
            image_adjoint,
            depth_adjoint,
            barycentric_adjoint,
            corner_adjoint,
            views,
            scene.width,
            scene.height,
            bands,
            channels,
            image_only,
        )
        if bands > 1:
            sum_bands(corner_adjoint, corners, bands)
        if add_corners is not None:
            add_corners(corner_adjoint)
        topology, sizes = scene.mesh.topology, (views, scene.mesh.face_count)
        adjacency = (topology.array("corner_start"), topology.array("corner_list"))
        own = (surface.corner_start, surface.corner_list)
        adjoints = (clip_adjoint, attributes_adjoint)
        gather_clip_and_attributes(corner_adjoint, channels, adjacency, own, *adjoints, *sizes)
        surface.adjoint(scene, attributes_adjoint)

    def _interpolate(self, scene, surface, background, image, coverage):
        frame = scene.frame
        visible = (frame.array("face_id"), frame.array("barycentric"))
        sizes = (scene.views.views, surface.channels, coverage)
        interpolate(surface.attributes, surface.index, *visible, background, image, *sizes)

    def _find_lods(self, scene):
        mesh = scene.mesh
        height, width = mesh.texture.shape
        texture_lods(
            scene.frame.array("face_id"),
            scene.clip,
            mesh.topology.array("faces"),
            mesh.fields.arrays["uv"],
            mesh.uv_topology.array("faces"),
            scene.views.views,
            scene.width,
            scene.height,
            width,
            height,
            self._lods(scene),
        )

    def _shading_adjoint(self, scene, surface, color_adjoint):
        image_adjoint = self._buffers.zeroed("pixel_attributes_adjoint", (color_adjoint.shape[0], surface.channels))
        lights, views = scene.lights, scene.views.views
        shape = partials_shape(lights.count, views, scene.width * scene.height) if surface.layout.lit else (1, 1)
        partials = self._buffers.get("pixel_light_partials", shape)
        pyramid_adjoint = self._shading.pyramid_adjoint(surface)
        arguments = self._shading_arguments(scene, surface)
        shade_pixels_adjoint(*arguments, color_adjoint, image_adjoint, pyramid_adjoint, partials)
        self._shading.add_light_adjoints(scene, surface, partials)
        return image_adjoint

    def _shading_arguments(self, scene, surface):
        return (
            self._buffers.get("pixel_attributes", (scene.frame.array("face_id").shape[0], surface.channels)),
            scene.frame.array("face_id"),
            self._lods(scene),
            *self._shading.of(scene, surface).flat(),
        )

    def _lods(self, scene):
        return self._buffers.get("lods", (scene.frame.array("face_id").shape[0],))
