"""Nonlinearities s of layers, and their slopes by what came out, so that nothing else is kept for the way back:

    LINEAR     y = x                                   1
    RELU       y = max(x, 0)                           1 where y > 0
    SOFTPLUS   y = log(1 + exp(beta x)) / beta         1 - exp(-beta y)
    TANH       y = tanh(x)                             1 - y^2
    SIGMOID    y = 1 / (1 + exp(-x))                   y (1 - y)
    EXP        y = exp(x), x up to 80                  y, no less than exp(-15) and no more than exp(15)

``EXP`` is the truncated exponential of instant-ngp (Mueller et al. 2022): densities of any size, with slopes that
neither vanish nor explode.
"""

import math

import numpy as np
import taichi as ti

LINEAR, RELU, SOFTPLUS, TANH, SIGMOID, EXP = range(6)

MOST = 80.0  # that EXP takes the exponential of: more is infinite in single precision
LEAST_SLOPE, MOST_SLOPE = math.exp(-15), math.exp(15)


def activate_array(y, activation, beta):
    """``y = s(y)`` of a NumPy array, in place."""
    if activation == RELU:
        np.maximum(y, np.zeros(y.shape[-1], y.dtype), out=y)  # NumPy takes twice as long to compare with a number
    elif activation == TANH:
        np.tanh(y, out=y)
    elif activation == SIGMOID:
        y *= 0.5  # 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which never overflows
        np.tanh(y, out=y)
        y += 1
        y *= 0.5
    elif activation == EXP:
        np.minimum(y, MOST, out=y)
        np.exp(y, out=y)
    elif activation == SOFTPLUS:
        rest = np.abs(y)
        rest *= -beta
        np.exp(rest, out=rest)
        rest += 1
        np.log(rest, out=rest)
        rest *= 1 / beta
        np.maximum(y, 0, out=y)
        y += rest


def multiply_slope_array(g, y, activation, beta):
    """``g *= s'(y)`` of NumPy arrays, in place."""
    if activation == RELU:
        g *= y > 0
    elif activation == TANH:
        g *= 1 - y * y
    elif activation == SIGMOID:
        g *= y * (1 - y)
    elif activation == EXP:
        g *= np.clip(y, LEAST_SLOPE, MOST_SLOPE)
    elif activation == SOFTPLUS:
        fall = y * -beta
        np.exp(fall, out=fall)
        np.subtract(1, fall, out=fall)
        g *= fall


@ti.func
def activate(x, activation: ti.template(), beta):
    """``s(x)``."""
    y = x
    if ti.static(activation == RELU):
        y = ti.max(x, 0.0)
    elif ti.static(activation == TANH):
        y = ti.tanh(x)
    elif ti.static(activation == SIGMOID):
        y = 0.5 + 0.5 * ti.tanh(0.5 * x)
    elif ti.static(activation == EXP):
        y = ti.exp(ti.min(x, MOST))
    elif ti.static(activation == SOFTPLUS):
        y = ti.max(x, 0.0) + ti.log(1.0 + ti.exp(-beta * ti.abs(x))) / beta
    return y


@ti.func
def activation_slope(y, activation: ti.template(), beta):
    """``s'`` where ``s`` is y."""
    slope = 1.0
    if ti.static(activation == RELU):
        slope = ti.select(y > 0.0, 1.0, 0.0)
    elif ti.static(activation == TANH):
        slope = 1.0 - y * y
    elif ti.static(activation == SIGMOID):
        slope = y * (1.0 - y)
    elif ti.static(activation == EXP):
        slope = ti.min(ti.max(y, LEAST_SLOPE), MOST_SLOPE)
    elif ti.static(activation == SOFTPLUS):
        slope = 1.0 - ti.exp(-beta * y)
    return slope
