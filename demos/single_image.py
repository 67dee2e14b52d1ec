"""One picture of a thing that nobody has seen, and the coloured mesh that a network makes of it.

The network comes with the package: ``taichi-dr train-reconstructor`` has trained it on pictures of procedural shapes,
two views at a time and no shape itself (Liu et al., Soft Rasterizer, 2019).  These shapes are of the same kinds and of
another seed.  From the picture's own side the mesh can be held to the picture; from the other side it is a guess.

    python demos/single_image.py
"""

import numpy as np
from common import finish, over_paper, save_picture, sheet, start

import taichi_dr as dr

KINDS = "airplane", "boat", "car", "chair", "cupboard", "lamp", "sofa", "table"
SEED = 2026  # of shapes; the network has learnt from those of 0, and was judged by those of 1
AZIMUTH, FURTHER = 30, 135  # degrees: where the picture is taken, and how far round the other side is
CAMERA = {"elevation_deg": 30, "distance": 2.732, "fov_y_deg": 30}  # of all pictures that the network has learnt from
SIZE, TILE = 64, 128  # pixels of the network's picture, and of those that are shown


def main(arguments=None):
    options = start(__file__, __doc__, arguments=arguments)
    single_image = dr.torch.single_image
    network = single_image.load_network()
    lights = dr.Lights(0.5, dr.DirectionalLight((0.6, 1, 0.7), 0.6))
    truths = [dr.shapes.random_shape(kind, SEED) for kind in KINDS]
    sides = dr.Camera.orbit([AZIMUTH, AZIMUTH + FURTHER], **CAMERA)
    taken = np.stack([dr.supersampled(truth, sides.select([0]), SIZE, lights, samples=3)[0] for truth in truths])
    vertices, colors = single_image.predict(network, as_bytes(taken))
    rows, overlaps = [], {"same": [], "other": []}
    for k, truth in enumerate(truths):
        mesh = dr.Mesh(vertices[k], network.faces.numpy(), colors=dr.srgb_to_linear(colors[k]))
        made, true = dr.supersampled(mesh, sides, TILE), dr.supersampled(truth, sides, TILE, lights)
        for side, one, other in zip(overlaps, made, true, strict=True):
            overlaps[side].append(overlap(one[..., 3], other[..., 3]))
        given = over_paper(taken[k]).repeat(TILE // SIZE, axis=0).repeat(TILE // SIZE, axis=1)
        rows.append([given, *over_paper(made), over_paper(true[1])])
    halves = [rows[0::2], rows[1::2]]
    titles = ("the picture", "the mesh", "its other side", "the true one")
    paired = [[*left, *right] for left, right in zip(*halves, strict=True)]
    save_picture(options.out / "single_image.png", sheet(paired, titles * 2))
    means = {f"silhouettes_overlap_from_the_{side}_side": float(np.mean(found)) for side, found in overlaps.items()}
    return finish(options, **means)


def as_bytes(pictures):
    """Linear RGBA (..., 4) as sRGB bytes, as a PNG file holds them."""
    colors = dr.linear_to_srgb(np.clip(pictures[..., :3], 0, 1))
    return np.round(np.concatenate([colors, pictures[..., 3:]], axis=-1) * 255).astype(np.uint8)


def overlap(one, other):
    """Intersection over union of two silhouettes, of what they cover by half."""
    one, other = one > 0.5, other > 0.5
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


if __name__ == "__main__":
    main()
