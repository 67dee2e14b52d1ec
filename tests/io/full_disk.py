"""What ``test_full_disk`` runs in a process of its own: every writer in a folder that holds files of a kilobyte."""

import resource
import sys
from pathlib import Path

import numpy as np

import taichi_dr as dr
from taichi_dr.io.files import write_json
from taichi_dr.io.images import save_animation
from taichi_dr.jobs.reconstruct import checkpoint

LIMIT = 1024  # bytes of a file


def writers():
    """``write(path)`` by the name of a file."""
    noise = np.random.default_rng(0).uniform(size=(40, 40, 3))
    mesh = dr.shapes.sphere(200, texture=noise)
    meshes = {f"a.{kind}": lambda path: dr.save_mesh(mesh, path) for kind in ("obj", "ply", "off", "stl", "glb")}
    pictures = {f"b.{kind}": lambda path: dr.save_image(path, noise) for kind in ("png", "jpg", "exr", "bmp", "tif")}
    grid = dr.VoxelGrid(noise.reshape(20, 20, 12), ((0, 0, 0), (1, 1, 1)))
    nerf = dr.radiance.NeRF(2, None, (16,), skips=())
    return {
        **meshes,
        **pictures,
        "grid.npz": grid.save,
        "nerf.npz": nerf.save,
        "state.npz": lambda path: checkpoint.save_state(path, {}, {"a": noise}),
        "a.json": lambda path: write_json(path, noise.tolist()),
        "c.gif": lambda path: save_animation(path, [noise, 1 - noise]),
    }


def main(folder):
    """Prints a line for each writer: its file, and what was raised."""
    dr.init("cpu")
    made = writers()
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    for name, write in made.items():
        try:
            write(folder / name)
        except dr.FileError as error:
            print(error)
        else:
            print(name, "written")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
