"""The inside of a bowl, which no silhouette shows, by ``taichi-dr reconstruct --as sdf``: its errors and the time.

Errors are along the axis' direction, in diameters of the bowl, over its inside up to 0.7 of the radius.

    python benchmarks/bowl.py OUT [-- --no-carve]
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

import taichi_dr as dr
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.io.meshes import save_mesh

INNER = 0.85
"""Radius of the hollow; that of the bowl is 1."""


def bowl(segments=96):
    """A thick half sphere that is open upwards, its rim round: vertices and faces of a profile that is turned."""
    angle = np.linspace(-np.pi / 2, 0, 40)
    arc, rim = np.stack([np.cos(angle), np.sin(angle)], axis=1), np.linspace(0, np.pi, 8)[1:-1]
    width = (1 - INNER) / 2
    edge = np.stack([1 - width + width * np.cos(rim), width * np.sin(rim)], axis=1)
    profile = np.concatenate([arc, edge, INNER * arc[::-1]])
    turn = 2 * np.pi * np.arange(segments) / segments
    x, y = profile[:, :1], np.repeat(profile[:, 1:], segments, axis=1)
    vertices = np.stack([x * np.cos(turn), y, x * np.sin(turn)], axis=-1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(len(profile) - 1), np.arange(segments), indexing="ij")
    p, q = i * segments + j, i * segments + (j + 1) % segments
    faces = np.concatenate([np.stack([p, p + segments, q], -1), np.stack([q, p + segments, q + segments], -1)])
    return vertices, faces.reshape(-1, 3)


def waves(points):
    """Colours that vary over the size of a fifth of the bowl."""
    random = np.random.default_rng(3)
    first, second = np.sin(points @ random.normal(size=(3, 3)) * 5), np.sin(points @ random.normal(size=(3, 3)) * 7)
    return 0.55 + 0.4 * first * second


def errors(solid, center, radius):
    """How far the inside is from where it should be; the solid is of the bowl centred and scaled to radius 1."""
    x, z = np.meshgrid(np.linspace(-0.7, 0.7, 29), np.linspace(-0.7, 0.7, 29))
    x, z = (numbers[np.hypot(x, z) < 0.7] for numbers in (x, z))
    height = np.linspace(0.2, -1.05, 1001)
    points = np.stack(np.broadcast_arrays(x[:, None], height, z[:, None]), axis=-1)
    place = ((points - center) / radius - solid.lower) / solid.spacing
    values = map_coordinates(solid.distances, place.reshape(-1, 3).T, order=1).reshape(points.shape[:2])
    found = height[np.argmax(values < 0, axis=1)]
    return np.abs(found + np.sqrt(INNER**2 - x**2 - z**2)) / 2


def command(*words):
    """Runs ``taichi-dr``."""
    subprocess.run([sys.executable, "-m", "taichi_dr", *map(str, words), "--backend", "cpu"], check=True, stdout=-3)


def main():
    """Makes the images if they are not there, reconstructs, and prints the errors."""
    out, options = Path(sys.argv[1]), sys.argv[3:]
    vertices, faces = bowl()
    dr.init("cpu")
    if not (out / "data").exists():
        out.mkdir(parents=True, exist_ok=True)
        save_mesh(dr.Mesh(vertices, faces, colors=waves(vertices)), out / "bowl.ply")
        command("dataset", out / "bowl.ply", out / "data", "--lighting", "none")
    began = time.perf_counter()
    command("reconstruct", out / "data", out / "result", "--as", "sdf", "--overwrite", *options)
    seconds = time.perf_counter() - began
    center = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    off = errors(
        ColoredSolid.load(out / "result" / "scene.npz"), center, np.linalg.norm(vertices - center, axis=1).max()
    )
    psnr = json.loads((out / "result" / "metrics.json").read_text())["held_out"]["psnr"]
    print(
        f"off by {off.mean():.4f}, 90 % {np.quantile(off, 0.9):.4f}, most {off.max():.4f}",
        f"{psnr:.1f} dB, {seconds:.0f} s",
    )


if __name__ == "__main__":
    main()
