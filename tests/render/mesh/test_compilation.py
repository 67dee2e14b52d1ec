"""What users wait for: kernels compile once per process, not again for every size of meshes and images.

Kernels that run on one thread where that is faster (``kernels.launch.is_serial``) compile twice, once for small and
once for large work; both sizes here are small to all of them.
"""

import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.antialias import blend as antialias
from taichi_dr.kernels.antialias import find
from taichi_dr.kernels.base import gather
from taichi_dr.kernels.camera import pack as camera
from taichi_dr.kernels.camera import transform as transforms
from taichi_dr.kernels.screen import tile_bins as binning
from taichi_dr.kernels.soft import adjoint as soft_adjoint
from taichi_dr.kernels.soft import face_records as soft_setup
from taichi_dr.kernels.soft import forward_tiles as soft_tiles
from taichi_dr.kernels.soft import pixel_adjoints as soft_pixels
from taichi_dr.kernels.zbuffer import draw_tiles as raster_tiles
from taichi_dr.kernels.zbuffer import face_records as raster_setup
from taichi_dr.kernels.zbuffer import interpolate

HOT = (
    camera._pack_camera,
    transforms._transform,
    transforms._transform_adjoint,
    raster_setup.setup_faces,
    binning._sort_faces,
    raster_tiles.draw_tiles,
    interpolate._interpolate,
    interpolate._interpolate_adjoint,
    find._list_pieces,
    find._measure_pieces,
    find._look_at_pieces,
    antialias._blend,
    antialias._antialias_image_adjoint,
    antialias._antialias_edge_adjoint,
    soft_setup.soft_setup,
    soft_tiles.soft_forward_tiles,
    soft_pixels.pack_pixel_adjoints,
    soft_adjoint.soft_adjoint,
    gather._gather_corners,
)


def variants():
    """How many variants of each hot kernel this process has compiled."""
    return {kernel.__name__: len(kernel._primal.compiled_kernels) for kernel in HOT}


def render_all(mesh, size):
    camera = dr.Camera.orbit(azimuth_deg=[30, 60], elevation_deg=20, distance=2.7)
    for renderer in (dr.Rasterizer(size), dr.Rasterizer(size, antialias=True), dr.SoftRasterizer(size)):
        frame = renderer.render(mesh, camera)
        frame.color.grad.fill(1)
        renderer.backward()
    ti.sync()


def test_a_renderer_of_another_size_compiles_no_hot_kernel_again(cpu32):
    mesh, camera = dr.shapes.icosphere(1), dr.Camera.orbit(azimuth_deg=[30, 60], elevation_deg=20, distance=2.7)
    renderers = dr.Rasterizer(24), dr.Rasterizer(24, antialias=True), dr.SoftRasterizer(24)
    for size in (24, (40, 56)):
        for renderer in renderers:
            renderer.size = size
            renderer.render(mesh, camera).color.grad.fill(1)
            renderer.backward()
        if size == 24:
            before = variants()
    assert variants() == before


def test_other_sizes_compile_no_hot_kernel_again(cpu32):
    render_all(dr.shapes.icosphere(1), 24)
    before = variants()
    assert min(before.values()) > 0
    render_all(dr.shapes.torus(), (40, 56))
    assert variants() == before
