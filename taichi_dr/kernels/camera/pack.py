"""Camera parameters to the packed camera that every renderer reads, and back.

A packed camera is one row of 16 numbers: ``u(3) v(3) w(3) e(3) fx fy px py``.  With ``q = p - e``,

    xc = q.u,  yc = q.v,  depth = -q.w
    perspective:   x = fx xc / depth + px,  y = fy yc / depth + py
    orthographic:  x = fx xc + px,          y = fy yc + py

x points right, y up, and the shorter side of the image spans [-1, 1].

The frame is the look-at frame moved by a pose (omega, t) given in the camera's own axes:

    w = (eye - target)/|eye - target|,  u = (up x w)/|up x w|,  v = w x u,  R = [u v w]
    [u' v' w'] = R exp([omega]x),  e' = eye + R t

Lenses and principal points are in units of half the image height; ``aspect`` = height / min(width, height) turns
them into screen units.  Source of the adjoints: each line differentiated by hand; of the exponential: Rodrigues'
formula exp([omega]x) = cos(theta) I + a [omega]x + b omega omega^T.
"""

import math

import taichi as ti

from taichi_dr.kernels.base.launch import on_cpu
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Rows
from taichi_dr.kernels.base.vectors import add_row3, get3

PERSPECTIVE, PINHOLE, ORTHOGRAPHIC = range(3)
"""Lens kinds: (fov_y,) in radians; (fx, fy) in half heights; (half_height,) in world units."""

PACKED = 16  # numbers per packed camera
U, V, W, E, F, P = 0, 3, 6, 9, 12, 14  # first column of each part

PARAMETERS = 19  # numbers per row of parameters
EYE, TARGET, UP, POSE, LENS, PRINCIPAL = 0, 3, 6, 9, 15, 17  # first column of each part

# Power series in s = theta^2 of a = sin(theta)/theta and b = (1 - cos(theta))/theta^2 and of their derivatives,
# highest power first; exact to 1e-17 for s <= 1.
_A = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(9, -1, -1))
_B = tuple((-1) ** k / math.factorial(2 * k + 2) for k in range(9, -1, -1))
_DA = tuple(k * (-1) ** k / math.factorial(2 * k + 1) for k in range(9, 0, -1))
_DB = tuple(k * (-1) ** k / math.factorial(2 * k + 2) for k in range(9, 0, -1))


@replayed
@ti.kernel
def _pack_camera(parameters: Rows, camera: Rows, aspect: float, kind: ti.template(), serial: ti.template()):
    ti.loop_config(serialize=serial)
    for i in range(camera.shape[0]):
        eye = get3(parameters, i, EYE)
        base = look_at(eye, get3(parameters, i, TARGET), get3(parameters, i, UP))
        frame = base @ rotation(get3(parameters, i, POSE))
        origin = eye + base @ get3(parameters, i, POSE + 3)
        for k in ti.static(range(3)):
            camera[i, U + k] = frame[k, 0]
            camera[i, V + k] = frame[k, 1]
            camera[i, W + k] = frame[k, 2]
            camera[i, E + k] = origin[k]
        lens = ti.Vector([parameters[i, LENS], parameters[i, LENS + 1]])
        if ti.static(kind == PERSPECTIVE):
            camera[i, F] = aspect * ti.cos(0.5 * lens[0]) / ti.sin(0.5 * lens[0])
            camera[i, F + 1] = camera[i, F]
        elif ti.static(kind == PINHOLE):
            camera[i, F] = aspect * lens[0]
            camera[i, F + 1] = aspect * lens[1]
        else:
            camera[i, F] = aspect / lens[0]
            camera[i, F + 1] = aspect / lens[0]
        if not _lens_is_usable(lens, kind):
            camera[i, F] = ti.math.nan
            camera[i, F + 1] = ti.math.nan
        camera[i, P] = aspect * parameters[i, PRINCIPAL]
        camera[i, P + 1] = aspect * parameters[i, PRINCIPAL + 1]


@replayed
@ti.kernel
def _pack_camera_adjoint(
    parameters: Rows,
    camera_adjoint: Rows,
    parameters_adjoint: Rows,
    aspect: float,
    kind: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(camera_adjoint.shape[0]):
        eye, target = get3(parameters, i, EYE), get3(parameters, i, TARGET)
        up, omega = get3(parameters, i, UP), get3(parameters, i, POSE)
        base = look_at(eye, target, up)
        g_frame = ti.Matrix.cols([get3(camera_adjoint, i, U), get3(camera_adjoint, i, V), get3(camera_adjoint, i, W)])
        g_origin = get3(camera_adjoint, i, E)
        g_base = g_frame @ rotation(omega).transpose() + g_origin.outer_product(get3(parameters, i, POSE + 3))
        g_backward, g_up = look_at_adjoint(eye - target, up, base, g_base)
        add_row3(parameters_adjoint, i, EYE, g_origin + g_backward)
        add_row3(parameters_adjoint, i, TARGET, -g_backward)
        add_row3(parameters_adjoint, i, UP, g_up)
        add_row3(parameters_adjoint, i, POSE, rotation_adjoint(omega, base.transpose() @ g_frame))
        add_row3(parameters_adjoint, i, POSE + 3, base.transpose() @ g_origin)
        lens, g_x, g_y = parameters[i, LENS], camera_adjoint[i, F], camera_adjoint[i, F + 1]
        if ti.static(kind == PERSPECTIVE):
            parameters_adjoint[i, LENS] -= 0.5 * aspect * (g_x + g_y) / ti.sin(0.5 * lens) ** 2
        elif ti.static(kind == PINHOLE):
            parameters_adjoint[i, LENS] += aspect * g_x
            parameters_adjoint[i, LENS + 1] += aspect * g_y
        else:
            parameters_adjoint[i, LENS] -= aspect * (g_x + g_y) / lens**2
        parameters_adjoint[i, PRINCIPAL] += aspect * camera_adjoint[i, P]
        parameters_adjoint[i, PRINCIPAL + 1] += aspect * camera_adjoint[i, P + 1]


def pack_camera(parameters, camera, kind, width, height):
    """Writes the packed cameras (V, 16) of an image of ``width`` x ``height`` pixels.

    A row of ``parameters`` (V, 19) is eye(3) target(3) up(3) pose(6: omega, t) lens(2) principal(2: right, up); only
    ``PINHOLE`` uses both numbers of the lens.  A lens out of its range gives NaN, so that whoever looks for coordinates
    that are not finite finds it as well; ``scene.camera`` says what is wrong.
    """
    _pack_camera(parameters, camera, height / min(width, height), kind, on_cpu())


def pack_camera_adjoint(parameters, camera_adjoint, parameters_adjoint, kind, width, height):
    """Adds to ``parameters_adjoint`` (V, 19) what ``camera_adjoint`` (V, 16) implies."""
    aspect = height / min(width, height)
    _pack_camera_adjoint(parameters, camera_adjoint, parameters_adjoint, aspect, kind, on_cpu())


@ti.func
def _lens_is_usable(lens, kind: ti.template()):
    usable = lens[0] > 0
    if ti.static(kind == PERSPECTIVE):
        usable = usable and lens[0] < ti.math.pi
    elif ti.static(kind == PINHOLE):
        usable = usable and lens[1] > 0
    return usable


@ti.func
def look_at(eye, target, up):
    """The frame [u v w] (columns) of a camera at ``eye`` that looks at ``target``."""
    w = (eye - target).normalized()
    u = up.cross(w).normalized()
    return ti.Matrix.cols([u, w.cross(u), w])


@ti.func
def look_at_adjoint(backward, up, frame, frame_adjoint):
    """Adjoints of ``backward`` = eye - target and of ``up``, given the frame of ``look_at`` and its adjoint (3 x 3)."""
    u = ti.Vector([frame[0, 0], frame[1, 0], frame[2, 0]])
    w = ti.Vector([frame[0, 2], frame[1, 2], frame[2, 2]])
    g_u = ti.Vector([frame_adjoint[0, 0], frame_adjoint[1, 0], frame_adjoint[2, 0]])
    g_v = ti.Vector([frame_adjoint[0, 1], frame_adjoint[1, 1], frame_adjoint[2, 1]])
    g_w = ti.Vector([frame_adjoint[0, 2], frame_adjoint[1, 2], frame_adjoint[2, 2]])
    g_u += g_v.cross(w)  # v = w x u
    g_w += u.cross(g_v)
    g_side = (g_u - u * u.dot(g_u)) / up.cross(w).norm()  # u = side/|side|, side = up x w
    g_w += g_side.cross(up)
    return (g_w - w * w.dot(g_w)) / backward.norm(), w.cross(g_side)


@ti.func
def rotation(omega):
    """exp([omega]x): the rotation by |omega| radians about omega (Rodrigues)."""
    s = omega.dot(omega)
    a, b, _, _ = _coefficients(s)
    return (1 - b * s) * ti.Matrix.identity(float, 3) + a * _cross_matrix(omega) + b * omega.outer_product(omega)


@ti.func
def rotation_adjoint(omega, g):
    """Adjoint of omega, given the adjoint ``g`` (3 x 3) of ``rotation(omega)``; exact at omega = 0 too."""
    s = omega.dot(omega)
    a, b, da, db = _coefficients(s)
    trace = g[0, 0] + g[1, 1] + g[2, 2]
    axial = ti.Vector([g[2, 1] - g[1, 2], g[0, 2] - g[2, 0], g[1, 0] - g[0, 1]])
    symmetric = g @ omega + g.transpose() @ omega
    g_a = axial.dot(omega)
    g_b = 0.5 * symmetric.dot(omega) - s * trace
    return a * axial + b * (symmetric - 2 * trace * omega) + 2 * (g_a * da + g_b * db) * omega


@ti.func
def _coefficients(s):
    """a = sin(theta)/theta, b = (1 - cos(theta))/theta^2 and their derivatives by s = theta^2."""
    a, b, da, db = s * 0.0, s * 0.0, s * 0.0, s * 0.0
    if s < 1:
        a, b, da, db = _series(s, _A), _series(s, _B), _series(s, _DA), _series(s, _DB)
    else:
        theta = ti.sqrt(s)
        a = ti.sin(theta) / theta
        b = (1 - ti.cos(theta)) / s
        da = (ti.cos(theta) - a) / (2 * s)
        db = (a - 2 * b) / (2 * s)
    return a, b, da, db


@ti.func
def _series(s, coefficients: ti.template()):
    total = 0.0
    for coefficient in ti.static(coefficients):
        total = total * s + coefficient
    return total


@ti.func
def _cross_matrix(x):
    return ti.Matrix([[0.0, -x[2], x[1]], [x[2], 0.0, -x[0]], [-x[1], x[0], 0.0]])
