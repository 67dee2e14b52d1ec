"""The rays of one bounce, as arrays."""

import taichi as ti

from taichi_dr.kernels.rays.surface import BACK, SEEN, SEEN_ADJOINT

KEPT = {
    "origins": 3,
    "directions": 3,
    "ends": 2,
    "hits": 3,
    "seen": SEEN,
    "local": 3,
    "behind": 3,
    "radiance": 3,
    "weight": 1,
}
"""Columns of what the way there leaves for the way back."""

ADJOINTS = {
    "origins_adjoint": 3,
    "directions_adjoint": 3,
    "seen_adjoint": SEEN_ADJOINT,
    "local_adjoint": 3,
    "behind_adjoint": 3,
    "radiance_adjoint": 3,
    "weight_adjoint": 1,
    "back": BACK,
}
"""... of what the way back of a batch leaves to none."""

INTEGERS = ("what", "path", "parent", "keep")


class Level:
    """``count`` rays of bounce ``number``: one attribute for each array of the three above, (R, columns) or (R,).

    ``slot``: batches of rays in different slots keep theirs side by side.
    """

    def __init__(self, buffers, number, count, slot):
        self._buffers, self.number, self.count, self.slot = buffers, number, count, slot

    def __getattr__(self, name):
        if name in ADJOINTS:
            array = self._buffers.at_least(f"{name}_{self.number}", self.count, columns=(ADJOINTS[name],))
        elif name in KEPT:
            array = self._buffers.at_least(self.named(name), self.count, columns=(KEPT[name],))
        elif name in INTEGERS:
            array = self._buffers.at_least(self.named(name), self.count, ti.i32)
        else:
            raise AttributeError(name)
        self.__dict__[name] = array
        return array

    def named(self, name):
        """What the buffer of this level's array of that name is called."""
        return f"{name}_{self.number}_{self.slot}"

    def zero_adjoints(self):
        """Clears what several stages add to."""
        for name in ("origins_adjoint", "directions_adjoint", "seen_adjoint", "back"):
            getattr(self, name).fill(0)
