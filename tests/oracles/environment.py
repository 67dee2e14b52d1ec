"""An environment looked up in NumPy: longitude by latitude, interpolated between the middles of texels."""

import numpy as np


def look_up(texels, d):
    """(N, 3) of ``texels`` (H, W, 3) in unit directions (N, 3)."""
    height, width, _ = texels.shape
    row = height * np.arctan2(np.hypot(d[:, 0], d[:, 2]), d[:, 1]) / np.pi - 0.5
    column = width * (0.5 + np.arctan2(d[:, 0], -d[:, 2]) / (2 * np.pi)) - 0.5
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    v, u = (row - top)[:, None], (column - left)[:, None]

    def at(down, along):
        return texels[np.clip(top + down, 0, height - 1), (left + along) % width]

    return (1 - v) * ((1 - u) * at(0, 0) + u * at(0, 1)) + v * ((1 - u) * at(1, 0) + u * at(1, 1))
