"""Structural similarity of images, with its gradient."""

import numpy as np
import taichi as ti

from taichi_dr.fields import array_from
from taichi_dr.kernels import bridge
from taichi_dr.losses.inputs import (
    add_sum,
    check_field,
    check_loss,
    check_same,
    has_gradient,
    push_gradient,
    rows,
    scratch,
)
from taichi_dr.runtime import ShapeError, runtime_token
from taichi_dr.tape import tape_operation

RADIUS = 5
WINDOW = 2 * RADIUS + 1
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for a data range L of 1


def ssim(prediction, target, loss, weight=1.0):
    """Adds ``weight * (1 - mean SSIM)`` to ``loss``; the mean is over views, components and whole windows.

    ``SSIM = (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_xx + s_yy + C2))`` with means m and
    (co)variances s under a Gaussian window of 11 x 11 pixels with sigma = 1.5, C1 = 0.01^2, C2 = 0.03^2 for values in
    [0, 1] (Wang et al., Image Quality Assessment, 2004).  The same number as ``1 -
    skimage.metrics.structural_similarity(..., gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1)``, which also leaves out the 5 pixels along the border.

    Args:
        prediction: scalar or vector field (V, H, W) with a gradient, H and W at least 11.
        target: field or NumPy array of the same shape; as for ``mse``.
        loss: 0-D field with a gradient.

    Raises:
        ShapeError: the shapes differ, are not (V, H, W), or the images are smaller than the window.
    """
    check_loss(loss)
    n = bridge.components(prediction)
    check_field("prediction", prediction, (None, None, None) + ((n,) if n else ()))
    check_same("target", target, prediction)
    if min(prediction.shape[1:]) < WINDOW:
        raise ShapeError(f"prediction: expected images of at least {WINDOW} x {WINDOW} pixels, got {prediction.shape}")
    _operation(prediction, target, loss, weight)


class _Images:
    """Both images as rows, and the sizes, scratch arrays and window that the kernels share."""

    def __init__(self, prediction, target):
        n = bridge.components(prediction)
        self.x, self.y = rows("ssim x", prediction, n), rows("ssim y", target, n)
        self.views, self.height, self.width = prediction.shape
        self.channels = max(n, 1)
        self.inner = (self.height - 2 * RADIUS, self.width - 2 * RADIUS)
        self.window = _window()
        self.across = scratch("ssim across", (self.height * self.inner[1] * self.channels, 5))
        self.line_sums = scratch("ssim lines", (self.views * self.inner[0],))
        self.count = self.views * self.inner[0] * self.inner[1] * self.channels

    def moments_across(self, view, x, y):
        """Filters x, y, x^2, y^2 and x y of one view along its lines."""
        _moments_across(x, y, self.window, self.across, view * self.height, self.width, self.inner[1])


def _forward(prediction, target, loss, weight):
    images = _Images(prediction, target)
    for view in range(images.views):
        images.moments_across(view, images.x, images.y)
        _similarity(images.across, images.window, images.line_sums, view * images.inner[0], *images.inner, C1, C2)
    add_sum(images.line_sums, loss, -weight / images.count, weight)


def _adjoint(prediction, target, loss, weight):
    images = _Images(prediction, target)
    slopes = scratch("ssim slopes", (images.inner[0] * images.inner[1] * images.channels, 3))
    down = scratch("ssim down", (images.height * images.inner[1] * images.channels, 3))
    gradient = scratch("ssim gradient", images.x.shape)
    for field, x, y in ((prediction, images.x, images.y), (target, images.y, images.x)):
        if not has_gradient(field):
            continue
        for view in range(images.views):
            images.moments_across(view, x, y)
            _slopes(images.across, images.window, slopes, *images.inner, C1, C2)
            _spread_down(slopes, images.window, down, *images.inner)
            _spread_across(
                down, x, y, images.window, gradient, view * images.height, images.height, images.width, images.inner[1]
            )
        push_gradient(gradient, field, loss, -weight / images.count)


_operation = tape_operation(_forward, _adjoint)

_windows = {}


def _window():
    """The window's 11 one-dimensional weights as an array of the current runtime."""
    token = runtime_token()
    if _windows.get("token") is not token:
        offsets = np.arange(-RADIUS, RADIUS + 1)
        weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
        _windows["token"], _windows["weights"] = token, array_from(weights / weights.sum())
    return _windows["weights"]


@ti.kernel
def _moments_across(
    x: ti.types.ndarray(ndim=2),
    y: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    across: ti.types.ndarray(ndim=2),
    first_line: int,
    width: int,
    inner_width: int,
):
    """``across[(line, col, channel)] = sum_k window[k] (x, y, x^2, y^2, x y)[line, col + k, channel]``."""
    channels = x.shape[1]
    for i in range(across.shape[0]):
        channel = i % channels
        col = (i // channels) % inner_width
        line = i // (channels * inner_width)
        row = (first_line + line) * width + col
        total = ti.Vector([0.0, 0.0, 0.0, 0.0, 0.0])
        for k in range(window.shape[0]):
            a, b = x[row + k, channel], y[row + k, channel]
            total += window[k] * ti.Vector([a, b, a * a, b * b, a * b])
        for m in ti.static(range(5)):
            across[i, m] = total[m]


@ti.func
def _moments(across: ti.template(), window: ti.template(), line, entry, stride):
    """The five moments under the whole window whose first line is ``line``."""
    total = ti.Vector([0.0, 0.0, 0.0, 0.0, 0.0])
    for k in range(window.shape[0]):
        for m in ti.static(range(5)):
            total[m] += window[k] * across[(line + k) * stride + entry, m]
    return total


@ti.kernel
def _similarity(
    across: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    line_sums: ti.types.ndarray(ndim=1),
    first_line: int,
    inner_height: int,
    inner_width: int,
    c1: float,
    c2: float,
):
    stride = across.shape[0] // (inner_height + window.shape[0] - 1)
    for line in range(inner_height):
        total = 0.0
        for entry in range(stride):
            m = _moments(across, window, line, entry, stride)
            luminance = (2.0 * m[0] * m[1] + c1) / (m[0] * m[0] + m[1] * m[1] + c1)
            variances = m[2] - m[0] * m[0] + m[3] - m[1] * m[1]
            total += luminance * (2.0 * (m[4] - m[0] * m[1]) + c2) / (variances + c2)
        line_sums[first_line + line] = total


@ti.kernel
def _slopes(
    across: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    slopes: ti.types.ndarray(ndim=2),
    inner_height: int,
    inner_width: int,
    c1: float,
    c2: float,
):
    """The derivatives of SSIM by the mean of x, the mean of x^2 and the mean of x y."""
    stride = slopes.shape[0] // inner_height
    for i in range(slopes.shape[0]):
        m = _moments(across, window, i // stride, i % stride, stride)
        a1, a2 = 2.0 * m[0] * m[1] + c1, 2.0 * (m[4] - m[0] * m[1]) + c2
        b1 = m[0] * m[0] + m[1] * m[1] + c1
        b2 = m[2] - m[0] * m[0] + m[3] - m[1] * m[1] + c2
        value = a1 * a2 / (b1 * b2)
        slopes[i, 0] = 2.0 * (m[1] * (a2 - a1) / (b1 * b2) - m[0] * value * (1.0 / b1 - 1.0 / b2))
        slopes[i, 1] = -value / b2
        slopes[i, 2] = 2.0 * a1 / (b1 * b2)


@ti.kernel
def _spread_down(
    slopes: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    down: ti.types.ndarray(ndim=2),
    inner_height: int,
    inner_width: int,
):
    """The transpose of filtering along columns."""
    stride = slopes.shape[0] // inner_height
    for i in range(down.shape[0]):
        line, entry = i // stride, i % stride
        total = ti.Vector([0.0, 0.0, 0.0])
        for k in range(ti.max(0, line - inner_height + 1), ti.min(window.shape[0], line + 1)):
            for m in ti.static(range(3)):
                total[m] += window[k] * slopes[(line - k) * stride + entry, m]
        for m in ti.static(range(3)):
            down[i, m] = total[m]


@ti.kernel
def _spread_across(
    down: ti.types.ndarray(ndim=2),
    x: ti.types.ndarray(ndim=2),
    y: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    gradient: ti.types.ndarray(ndim=2),
    first_line: int,
    height: int,
    width: int,
    inner_width: int,
):
    """The transpose of filtering along lines; ``d/dx = p + 2 x q + y r`` of the three spread slopes."""
    channels = x.shape[1]
    for i in range(height * width * channels):
        channel = i % channels
        col = (i // channels) % width
        line = i // (channels * width)
        total = ti.Vector([0.0, 0.0, 0.0])
        for k in range(ti.max(0, col - inner_width + 1), ti.min(window.shape[0], col + 1)):
            entry = (line * inner_width + col - k) * channels + channel
            for m in ti.static(range(3)):
                total[m] += window[k] * down[entry, m]
        row = (first_line + line) * width + col
        gradient[row, channel] = total[0] + 2.0 * x[row, channel] * total[1] + y[row, channel] * total[2]
