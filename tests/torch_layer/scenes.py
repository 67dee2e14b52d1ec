"""What tests of ``taichi_dr.torch`` render: a tilted tetrahedron in two views, every number of it a leaf."""

import numpy as np
import torch

import taichi_dr as dr
from taichi_dr.torch.tensors import run_dtype

FACES = torch.tensor([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
CORNERS = [[0.7, 0.55, 0.6], [-0.75, -0.5, 0.63], [-0.6, 0.7, -0.58], [0.66, -0.6, -0.7]]


def leaf(values):
    """A tensor of the run's type whose gradient is asked for."""
    return torch.tensor(np.asarray(values), dtype=run_dtype(), requires_grad=True)


def uniform(seed, *shape):
    """Random numbers in [0.2, 0.9]."""
    return np.random.default_rng(seed).uniform(0.2, 0.9, shape)


def tensors():
    """Every differentiable input, by name."""
    return {
        "vertices": leaf(CORNERS),
        "colors": leaf(uniform(1, 4, 3)),
        "face_colors": leaf(uniform(2, 4, 3)),
        "uv": leaf([[0.3, 0.4], [0.4, 0.42], [0.33, 0.5]]),  # between four texels: magnified, without a kink
        "texture": leaf(uniform(3, 2, 3, 3)),
        "eye": leaf([[0.31, 0.42, 2.6], [2.3, -0.53, 1.1]]),
        "target": leaf([0.02, -0.03, 0.01]),
        "up": leaf([0.1, 1.0, 0.05]),
        "fov_y": leaf(0.9),
        "focal": leaf([2.1, 2.2]),
        "half_height": leaf([1.1, 1.2]),
        "principal": leaf([0.03, -0.04]),
        "pose": leaf([[0.01, 0.02, -0.03, 0.02, 0.01, 0.03]]),
        "ambient": leaf([0.2, 0.3, 0.25]),
        "direction": leaf([0.3, 0.5, 1.0]),
        "direction_color": leaf(0.6),
        "position": leaf([[2.0, 1.5, 1.0]]),
        "position_color": leaf([0.4, 0.5, 0.3]),
        "spot_position": leaf([0.4, 0.5, 2.5]),
        "spot_direction": leaf([-0.1, -0.2, -1.0]),
        "spot_color": leaf(0.5),
        "inner_deg": leaf(9.0),
        "outer_deg": leaf([33.0]),
    }


LIGHTS = ("ambient", "direction", "direction_color", "position", "position_color")
SPOTS = ("spot_position", "spot_direction", "spot_color", "inner_deg", "outer_deg")
LOOKS = {
    "colors": ("vertices", "colors"),
    "face_colors": ("vertices", "face_colors"),
    "texture": ("vertices", "uv", "texture"),
    "lit": ("vertices", "colors", *LIGHTS),
    "spot": SPOTS,
    "focal": ("vertices", "focal"),
    "parallel": ("vertices", "half_height"),
    "camera": ("eye", "target", "up", "fov_y", "principal", "pose"),
}
"""Ways to look at the tetrahedron, and the inputs that matter in each."""


def render(module, look, inputs, **others):
    """The images of a look; ``inputs`` are all that it needs by name, the rest are the scene's."""
    known = {**tensors(), **inputs}
    lens = {"focal": "focal", "parallel": "half_height"}.get(look, "fov_y")
    names = ("eye", "target", "up", lens, "principal", "pose")
    camera = dr.torch.Camera(**{name: known[name] for name in names}, near=0.3, far=9.0)
    shining = {"lit": LIGHTS, "spot": (*LIGHTS, *SPOTS)}.get(look)
    lights = dr.torch.Lights(**{name: known[name] for name in shining}) if shining else None
    surface = {"colors": known["colors"]}
    if look == "face_colors":
        surface = {"colors": None, "face_colors": known["face_colors"]}
    if look == "texture":
        uv_faces = torch.tensor([[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]])
        surface = {"colors": None, "uv": known["uv"], "uv_faces": uv_faces, "texture": known["texture"]}
    return module(known["vertices"], FACES, camera=camera, lights=lights, **surface, **others)
