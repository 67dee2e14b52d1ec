"""What ``taichi-dr reconstruct --light`` is good for: colours without light, judged in another light.

    python benchmarks/inverse_light.py OUT [MESH ...]

makes, of every mesh (car and airplane by default), images in the sun, by the rasterizer and by rays with shadows,
reconstructs each without and with ``--light`` (600 steps), and prints a line for each: PSNR of held-out images in the
light they were taken in, in light from another side, and of the colours alone; and how far off the light is.  In other
light the reconstruction's colours are scaled by one factor for each channel, which nothing tells, and the shapes are
lit by the rasterizer.
"""

import json
import sys
from pathlib import Path

import numpy as np

import taichi_dr as dr
from taichi_dr.io.meshes import load_mesh
from taichi_dr.io.posed.load import load_posed_images
from taichi_dr.jobs.dataset import make_dataset
from taichi_dr.jobs.pictures.lighting import SUN
from taichi_dr.jobs.pictures.named_mesh import named_mesh
from taichi_dr.jobs.reconstruct.run import reconstruct
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.jobs.report.metrics import compare
from taichi_dr.jobs.settings.dataset import DatasetSettings
from taichi_dr.jobs.settings.mesh import MeshSettings
from taichi_dr.jobs.settings.rays import RaySettings

OTHER = {"ambient": 0.25, "directional": [dr.DirectionalLight((-0.8, 0.3, -0.5), 0.75)]}
TRUE_RATIO = 3.0


def main(out, names):
    """Measures everything and prints the table."""
    for name in names:
        mesh, _, texture = name.partition(",")
        for kind in ("rasterizer", "rays"):
            data = out / f"{Path(mesh).stem}-{kind}"
            texture = Path(texture) if texture else None
            rays = RaySettings(raytrace=kind == "rays")
            options = {"views": 24, "test_views": 8, "size": 192, "lighting": "sun", "texture": texture, "rays": rays}
            make_dataset(DatasetSettings(mesh, data, overwrite=True, backend="cpu", **options))
            for light in (False, True):
                run = reconstruct(
                    MeshSettings(data, Path(f"{data}-{light}"), light=light, overwrite=True, backend="cpu")
                )
                print(line(mesh, kind, texture, data, run, light), flush=True)


def line(name, kind, texture, data, run, light):
    """A row of the table."""
    camera = unit_camera(load_posed_images(data, "test"))  # the object has radius 1 about the origin as it is
    true, found = named_mesh(name, texture), load_mesh(run.folder / "mesh.ply")
    other, own = (psnr(true, found, camera, lights) for lights in (dr.Lights(**OTHER), None))
    row = f"| {Path(name).stem}, {kind} | {'yes' if light else 'no'} | {run.metrics['held_out']['psnr']:.2f} |"
    row += f" {other:.2f} | {own:.2f} |"
    if not light:
        return row + " | |"
    told = json.loads((run.folder / "light.json").read_text())
    direction, color = (np.array(told["directional"][0][key]) for key in ("direction", "color"))
    angle = np.degrees(np.arccos(direction @ SUN / np.linalg.norm(SUN)))
    return row + f" {angle:.1f} | {np.mean(color / told['ambient']):.2f} ({TRUE_RATIO:g}) |"


def psnr(true, found, camera, lights):
    """Of pictures of both, with one factor for each channel of the colours found."""
    target, prediction = (dr.supersampled(mesh, camera, 192, lights) for mesh in (true, found))
    both = (target[..., 3] > 0.99) & (prediction[..., 3] > 0.99)
    a, b = prediction[both][:, :3], target[both][:, :3]
    prediction[..., :3] *= (a * b).sum(axis=0) / (a * a).sum(axis=0)
    return compare(prediction, target)["psnr"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["car", "airplane"])
