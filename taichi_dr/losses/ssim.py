"""Structural similarity of images, with its gradient."""

import numpy as np
import taichi as ti

from taichi_dr.errors import ShapeError
from taichi_dr.fields.variable import Variable
from taichi_dr.kernels.base import bridge
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.kernels.base.launch import grain
from taichi_dr.kernels.base.replay import replayed
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
from taichi_dr.runtime import backend, runtime_token
from taichi_dr.tape import tape_operation
from taichi_dr.types import ArrayLike, Field

RADIUS = 5
WINDOW = 2 * RADIUS + 1
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for a data range L of 1


def ssim(prediction: Field | Variable, target: Field | Variable | ArrayLike, loss: Field, weight: float = 1.0) -> None:
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
    check_loss(loss, weight)
    n = bridge.components(prediction)
    check_field("prediction", prediction, (None, None, None) + ((n,) if n else ()))
    check_same("target", target, prediction)
    if min(prediction.shape[1:]) < WINDOW:
        raise ShapeError(f"prediction: expected images of at least {WINDOW} x {WINDOW} pixels, got {prediction.shape}")
    _operation(prediction, target, loss, weight)


class _Images:
    """Both images as flat rows of numbers, and the sizes, scratch arrays and window that the kernels share.

    A line of an image is ``stride`` = width x components numbers.  Filtering along lines and along columns is then the
    same one-dimensional convolution with taps ``components`` or ``stride`` apart, which runs in packets straight across
    the ends of lines; what it leaves in the last 10 columns of each line is left out of the sums.  Arrays are longer
    than the image by what a packet or a tap may overshoot.
    """

    def __init__(self, prediction, target):
        self.views, self.height, self.width = prediction.shape
        n = bridge.components(prediction)
        self.components = max(n, 1)
        self.stride = self.width * self.components
        self.inner_height, self.inner_stride = self.height - 2 * RADIUS, self.stride - 2 * RADIUS * self.components
        self.pixels = self.height * self.stride
        self.packet = 16 if backend() == "cpu" else 1
        self.window = _window()
        length = self.views * self.pixels + self.packet + 2 * RADIUS * self.components
        self.x, self.y = scratch("ssim x", (length,)), scratch("ssim y", (length,))
        _flatten(rows("ssim x", prediction, n), self.x)
        _flatten(rows("ssim y", target, n), self.y)
        self.across = scratch("ssim across", (5, self.pixels + self.packet))
        self.count = self.views * self.inner_height * self.inner_stride

    def moments_across(self, view, x, y):
        """Filters x, y, x^2, y^2 and x y of one view along its lines."""
        first = view * self.pixels
        _moments_across(x, y, self.window, self.across, first, self.pixels, self.components, self.packet)


def _forward(prediction, target, loss, weight):
    images = _Images(prediction, target)
    sums = scratch("ssim lines", (images.views * images.inner_height,))
    sizes = (images.inner_height, images.inner_stride, images.stride)
    for view in range(images.views):
        images.moments_across(view, images.x, images.y)
        _similarity(images.across, images.window, sums, view * images.inner_height, *sizes, C1, C2, images.packet)
    read = {"prediction": prediction, "target": target}
    add_sum("ssim", sums, loss, -weight / images.count, weight, read)


def _adjoint(prediction, target, loss, weight):
    images = _Images(prediction, target)
    window, stride, components, packet = images.window, images.stride, images.components, images.packet
    # The transposed filters look back by up to 10 taps: the zeros before and after what the kernels write stay zeros.
    # (The names keep images of other proportions, whose zeros lie elsewhere, from sharing them.)
    layout = f"{stride} {components}"
    slopes = scratch(f"ssim slopes {layout}", (3, 2 * RADIUS * stride + images.pixels + packet))
    down = scratch(f"ssim down {layout}", (3, 2 * RADIUS * components + images.pixels + packet))
    gradient = scratch("ssim gradient", (images.views * images.height * images.width, components))
    for field, x, y in ((prediction, images.x, images.y), (target, images.y, images.x)):
        if not has_gradient(field):
            continue
        for view in range(images.views):
            images.moments_across(view, x, y)
            sizes = (images.height, images.inner_height, images.inner_stride, stride)
            _slopes(images.across, window, slopes, *sizes, C1, C2, packet)
            _spread_down(slopes, window, down, images.pixels, stride, components, packet)
            _spread_across(down, x, y, window, gradient, view * images.pixels, images.pixels, packet)
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


@replayed
@ti.kernel
def _flatten(values: ti.types.ndarray(ndim=2), flat: ti.types.ndarray(ndim=1)):
    for i in range(values.shape[0]):
        for k in range(values.shape[1]):
            flat[i * values.shape[1] + k] = values[i, k]


@replayed
@ti.kernel
def _moments_across(
    x: ti.types.ndarray(ndim=1),
    y: ti.types.ndarray(ndim=1),
    window: ti.types.ndarray(ndim=1),
    across: ti.types.ndarray(ndim=2),
    first: int,
    pixels: int,
    components: int,
    packet: ti.template(),
):
    """``across[m, i] = sum_k window[k] (x, y, x^2, y^2, x y)[first + i + k components]``."""
    for p in range((pixels + packet - 1) // packet):
        i = p * packet
        m_x, m_y, m_xx, m_yy, m_xy = _zeros(packet), _zeros(packet), _zeros(packet), _zeros(packet), _zeros(packet)
        for k in range(window.shape[0]):
            a = _load(x, first + i + k * components, packet)
            b = _load(y, first + i + k * components, packet)
            m_x += window[k] * a
            m_y += window[k] * b
            m_xx += window[k] * a * a
            m_yy += window[k] * b * b
            m_xy += window[k] * a * b
        for lane in ti.static(range(packet)):
            across[0, i + lane] = m_x[lane]
            across[1, i + lane] = m_y[lane]
            across[2, i + lane] = m_xx[lane]
            across[3, i + lane] = m_yy[lane]
            across[4, i + lane] = m_xy[lane]


@replayed
@ti.kernel
def _similarity(
    across: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    sums: ti.types.ndarray(ndim=1),
    first_line: int,
    inner_height: int,
    inner_stride: int,
    stride: int,
    c1: float,
    c2: float,
    packet: ti.template(),
):
    """``sums[first_line + line]``: the sum of SSIM over the windows of a line."""
    for task in range(inner_height * ti.static(grain())):
        if task % ti.static(grain()) != 0:
            continue
        line = task // ti.static(grain())
        total = _zeros(packet)
        for p in range((inner_stride + packet - 1) // packet):
            a1, a2, b1, b2, _, _ = _terms(across, window, line * stride + p * packet, stride, c1, c2, packet)
            value = a1 * a2 / (b1 * b2)
            for lane in ti.static(range(packet)):
                if p * packet + lane < inner_stride:
                    total[lane] += value[lane]
        sums[first_line + line] = total.sum()


@replayed
@ti.kernel
def _slopes(
    across: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    slopes: ti.types.ndarray(ndim=2),
    height: int,
    inner_height: int,
    inner_stride: int,
    stride: int,
    c1: float,
    c2: float,
    packet: ti.template(),
):
    """The derivatives of SSIM by the mean of x, the mean of x^2 and the mean of x y; 0 where there is no window."""
    start = slopes.shape[1] - packet - height * stride
    for task in range(inner_height * ti.static(grain())):
        if task % ti.static(grain()) != 0:
            continue
        line = task // ti.static(grain())
        for p in range((inner_stride + packet - 1) // packet):
            i = line * stride + p * packet
            a1, a2, b1, b2, m_x, m_y = _terms(across, window, i, stride, c1, c2, packet)
            value = a1 * a2 / (b1 * b2)
            by_mean = 2.0 * (m_y * (a2 - a1) / (b1 * b2) - m_x * value * (1.0 / b1 - 1.0 / b2))
            for lane in ti.static(range(packet)):
                if p * packet + lane < inner_stride:
                    slopes[0, start + i + lane] = by_mean[lane]
                    slopes[1, start + i + lane] = -value[lane] / b2[lane]
                    slopes[2, start + i + lane] = 2.0 * a1[lane] / (b1[lane] * b2[lane])


@replayed
@ti.kernel
def _spread_down(
    slopes: ti.types.ndarray(ndim=2),
    window: ti.types.ndarray(ndim=1),
    down: ti.types.ndarray(ndim=2),
    pixels: int,
    stride: int,
    components: int,
    packet: ti.template(),
):
    """The transpose of filtering along columns."""
    taps = window.shape[0] - 1
    for p in range((pixels + packet - 1) // packet):
        i = p * packet
        for m in ti.static(range(3)):
            total = _zeros(packet)
            for k in range(window.shape[0]):
                total += window[k] * _load_row(slopes, m, taps * stride + i - k * stride, packet)
            for lane in ti.static(range(packet)):
                if i + lane < pixels:
                    down[m, taps * components + i + lane] = total[lane]


@replayed
@ti.kernel
def _spread_across(
    down: ti.types.ndarray(ndim=2),
    x: ti.types.ndarray(ndim=1),
    y: ti.types.ndarray(ndim=1),
    window: ti.types.ndarray(ndim=1),
    gradient: ti.types.ndarray(ndim=2),
    first: int,
    pixels: int,
    packet: ti.template(),
):
    """The transpose of filtering along lines; ``d/dx = p + 2 x q + y r`` of the three spread slopes."""
    components = gradient.shape[1]
    taps = window.shape[0] - 1
    for p in range((pixels + packet - 1) // packet):
        i = p * packet
        of_mean, of_square, of_product = _zeros(packet), _zeros(packet), _zeros(packet)
        for k in range(window.shape[0]):
            at = (taps - k) * components + i
            of_mean += window[k] * _load_row(down, 0, at, packet)
            of_square += window[k] * _load_row(down, 1, at, packet)
            of_product += window[k] * _load_row(down, 2, at, packet)
        value = of_mean + 2.0 * of_square * _load(x, first + i, packet) + of_product * _load(y, first + i, packet)
        for lane in ti.static(range(packet)):
            if i + lane < pixels:
                q = first + i + lane
                gradient[q // components, q % components] = value[lane]


@ti.func
def _terms(across: ti.template(), window: ti.template(), i, stride, c1, c2, packet: ti.template()):
    """Numerators a1, a2 and denominators b1, b2 of SSIM, and both means, for a packet of windows."""
    m_x, m_y, m_xx, m_yy, m_xy = _zeros(packet), _zeros(packet), _zeros(packet), _zeros(packet), _zeros(packet)
    for k in range(window.shape[0]):
        m_x += window[k] * _load_row(across, 0, i + k * stride, packet)
        m_y += window[k] * _load_row(across, 1, i + k * stride, packet)
        m_xx += window[k] * _load_row(across, 2, i + k * stride, packet)
        m_yy += window[k] * _load_row(across, 3, i + k * stride, packet)
        m_xy += window[k] * _load_row(across, 4, i + k * stride, packet)
    a1, a2 = 2.0 * m_x * m_y + c1, 2.0 * (m_xy - m_x * m_y) + c2
    b1 = m_x * m_x + m_y * m_y + c1
    b2 = m_xx - m_x * m_x + m_yy - m_y * m_y + c2
    return a1, a2, b1, b2, m_x, m_y


@ti.func
def _zeros(packet: ti.template()):
    return ti.Vector([0.0 for _ in ti.static(range(packet))])


@ti.func
def _load(flat: ti.template(), i, packet: ti.template()):
    return ti.Vector([flat[i + lane] for lane in ti.static(range(packet))])


@ti.func
def _load_row(planes: ti.template(), m: ti.template(), i, packet: ti.template()):
    return ti.Vector([planes[m, i + lane] for lane in ti.static(range(packet))])
