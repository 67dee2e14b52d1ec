"""What a picture asks of what is seen of rays: squared differences of colours."""

import taichi as ti

from taichi_dr.kernels.base.types import Numbers, Rows


@ti.kernel
def color_error_adjoint(
    seen: Rows,
    targets: Rows,
    rays: ti.i32,
    behind: float,
    errors: Numbers,
    first: ti.i32,
    seed: float,
    seen_adjoint: Rows,
):
    """Writes ``errors`` from ``first`` on, ``sum_c (C_c + (1 - opacity) behind - target_c)^2``, and their adjoints.

    ``seen``, ``seen_adjoint`` (R, 5): as ``composite`` has them, that of ``seed`` times the sum of all errors;
    ``targets`` (R, 3): display colours over the grey ``behind``.
    """
    for r in range(rays):
        total, opacity = 0.0, 0.0
        for c in ti.static(range(3)):
            e = seen[r, c] + (1.0 - seen[r, 3]) * behind - targets[r, c]
            total += e * e
            seen_adjoint[r, c] = 2.0 * seed * e
            opacity -= 2.0 * seed * e * behind
        errors[first + r] = total
        seen_adjoint[r, 3], seen_adjoint[r, 4] = opacity, 0.0
