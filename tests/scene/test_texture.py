"""Textures: what is refused."""

import numpy as np
import pytest

from taichi_dr.errors import InputError
from taichi_dr.scene.texture import Texture


@pytest.mark.parametrize("wrap", [None, 5, "clamp", ("clamp",), ("clamp", "tile"), (["clamp"], "clamp")])
def test_wrap_modes_that_are_none_are_refused(wrap):
    with pytest.raises(InputError, match="texture: expected wrap modes along u and v of repeat, clamp, mirror, got"):
        Texture(np.ones((2, 2, 3)), wrap)
