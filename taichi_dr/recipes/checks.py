"""What every recipe asks of its arguments."""

from numbers import Real

from taichi_dr.errors import InputError
from taichi_dr.scene.mesh import Mesh


def require_single(mesh: Mesh) -> None:
    """Raises InputError unless there is one mesh, not a batch of them."""
    if mesh.batch != 1:
        raise InputError(f"mesh: expected a single one, got a batch of {mesh.batch}; fit them one by one")


def require_counts(**numbers: int) -> None:
    """Raises InputError, with the name, for a number that is not whole and positive."""
    for name, number in numbers.items():
        if not (isinstance(number, Real) and number >= 1 and number == int(number)):
            raise InputError(f"{name}: expected a positive whole number, got {number!r}")
