"""The signed closest approach of every pixel's ray, made on demand."""

from taichi_dr.kernels.camera.pack import PACKED
from taichi_dr.kernels.march.edges import place_closest, to_pixels, to_pixels_adjoint
from taichi_dr.kernels.march.rays import centers_adjoint

COLUMNS = 64  # partial sums per view


class ClosestStage:
    """Where every ray comes closest, how close, and the way of its adjoint back."""

    def __init__(self, buffers, function):
        self._buffers, self._function = buffers, function

    def forward(self, shot):
        """Writes the frame's ``closest``."""
        closest = shot.frame.array("closest")
        pixels = closest.shape[0]
        t, points, scale = self._place(pixels)
        values = self._buffers.get("closest_values", (pixels, 1))
        self._function.approach(shot.rays, shot.march, t)
        place_closest(*shot.view, t, points, scale)
        self._function.forward(points, values, pixels)
        to_pixels(values, scale, closest)

    def adjoint(self, shot):
        """From its gradient to those of the function's parameters and of the camera."""
        adjoint = shot.frame.adjoint("closest")
        pixels, views = adjoint.shape[0], shot.frame.shape[0]
        t, points, scale = self._place(pixels)
        values_adjoint = self._buffers.get("closest_values_adjoint", (pixels, 1))
        to_pixels_adjoint(scale, adjoint, values_adjoint)
        points_adjoint = self._buffers.zeroed("closest_points_adjoint", (pixels, 3))
        self._function.adjoint(points, values_adjoint, points_adjoint, pixels)
        camera = shot.camera_array, shot.camera.is_orthographic, shot.camera_adjoint
        partials = self._buffers.get("closest_partials", (PACKED, views * COLUMNS))
        rays = self._buffers.counting("closest_pixel", pixels), t
        centers_adjoint(*rays, points_adjoint, pixels, shot.width, shot.height, *camera, partials)

    def _place(self, pixels):
        get = self._buffers.get
        return get("closest_t", (pixels,)), get("closest_points", (pixels, 3)), get("closest_scale", (pixels,))
