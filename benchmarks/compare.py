"""The rasterizers beside other renderers, timed in the same run and on the same scene.

    pip install deodr mitsuba          # each is optional; what is not installed is left out
    python benchmarks/compare.py

* antialiased: forward and backward of the image of an icosphere of 5,120 faces with vertex colours at 256^2, beside
  DEODR (C++, one thread), given its 2.5-D scene: projection and the search for silhouette edges, which it does in
  NumPy, are not timed.
* hard: depth, face and barycentrics of an icosphere of 81,920 faces at 1024^2 (and the Rasterizer's whole render, with
  colours), beside DEODR's z-buffer (colours) and Mitsuba 3's ray casting (LLVM, all threads; the same outputs).

Rounds of the candidates alternate, so that a busy machine slows all of them.  A round calls one candidate a few times
in a row, as a loop of optimisation does, and leaves out the first call, which finds the caches full of the others'
data.  Medians and their ratios are printed.
"""

import importlib.util
import statistics
import time

import numpy as np
import taichi as ti
from raster import FACES, icosphere_scene, machine

import taichi_dr as dr
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.kernels.base.buffers import Buffers
from taichi_dr.kernels.camera.transform import transform
from taichi_dr.kernels.screen.pixels import Screen
from taichi_dr.kernels.screen.projected_mesh import ProjectedMesh
from taichi_dr.kernels.zbuffer.face_records import DepthTest
from taichi_dr.kernels.zbuffer.resolve import Visible
from taichi_dr.kernels.zbuffer.zbuffer import ZBuffer

ROUNDS, CALLS = 15, 4


def main():
    """Times both workloads on the CPU backend."""
    dr.init("cpu")
    print(machine())
    report("antialiased, 5,120 faces, 256^2, forward + backward", antialiased_candidates(5120, 256))
    report("hard, 81,920 faces, 1024^2", hard_candidates(81920, 1024))


def report(title, candidates):
    """Alternates the candidates and prints the median of each and its ratio to the first."""
    times = {name: [] for name in candidates}
    for function in candidates.values():
        function()
        function()
    for _ in range(ROUNDS):
        for name, function in candidates.items():
            function()
            for _ in range(CALLS):
                before = time.perf_counter()
                function()
                times[name].append((time.perf_counter() - before) * 1e3)
    print(title)
    first = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"  {name:42} {middle:8.2f} ms (least {min(values):.2f})   x {middle / first:.2f}")


def antialiased_candidates(faces, size):
    mesh, camera = icosphere_scene(FACES[faces])
    candidates = {
        "taichi_dr Rasterizer(antialias=True)": forward_and_backward(mesh, camera, size, cull_back=False),
        "... and cull_back=True, as DEODR": forward_and_backward(mesh, camera, size, cull_back=True),
    }
    if importlib.util.find_spec("deodr"):
        scene = deodr_scene(mesh, camera, size, culled=True)  # DEODR's gradients require it
        image_adjoint = np.full((size, size, 3), 1e-3)

        def deodr():
            scene.clear_gradients()
            scene.render(sigma=1)
            scene.render_backward(image_adjoint)

        candidates["DEODR Scene2D (C++, one thread)"] = deodr
    return candidates


def forward_and_backward(mesh, camera, size, cull_back):
    renderer = dr.Rasterizer(size, antialias=True, cull_back=cull_back)
    frame = renderer.render(mesh, camera)
    frame.color.grad.fill(1e-3)

    def run():
        renderer.render(mesh, camera)
        renderer.backward()
        ti.sync()

    return run


def hard_candidates(faces, size):
    mesh, camera = icosphere_scene(FACES[faces])
    renderer = dr.Rasterizer(size)

    def ours():
        renderer.render(mesh, camera)
        ti.sync()

    candidates = {"taichi_dr ZBuffer": z_buffer(mesh, camera, size), "taichi_dr Rasterizer, with colours": ours}
    if importlib.util.find_spec("deodr"):
        scene = deodr_scene(mesh, camera, size, culled=False)
        scene.edgeflags[:] = False
        candidates["DEODR z-buffer (C++, one thread)"] = lambda: scene.render(sigma=0)
    if importlib.util.find_spec("mitsuba"):
        candidates["Mitsuba 3 ray casting (LLVM)"] = mitsuba_rays(mesh, camera, size)
    return candidates


def z_buffer(mesh, camera, size):
    """Transform and z-buffer alone: depth, face and barycentrics as arrays."""
    vertices, faces = array_from(mesh.numpy("vertices")[0]), mesh.topology.array("faces")
    clip, view_mesh = make_array((mesh.vertex_count, 4)), make_array((1,), ti.i32)
    visible = Visible(make_array((size * size,), ti.i32), make_array((size * size,)), make_array((size * size, 3)))
    drawing, packed, projected = ZBuffer(Buffers()), camera.pack(size, size), ProjectedMesh(clip, faces, 1)
    test = DepthTest(camera.near, camera.far, orthographic=False)

    def draw():
        transform(vertices, view_mesh, packed, clip, False)
        drawing.draw(projected, Screen(size, size), test, visible)
        ti.sync()

    return draw


def deodr_scene(mesh, camera, size, culled):
    """DEODR's 2.5-D scene of the same mesh: pixel coordinates (x, y), depths, colours, silhouette edges."""
    from deodr.differentiable_renderer import Scene2D
    from deodr.triangulated_mesh import ColoredTriMesh

    u, v, w, e = (axis[0] for axis in camera.frames())
    relative = mesh.numpy("vertices")[0].astype(np.float64) - e
    depths = -relative @ w
    focal = size / 2 / np.tan(np.radians(60) / 2)
    columns = size / 2 + focal * (relative @ u) / depths - 0.5
    rows = size / 2 - focal * (relative @ v) / depths - 0.5
    points = np.stack([columns, rows], axis=1)
    faces = mesh.numpy("faces").astype(np.uint32)
    count = len(faces)
    shape = ColoredTriMesh(faces, mesh.numpy("vertices")[0].astype(np.float64), clockwise=False, nb_colors=3)
    return Scene2D(
        faces=faces,
        faces_uv=faces,
        ij=points,
        depths=depths,
        textured=np.zeros(count, bool),
        uv=np.zeros((len(points), 2)),
        shade=np.zeros(len(points)),
        colors=mesh.numpy("colors")[0].astype(np.float64),
        shaded=np.zeros(count, bool),
        edgeflags=shape.edge_on_silhouette(points),
        height=size,
        width=size,
        nb_colors=3,
        texture=np.zeros((0, 0)),
        background_color=np.zeros(3),
        clockwise=False,
        backface_culling=culled,
    )


def mitsuba_rays(mesh, camera, size):
    """Primary rays against the same mesh with Mitsuba 3: depth, triangle and barycentrics."""
    import drjit
    import mitsuba

    mitsuba.set_variant("llvm_ad_rgb")
    shape = mitsuba.Mesh("icosphere", mesh.vertex_count, mesh.face_count)
    parameters = mitsuba.traverse(shape)
    parameters["vertex_positions"] = mesh.numpy("vertices")[0].ravel()
    parameters["faces"] = mesh.numpy("faces").ravel()
    parameters.update()
    scene = mitsuba.load_dict({"type": "scene", "mesh": shape})
    u, v, w, e = (mitsuba.Vector3f(axis[0].tolist()) for axis in camera.frames())
    index = drjit.arange(mitsuba.UInt32, size * size)
    row, column = index // size, index % size
    slope = float(np.tan(np.radians(60) / 2))
    x = (2 * (mitsuba.Float(column) + 0.5) / size - 1) * slope
    y = (1 - 2 * (mitsuba.Float(row) + 0.5) / size) * slope
    rays = mitsuba.Ray3f(mitsuba.Point3f(e), drjit.normalize(u * x + v * y - w))
    drjit.eval(rays)

    def cast():
        hit = scene.ray_intersect_preliminary(rays)
        drjit.eval(hit)
        drjit.sync_thread()

    return cast


if __name__ == "__main__":
    main()
