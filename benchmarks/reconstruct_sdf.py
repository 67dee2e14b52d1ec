"""What ``taichi-dr reconstruct --as sdf`` reaches, and the visual hull that it starts from: IoU, genus, chamfer, time.

IoU is that of pixels covered by half at least, in 12 held-out images of 256 x 256 pixels: the soft IoU of
``metrics.json``, beside it, counts every pixel that an edge crosses against both, and is less than 1 of the object
itself, as the last column says.  Chamfer is in radii of the object; half a cell of a cube of 128^3 around it is 0.0087.
Times are those of the hull alone (and CPU time), and of the whole command (and what of it was compiling).

    python benchmarks/reconstruct_sdf.py OUT torus spot.obj bunny.obj [-- --init ball]
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import taichi_dr as dr
from taichi_dr.implicit.sdf.colored import ColoredSolid
from taichi_dr.implicit.sdf.hull import visual_hull
from taichi_dr.jobs.pictures.named_mesh import named_mesh
from taichi_dr.jobs.reconstruct.scene_fit import fit_scene
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.measure.connectivity import connectivity

NODES, HALF = 96, 1.1
ROW = "{:<16} {:<5} {:>7} {:>7} {:>6} {:>6} {:>8} {:>7} {:>8} {:>8}"


def command(*words):
    """Runs ``taichi-dr``; the seconds it took."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "taichi_dr", *map(str, words), "--backend", "cpu"], check=True, stdout=-3)
    return time.perf_counter() - began


def measured(mesh, fit, held_out, truth):
    """IoU, soft IoU, parts, genus and chamfer of a mesh of the unit scene."""
    size = held_out.height, held_out.width
    alpha = dr.supersampled(mesh, unit_camera(fit.to_unit(held_out)), size, samples=3)[..., 3]
    found, wanted = alpha > 0.5, held_out.alpha > 0.5
    covered = ((found & wanted).sum((1, 2)) / (found | wanted).sum((1, 2))).mean()
    world = dr.Mesh(fit.to_world(mesh.numpy("vertices")[0]), mesh.topology.faces)
    shape, chamfer = connectivity(world), dr.compare_meshes(world, truth).chamfer if truth else np.nan
    return f"{covered:.4f}", f"{soft_iou(alpha, held_out.alpha):.4f}", shape.parts, shape.genus, f"{chamfer:.4f}"


def soft_iou(a, b):
    """The mean over views of ``sum a b / sum (a + b - a b)``."""
    return float(((a * b).sum((1, 2)) / (a + b - a * b).sum((1, 2))).mean())


def row(name, out, options):
    """Prints the rows of one object: hull and result."""
    data, result = out / "data" / Path(name).stem, out / "result" / Path(name).stem
    truth = None
    if Path(name).is_dir():
        data = Path(name)
    elif not data.exists():
        command("dataset", name, data, "--test-views", 12)
    wall = command("reconstruct", data, result, "--as", "sdf", "--overwrite", *options)
    dr.init("cpu")
    if not Path(name).is_dir():
        truth = named_mesh(name)
    train, held_out = dr.load_posed_images(data), dr.load_posed_images(data, "test")
    fit = fit_scene(train)
    unit, spacing = fit.to_unit(train.resized(min(256, max(train.width, train.height)))), 2 * HALF / (NODES - 1)
    began, cpu = time.perf_counter(), time.process_time()
    distances = visual_hull(unit, (-HALF,) * 3, spacing, (NODES,) * 3)
    began, cpu = time.perf_counter() - began, time.process_time() - cpu
    hull = ColoredSolid(distances, np.ones((*distances.shape, 3)), np.full(3, -HALF), spacing).mesh()
    ceiling = f"{soft_iou(held_out.alpha, held_out.alpha):.4f}"
    print(
        ROW.format(data.name, "hull", *measured(hull, fit, held_out, truth), f"{began:.1f} s", f"{cpu:.1f} s", ceiling)
    )
    solid = ColoredSolid.load(result / "scene.npz").mesh()
    unit = dr.Mesh(fit.from_world(solid.numpy("vertices")[0]), solid.topology.faces)
    metrics = json.loads((result / "metrics.json").read_text())
    times = f"{wall:.0f} s", f"{metrics['seconds_compiling']:.0f} s"
    print(ROW.format("", "sdf", *measured(unit, fit, held_out, truth), *times, ceiling), flush=True)


def main():
    """The table of the objects that the command line names."""
    names, options = sys.argv[2:], []
    if "--" in names:
        names, options = names[: names.index("--")], names[names.index("--") + 1 :]
    titles = "object", "", "IoU", "soft", "parts", "genus", "chamfer", "time", "cpu/comp", "ceiling"
    print(ROW.format(*titles))
    for name in names:
        row(name, Path(sys.argv[1]), options)


if __name__ == "__main__":
    main()
