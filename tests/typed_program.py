"""A user's program as a type checker sees it: mypy checks every claim in it (``make test``), and nothing runs it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import taichi as ti

import taichi_dr as dr
from taichi_dr.types import Array, Field

if TYPE_CHECKING:
    from typing_extensions import assert_type


def fit(images: Array, loss: Field) -> None:
    """Six views of a car, a mesh that is fitted to them, and what editors should know of every name."""
    camera = dr.Camera.orbit(azimuth_deg=[0, 60], elevation_deg=20, distance=2.7)
    assert_type(camera, dr.Camera)
    assert_type(camera.eye, Field)
    assert_type(camera[0].frames(), tuple[Array, Array, Array, Array])
    renderer = dr.SoftRasterizer((64, 96), sigma=1e-4, alpha="product")
    assert_type(renderer.size, tuple[int, int])
    mesh = dr.shapes.icosphere(3, radius=0.7, colors=(0.5, 0.4, 0.3))
    assert_type(mesh, dr.Mesh)
    assert_type(mesh.vertices, Field)
    assert_type(mesh.topology.edges, Array)
    assert_type(mesh.subdivide().gradient("colors"), Array)
    lights = dr.Lights(ambient=0.3, directional=dr.DirectionalLight((0, 1, 1)))
    assert_type(lights.color.to_numpy(), Array)
    smooth = dr.LargeSteps(mesh)
    optimizer = dr.UniformAdam([smooth.coordinates], lr=0.03, schedule=dr.schedules.cosine(100), clip_norm=1.0)
    with ti.ad.Tape(loss):
        smooth.apply()
        frame = renderer.render(mesh, camera, lights)
        assert_type(frame, dr.Frame)
        assert_type(frame.alpha, Field)
        dr.losses.iou(frame.alpha, images[..., 3], loss, kind="tanimoto")
        dr.losses.l1(frame.variable("color"), images[..., :3], loss, weight=0.5)
        dr.losses.laplacian(mesh, loss)
    draw, image = dr.Primitives(64), ti.Vector.field(3, float, (2, 64, 64), needs_grad=True)
    assert_type(draw.rasterize(mesh, camera).normal, Field)
    draw.interpolate(mesh.colors, image, mesh.numpy("faces"))
    guess = dr.fit_pose(mesh, images[0], camera[0], lights, on_step=lambda fit: print(fit.losses[-1]))
    assert_type(guess.camera, dr.Camera)
    assert_type(dr.fit_colors(mesh, images, camera, lights, steps=10).seen, Array)
    assert_type(dr.fit_shape(mesh, images[..., 3], camera).mesh, dr.Mesh)
    assert_type(optimizer.step(), bool)
    assert_type(frame.numpy("depth"), Array)
    assert_type(frame.color.grad, Field | Any)
    dr.save_image(Path("a.png"), frame.numpy()[0])
    dr.save_mesh(dr.load_mesh("car.obj", normalize=True), "car.glb")
    assert_type(dr.load_posed_images("car").subset([0, 1]), dr.PosedImages)


def mistakes(mesh: dr.Mesh, camera: dr.Camera, loss: Field) -> None:
    """Each line is refused; mypy warns of a comment that ignores nothing."""
    dr.Rasterizer("large")  # type: ignore[arg-type]
    dr.Rasterizer(64).render(camera, mesh)  # type: ignore[arg-type]
    dr.SoftRasterizer(64, alpha="softmax")  # type: ignore[arg-type]
    dr.SoftRasterizer(64).sigmma = 1e-3  # type: ignore[attr-defined]
    dr.Rasterizer(64).antialias = True  # type: ignore[misc]
    dr.shapes.car(colour=(1, 0, 0))  # type: ignore[call-arg]
    dr.losses.iou(mesh, np.zeros(1), loss)  # type: ignore[arg-type]
    dr.Adam([mesh], lr=0.1)  # type: ignore[list-item]
    dr.init("metal")  # type: ignore[arg-type]
    mesh.vertices = np.zeros((1, 4, 3))  # type: ignore[misc, assignment]
