"""From the visible faces to the colour of every pixel, and back."""

from taichi_dr.kernels.base.gather import gather_clip_and_attributes, sum_bands
from taichi_dr.kernels.base.spread import fill_rows
from taichi_dr.kernels.screen.coverage import cover_channel
from taichi_dr.kernels.shading.at_points import shade_pixels, shade_pixels_adjoint
from taichi_dr.kernels.shading.light import partials_shape
from taichi_dr.kernels.shading.texture import texture_rungs
from taichi_dr.kernels.zbuffer.interpolate import (
    Attributes,
    PixelAdjoints,
    band_count,
    interpolate,
    interpolate_adjoint,
)
from taichi_dr.render.mesh.point_shading import Shading


class PixelStage:
    """Interpolates a surface's attributes over the visible faces and shades the pixels that need it."""

    def __init__(self, buffers):
        self._buffers = buffers
        self._shading = Shading(buffers)

    def forward(self, shot, surface, background, color, coverage=False):
        """Writes ``color`` (V*H*W, 3) of the faces in the frame's ``face_id``; with ``coverage``, alpha as a fourth."""
        background = self._buffers.constant(f"{type(surface).__name__}_background", (background,))
        if not surface.shades_pixels:
            self._interpolate(shot, surface, background, color, coverage)
            return
        attributes = self._buffers.get("pixel_attributes", (color.shape[0], surface.channels))
        nothing = self._buffers.constant("no_attributes", ((0.0,) * surface.channels,))
        self._interpolate(shot, surface, nothing, attributes, False)
        fill_rows(background, color)
        if coverage:
            cover_channel(shot.frame.array("face_id"), color, 3)
        if surface.texture is not None:
            self._find_rungs(shot, surface.texture)
        shade_pixels(*self._shading_arguments(shot, surface), color)

    def adjoint_to_corners(self, shot, surface, zbuffer, outputs):
        """The adjoint of every face's corners in every view: X, Y, W, depth, attributes in the first V*F*3 rows.

        ``outputs``: adjoints of colour (V*H*W, >= 3), depth and barycentrics, the latter two None where both are zero.
        Adds to the adjoints of lights, cameras and texture; ``gather_corners`` takes the corners' on.
        """
        color_adjoint, depth_adjoint, barycentric_adjoint = outputs
        image_only = depth_adjoint is None
        if image_only:
            depth_adjoint = self._buffers.get("unread_depth", (1,))
            barycentric_adjoint = self._buffers.get("unread_barycentric", (1, 3))
        image_adjoint = color_adjoint
        if surface.shades_pixels:
            image_adjoint = self._shading_adjoint(shot, surface, color_adjoint)
        views, channels = shot.views.views, surface.channels
        bands = band_count(views, shot.mesh.face_count)
        corners = views * shot.mesh.face_count * 3
        corner_adjoint = self._buffers.get(f"corner_adjoint_{channels}", (bands * corners, 4 + channels))
        interpolate_adjoint(
            shot.projected,
            Attributes(surface.attributes, surface.index),
            shot.frame.array("face_id"),
            zbuffer.records,
            PixelAdjoints(image_adjoint, depth_adjoint, barycentric_adjoint),
            corner_adjoint,
            shot.screen,
            image_only,
        )
        if bands > 1:
            sum_bands(corner_adjoint, corners, bands)
        return corner_adjoint

    def gather_corners(self, shot, surface, corner_adjoint, clip_adjoint):
        """Adds the corners' adjoints to ``clip_adjoint`` and, through the surface, to those of the inputs."""
        attributes_adjoint = surface.new_adjoint(shot, "color")
        gather_clip_and_attributes(
            corner_adjoint,
            surface.channels,
            shot.mesh.topology.corners(),
            surface.corners,
            clip_adjoint,
            attributes_adjoint,
            shot.views.views,
            shot.mesh.face_count,
        )
        surface.adjoint(shot, attributes_adjoint)

    def _interpolate(self, shot, surface, background, image, coverage):
        attributes = Attributes(surface.attributes, surface.index)
        interpolate(attributes, shot.visible, background, image, shot.views.views, coverage)

    def _find_rungs(self, shot, texture):
        mesh = shot.mesh
        texture_rungs(
            shot.frame.array("face_id"),
            shot.clip,
            mesh.topology.array("faces"),
            mesh.fields.arrays["uv"],
            mesh.uv_topology.array("faces"),
            shot.views.views,
            shot.width,
            shot.height,
            texture.levels,
            texture.first_levels,
            self._rungs(shot),
        )

    def _shading_adjoint(self, shot, surface, color_adjoint):
        image_adjoint = self._buffers.zeroed("pixel_attributes_adjoint", (color_adjoint.shape[0], surface.channels))
        lights, views = shot.lights, shot.views.views
        shape = (1, 1)
        if surface.layout.lit:
            shape = partials_shape(lights.count, views, shot.width * shot.height, lights.arrays[1].shape[1])
        partials = self._buffers.get("pixel_light_partials", shape)
        pyramid_adjoint = self._shading.pyramid_adjoint(surface)
        arguments = self._shading_arguments(shot, surface)
        shade_pixels_adjoint(*arguments, color_adjoint, image_adjoint, pyramid_adjoint, partials)
        self._shading.add_light_adjoints(shot, surface, partials)
        return image_adjoint

    def _shading_arguments(self, shot, surface):
        return (
            self._buffers.get("pixel_attributes", (shot.frame.array("face_id").shape[0], surface.channels)),
            shot.frame.array("face_id"),
            self._rungs(shot),
            *self._shading.of(shot, surface).flat(),
        )

    def _rungs(self, shot):
        return self._buffers.get("rungs", (shot.frame.array("face_id").shape[0],))
