"""A loop that renders the same things makes nothing anew: so it runs for any number of steps in the same memory."""

import gc

import numpy as np
import pytest
import taichi as ti
from makings import arrays_made, kernel_instances
from taichi.lang import impl

import taichi_dr as dr

SIZE = 16
CAMERA = {"azimuth_deg": 30, "elevation_deg": 20, "distance": 3}


def mesh_renderer(renderer):
    mesh, camera = dr.shapes.icosphere(2), dr.Camera.orbit(**CAMERA)
    return lambda: renderer.render(mesh, camera)


def ray_tracer():
    lamp = dr.RectangleLight(center=(0, 3, 1), u=(0.5, 0, 0), v=(0, 0, 0.5), radiance=30)
    scene = dr.Scene([dr.shapes.icosphere(1), dr.shapes.plane(size=3)], dr.Lights(ambient=0.1, area=lamp))
    camera = dr.Camera.orbit(**CAMERA)
    tracer = dr.RayTracer(SIZE, samples=4, bounces=2, boundary_gradients=True)
    return lambda: tracer.render(scene, camera)


def sphere_tracer():
    distances = dr.sdf.Grid(np.linspace(-0.6, 1, 5 * 5 * 5).reshape(5, 5, 5), (-1, 1))
    camera, tracer = dr.Camera.orbit(**CAMERA), dr.SphereTracer(distances, SIZE, bounds=dr.Box(-1, 1))
    return lambda: tracer.render(camera)


def volume_renderer(space):
    camera, renderer = dr.Camera.orbit(**CAMERA), dr.VolumeRenderer(space, SIZE, bounds=dr.Box(-1, 1))
    return lambda: renderer.render(camera)


LOOPS = {
    "rasterizer": lambda: mesh_renderer(dr.Rasterizer(SIZE)),
    "antialiased": lambda: mesh_renderer(dr.Rasterizer(SIZE, antialias=True)),
    "soft rasterizer": lambda: mesh_renderer(dr.SoftRasterizer(SIZE)),
    "ray tracer": ray_tracer,
    "sphere tracer": sphere_tracer,
    "voxels": lambda: volume_renderer(dr.radiance.Grid((-1, 1), 5)),
    "hash field": lambda: volume_renderer(dr.radiance.HashNeRF(levels=3, most_rows=1 << 8, finest=32)),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_steps_make_nothing(cpu32, monkeypatch, loop):
    render, loss = LOOPS[loop](), ti.field(ti.f32, shape=(), needs_grad=True)
    target = np.zeros((1, SIZE, SIZE, 3), np.float32)

    def step():
        loss[None] = 0
        with ti.ad.Tape(loss):
            dr.losses.mse(render().color, target, loss)

    for _ in range(4):
        step()
    gc.collect()
    step()
    program, arrays = impl.get_runtime().prog, arrays_made(monkeypatch)
    trees, kernels = program.get_snode_tree_size(), kernel_instances()
    for _ in range(4):
        step()
    assert (len(arrays), program.get_snode_tree_size() - trees, kernel_instances() - kernels) == (0, 0, 0)
    assert loss[None] > 0
