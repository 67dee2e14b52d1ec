"""Steps of Adam over some nodes of a grid, with gradients and numbers that are made smooth.

Sources: Kingma and Ba, Adam, 2015; Nicolet et al., Large Steps in Inverse Rendering of Geometry, 2021 (why a gradient
that is smooth over the surface takes larger steps).
"""

import taichi as ti

from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import IntRows, Numbers, VectorVolume


@replayed
@ti.kernel
def add_moments(
    gradient: VectorVolume,
    nodes: IntRows,
    first: VectorVolume,
    second: VectorVolume,
    largest: Numbers,
    beta1: float,
    beta2: float,
    blurs: ti.template(),
):
    """Updates both moments (X, Y, Z, C) at ``nodes`` (A, 3) from the ``gradient``; ``largest`` (1,) grows.

    ``blurs``: the gradient is blurred by (1, 2, 1) / 4 along each axis before.
    """
    for n in range(nodes.shape[0]):
        i, j, k = nodes[n, 0], nodes[n, 1], nodes[n, 2]
        for c in range(gradient.shape[3]):
            total = gradient[i, j, k, c]
            if ti.static(blurs):
                total = _blurred(gradient, i, j, k, c)
            first[i, j, k, c] = beta1 * first[i, j, k, c] + (1.0 - beta1) * total
            second[i, j, k, c] = beta2 * second[i, j, k, c] + (1.0 - beta2) * total * total
            if second[i, j, k, c] > largest[0]:
                ti.atomic_max(largest[0], second[i, j, k, c])


@replayed
@ti.kernel
def move(
    numbers: VectorVolume,
    nodes: IntRows,
    first: VectorVolume,
    second: VectorVolume,
    largest: Numbers,
    moved: VectorVolume,
    rate: float,
    correction1: float,
    correction2: float,
    least_part: float,
    smoothing: float,
):
    """One step at ``nodes``, of at most about ``rate``, and ``smoothing`` of the way to the mean of six neighbours.

    ``least_part`` of the largest root of a second moment is added to every one.
    """
    root = least_part * ti.sqrt(largest[0] / correction2) + 1e-20
    for n in range(nodes.shape[0]):
        i, j, k = nodes[n, 0], nodes[n, 1], nodes[n, 2]
        for c in range(numbers.shape[3]):
            mean = 0.0
            for side in ti.static((-1, 1)):
                mean += numbers[_inside(numbers, i + side, 0), j, k, c] / 6.0
                mean += numbers[i, _inside(numbers, j + side, 1), k, c] / 6.0
                mean += numbers[i, j, _inside(numbers, k + side, 2), c] / 6.0
            step = first[i, j, k, c] / correction1 / (ti.sqrt(second[i, j, k, c] / correction2) + root)
            moved[i, j, k, c] = numbers[i, j, k, c] + smoothing * (mean - numbers[i, j, k, c]) - rate * step
    for n in range(nodes.shape[0]):
        i, j, k = nodes[n, 0], nodes[n, 1], nodes[n, 2]
        for c in range(numbers.shape[3]):
            numbers[i, j, k, c] = moved[i, j, k, c]


@ti.func
def _blurred(gradient: ti.template(), i, j, k, c):
    total = 0.0
    for x in range(3):
        for y in range(3):
            for z in range(3):
                weight = (2 - ti.abs(x - 1)) * (2 - ti.abs(y - 1)) * (2 - ti.abs(z - 1)) / 64.0
                a, b = _inside(gradient, i + x - 1, 0), _inside(gradient, j + y - 1, 1)
                total += weight * gradient[a, b, _inside(gradient, k + z - 1, 2), c]
    return total


@ti.func
def _inside(numbers: ti.template(), index, axis: ti.template()):
    return ti.math.clamp(index, 0, numbers.shape[axis] - 1)
