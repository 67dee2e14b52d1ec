"""Gradients of renders by every differentiable input against central differences, by ``torch.autograd.gradcheck``."""

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from torch.autograd import gradcheck
from torch_layer.scenes import LOOKS, render, tensors

import taichi_dr as dr

MODULES = {
    "soft": lambda: dr.torch.SoftRasterizer((4, 5), sigma=3e-3, gamma=0.02, outputs=("color", "alpha", "depth")),
    "antialiased": lambda: dr.torch.Rasterizer((4, 5), antialias=True),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", MODULES)
def test_gradients_equal_central_differences(name, look, cpu64):
    module, names, known = MODULES[name](), LOOKS[look], tensors()

    def images(*values):
        return tuple(render(module, look, dict(zip(names, values, strict=True))))

    assert gradcheck(images, [known[name] for name in names], eps=1e-6, atol=1e-6, rtol=1e-4)


def test_outputs_between_which_nothing_is_blended(cpu64):
    module, known = dr.torch.Rasterizer((4, 5), outputs=("color", "depth", "normal", "barycentric")), tensors()
    names = ("vertices", "colors")

    def images(*values):
        return tuple(render(module, "colors", dict(zip(names, values, strict=True))))

    assert gradcheck(images, [known[name] for name in names], eps=1e-6, atol=1e-6, rtol=1e-4)
