"""The network of NeRF in NumPy, as its authors' figure has it, and the program of a trained one (krrish94)."""

import numpy as np
from oracles.networks import activate, positional


def values(settings, trunk, color, points, directions):
    """Density and colour (P, 4), of (matrix, biases) of all layers."""
    encoded = positional(points, settings["position_frequencies"])
    h = np.zeros((len(points), 0))
    for k, (matrix, biases) in enumerate(trunk[:-1]):
        if k == 0 or k in settings["skips"]:
            h = np.concatenate([h, encoded], axis=1)
        h = activate(h @ matrix + biases, settings["activations"][k])
    out = h @ trunk[-1][0] + trunk[-1][1]
    density, rest = out[:, :1], out[:, 1:]
    if color:
        rest = activate(rest, settings["feature_activation"])
        rest = np.concatenate([rest, positional(directions, settings["direction_frequencies"])], axis=1)
        for matrix, biases in color[:-1]:
            rest = activate(rest @ matrix + biases, "relu")
        rest = rest @ color[-1][0] + color[-1][1]
    return np.concatenate([activate(density, "relu"), activate(rest, "sigmoid")], axis=1)


def flexible_values(arrays, points, directions):
    """Density and colour (P, 4) of krrish94's FlexibleNeRFModel, line by line, of its layers by name."""

    def layer(x, name):
        return x @ arrays[f"{name}.weight"].T.astype(np.float64) + arrays[f"{name}.bias"]

    xyz, view = positional(points, 10), positional(directions, 4)
    x = layer(xyz, "layer1")
    for i in range(3):
        x = np.maximum(layer(x, f"layers_xyz.{i}"), 0)
    feat, alpha = np.maximum(layer(x, "fc_feat"), 0), layer(x, "fc_alpha")
    x = np.maximum(layer(np.concatenate([feat, view], axis=-1), "layers_dir.0"), 0)
    return np.concatenate([np.maximum(alpha, 0), activate(layer(x, "fc_rgb"), "sigmoid")], axis=-1)
