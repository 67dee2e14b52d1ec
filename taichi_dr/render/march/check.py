"""What must not be traced or shown: inputs, distances and colours that are not finite."""

import numpy as np

from taichi_dr.errors import InputError
from taichi_dr.kernels.base.checks import LARGEST, all_finite, all_usable


def require_usable_inputs(shot):
    """Raises CameraError or InputError for cameras and lights that are not finite."""
    arrays = [shot.camera_array, *(() if shot.lights is None else shot.lights.fields.arrays.values())]
    if not all(all_usable(arrays[k], arrays[-1 - k]) for k in range((len(arrays) + 1) // 2)):  # two in one launch
        shot.camera.check()
        if shot.lights is not None:
            shot.lights.check()


def require_finite_rows(shot, gradients, colors):
    """Looks at what has been found at the rows of a shot, in one launch.

    Raises:
        InputError: a distance, and with it its gradient, or a colour that is not finite (what, where, how many).
    """
    if all_finite(gradients, colors, shot.count):
        return
    gradients, colors = gradients.to_numpy()[: shot.count], colors.to_numpy()[: shot.count]
    for name, values, hint in (
        ("the distance", gradients, "look for infinite ones"),
        ("the colour", colors, "look for 0 / 0 and negative roots, and at the fields that it reads"),
    ):
        wrong = np.flatnonzero(~(np.abs(values) <= LARGEST).all(axis=1))
        if len(wrong):
            pixel = shot.rows.pixel.to_numpy()[wrong[0]]
            view, row, column = (int(i) for i in np.unravel_index(pixel, shot.frame.shape))
            raise InputError(
                f"{name} is NaN or infinite at {len(wrong)} of {shot.count} points that are seen, the first that of"
                f" view {view}, row {row}, column {column}: {hint}"
            )
