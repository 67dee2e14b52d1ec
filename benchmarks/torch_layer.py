"""What ``taichi_dr.torch`` costs over the calls of Taichi that it makes: forward, backward, and both.

    python benchmarks/torch_layer.py              # in turns, medians
    python benchmarks/torch_layer.py --peers      # PyTorch3D's rasterizer too, if it is installed

A ball of 1,280 faces; gradients of colour and alpha to vertices and colours.  Taichi's calls are ``render`` and
``backward`` with outputs as ``Variable``s, which is the cheapest way without tensors.  (The file is not called
torch.py: its folder comes first where Python looks for modules.)
"""

import argparse
import importlib.util
import time

import numpy as np
import torch

import taichi_dr as dr

CASES = (
    ("Rasterizer", 1, 64, {"antialias": True}),
    ("Rasterizer", 4, 128, {"antialias": True}),
    ("Rasterizer", 4, 256, {"antialias": True}),
    ("SoftRasterizer", 1, 64, {}),
    ("SoftRasterizer", 4, 128, {}),
)
ROUNDS = 60


def main():
    """Prints a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="cpu", choices=("cpu", "cuda", "vulkan"))
    parser.add_argument("--peers", action="store_true", help="PyTorch3D as well, where it is installed")
    options = parser.parse_args()
    print(
        f"{dr.init(options.backend)}, torch {torch.__version__}, medians of {ROUNDS} in ms: Taichi, torch, difference"
    )
    for name, views, size, settings in CASES:
        ours, theirs = calls(name, views, size, settings), through_torch(name, views, size, settings)
        lines = [f"{part} {times[0]:6.2f} {times[1]:6.2f} {times[1] - times[0]:+6.2f}"
                 for part, times in medians(ours, theirs).items()]  # fmt: skip
        print(f"{name:<16}{views} x {size}²   " + "   ".join(lines), flush=True)
    if options.peers:
        if importlib.util.find_spec("pytorch3d"):
            print(f"PyTorch3D       1 x 64²    both {peer(64):6.2f}")
        else:
            print("PyTorch3D is not installed")


def medians(*pairs):
    """Median ms of forward, backward and both, a number for each of ``(forward, backward)``, measured in turns."""
    times = {part: [[] for _ in pairs] for part in ("forward", "backward", "both")}
    for _ in range(ROUNDS + 5):
        for i, (forward, backward) in enumerate(pairs):
            began = time.perf_counter()
            forward()
            between = time.perf_counter()
            backward()
            ended = time.perf_counter()
            for part, took in zip(times, (between - began, ended - between, ended - began), strict=True):
                times[part][i].append(1e3 * took)
    return {part: [np.median(each[5:]) for each in taken] for part, taken in times.items()}


def scene(views):
    return dr.shapes.icosphere(3), dr.Camera.orbit(np.arange(views) * 80.0, elevation_deg=15)


def weights(shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def calls(name, views, size, settings):
    """Forward and backward by Taichi's own calls."""
    mesh, camera = scene(views)
    renderer = getattr(dr, name)(size, **settings)
    frame = renderer.render(mesh, camera)
    for output in ("color", "alpha"):
        gradient = frame.variable(output).gradient
        gradient.from_numpy(weights(gradient.shape))
    return lambda: renderer.render(mesh, camera), renderer.backward


def through_torch(name, views, size, settings):
    """The same by tensors."""
    mesh, camera = scene(views)
    vertices, colors = (torch.from_numpy(mesh.numpy(part)).requires_grad_() for part in ("vertices", "colors"))
    faces, module = torch.from_numpy(mesh.numpy("faces")), getattr(dr.torch, name)(size, **settings)
    shapes = (views * size * size, 3), (views * size * size, 1)
    seeds = [torch.from_numpy(weights(shape)).view(views, size, size, -1).squeeze(-1) for shape in shapes]
    images = None

    def forward():
        nonlocal images
        images = module(vertices, faces, colors, camera)

    return forward, lambda: torch.autograd.grad([*images], [vertices, colors], seeds)


def peer(size):
    """Median ms of PyTorch3D's soft silhouettes of the same ball, forward and backward."""
    from pytorch3d.renderer import (
        FoVPerspectiveCameras,
        MeshRasterizer,
        MeshRenderer,
        RasterizationSettings,
        SoftSilhouetteShader,
        look_at_view_transform,
    )
    from pytorch3d.structures import Meshes

    mesh, _ = scene(1)
    vertices = torch.from_numpy(mesh.numpy("vertices")[0]).requires_grad_()
    faces = torch.from_numpy(mesh.numpy("faces"))
    rotation, translation = look_at_view_transform(2.7, 15, 0)
    settings = RasterizationSettings(image_size=size, blur_radius=np.log(1 / 1e-4 - 1) * 1e-4, faces_per_pixel=50)
    cameras = FoVPerspectiveCameras(R=rotation, T=translation)
    renderer = MeshRenderer(MeshRasterizer(cameras, settings), SoftSilhouetteShader())
    images = None

    def forward():
        nonlocal images
        images = renderer(Meshes(vertices[None], faces[None]))

    return medians((forward, lambda: images[..., 3].sum().backward()))["both"][0]


if __name__ == "__main__":
    main()
