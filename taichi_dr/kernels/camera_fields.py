"""The fields of a camera to rows of parameters and back, all in one launch (one compilation per camera, not six)."""

import taichi as ti

from taichi_dr.kernels.bridge import ADD, READ, WRITE, components
from taichi_dr.kernels.camera import EYE, LENS, POSE, PRINCIPAL, TARGET, UP
from taichi_dr.kernels.launch import on_cpu


def fields_to_parameters(fields, parameters):
    """Copies ``fields`` (eye, target, up, pose, lens, principal) of shape (V,) to the columns of (V, 19)."""
    _move_all(*fields, parameters, components(fields[4]), READ, on_cpu())


def parameters_to_fields(parameters, fields):
    """Copies the columns of (V, 19) to ``fields``."""
    _move_all(*fields, parameters, components(fields[4]), WRITE, on_cpu())


def add_parameters_to_fields(parameters, fields):
    """Adds the columns of (V, 19) to ``fields``: how adjoints reach gradients."""
    _move_all(*fields, parameters, components(fields[4]), ADD, on_cpu())


@ti.kernel
def _move_all(
    eye: ti.template(),
    target: ti.template(),
    up: ti.template(),
    pose: ti.template(),
    lens: ti.template(),
    principal: ti.template(),
    parameters: ti.types.ndarray(ndim=2),
    lens_components: ti.template(),
    mode: ti.template(),
    serial: ti.template(),
):
    ti.loop_config(serialize=serial)
    for i in range(parameters.shape[0]):
        for field, column, count in ti.static(
            ((eye, EYE, 3), (target, TARGET, 3), (up, UP, 3), (pose, POSE, 6), (principal, PRINCIPAL, 2))
        ):
            for k in ti.static(range(count)):
                _move(field[i][k], parameters[i, column + k], mode)
        if ti.static(lens_components == 0):
            _move(lens[i], parameters[i, LENS], mode)
        else:
            for k in ti.static(range(lens_components)):
                _move(lens[i][k], parameters[i, LENS + k], mode)


@ti.func
def _move(element: ti.template(), entry: ti.template(), mode: ti.template()):
    if ti.static(mode == READ):
        entry = element
    elif ti.static(mode == WRITE):
        element = entry
    else:
        element += entry
