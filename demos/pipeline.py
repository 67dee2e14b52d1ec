"""The rasterization pipeline, one picture per stage: from the world to a shaded, antialiased picture.

Every stage is a line or two of the package's conventions: right-handed world, y up; camera axes u right, v up, w
backward (it looks along -w); screen x right, y up, the shorter image side spanning [-1, 1]; row 0 at the top.

    python demos/pipeline.py
"""

import numpy as np
from common import PAPER, finish, pyplot, save_grid, show, start
from matplotlib.collections import LineCollection
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

import taichi_dr as dr
from taichi_dr.io.images import linear_to_srgb


def world(path, mesh, camera):
    """1. The world: the mesh, the camera's axes and what it sees between near and far (here: to a plane behind)."""
    figure = pyplot.figure(figsize=(7, 5.5), layout="constrained")
    axis = figure.add_subplot(projection="3d", computed_zorder=False)
    triangles = mesh.numpy("vertices")[0][mesh.topology.faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = 0.45 + 0.55 * np.maximum(normals @ (0.5, 0.7, 0.5), 0)
    colors = mesh.numpy("colors")[0][mesh.topology.faces].mean(axis=1) * light[:, None]
    colors = linear_to_srgb(np.clip(colors, 0, 1))
    axis.add_collection3d(Poly3DCollection(upright(triangles), facecolors=colors, edgecolors=colors))
    u, v, w, eye = (part[0] for part in camera.frames())
    for direction, name, color in ((u, "u", "tab:red"), (v, "v", "tab:green"), (w, "w", "tab:blue")):
        axis.quiver(*upright(eye), *upright(0.6 * direction), color=color, zorder=3)
        axis.text(*upright(eye + 0.72 * direction), name, color=color, zorder=3)
    reach = np.tan(camera.fov_y[0] / 2)
    corners = [np.array([i * u + j * v for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * reach - w] * 2
    near, far = (eye + corner * depth for corner, depth in zip(corners, (0.8, 3.6), strict=True))
    edges = [*zip(near, far, strict=True), *zip(near, np.roll(near, 1, 0), strict=True)]
    edges += [*zip([eye] * 4, near, strict=True), *zip(far, np.roll(far, 1, 0), strict=True)]
    axis.add_collection3d(Line3DCollection(upright(np.array(edges)), colors="grey", linewidths=0.8))
    axis.set(xlim=(-1, 2.2), ylim=(-2.4, 0.8), zlim=(-1.2, 1.6), xlabel="x", ylabel="−z", zlabel="y")
    axis.set_box_aspect((3.2, 3.2, 2.8), zoom=1.1)
    axis.view_init(22, -35)
    axis.set_title("world space: the mesh and a camera's frustum", fontsize=10)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def upright(points):
    """World coordinates (y up) for matplotlib's axes (z up)."""
    points = np.asarray(points)
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def to_camera(mesh, camera):
    """2. Camera space: ``[u v w]^T (p - e)``; x right, y up, z backward."""
    u, v, w, eye = (part[0] for part in camera.frames())
    return (mesh.numpy("vertices")[0] - eye) @ np.stack([u, v, w], axis=1)


def to_screen(points, camera):
    """3. Projection: ``focal * x / depth`` with ``depth = -z`` and ``focal = 1 / tan(fov_y / 2)``."""
    return points[:, :2] / np.tan(camera.fov_y[0] / 2) / -points[:, 2:]


def spaces(path, mesh, camera):
    """Camera space from above and from the side; then the wireframe on the screen."""
    points = to_camera(mesh, camera)
    screen, depth = to_screen(points, camera), -points[:, 2]
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
    reach = np.tan(camera.fov_y[0] / 2) * 4
    for axis, column, name in ((axes[0], 0, "x (right)"), (axes[1], 1, "y (up)")):
        wireframe(axis, mesh, np.stack([depth, points[:, column]], axis=1), depth)
        axis.plot([4, 0, 4], [reach, 0, -reach], "grey", linewidth=0.8)
        axis.set(xlabel="depth = −z (the camera is at 0)", ylabel=name, xlim=(-0.1, 3.6), ylim=(-1.85, 1.85))
        axis.set_title(f"camera space: {name} over depth", fontsize=10)
    wireframe(axes[2], mesh, screen, depth)
    axes[2].set(xlim=(-1, 1), ylim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1), xlabel="screen x", ylabel="screen y")
    axes[2].set_title("projected to the screen; darker = nearer", fontsize=10)
    for axis in axes:
        axis.set_box_aspect(1)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return screen


def wireframe(axis, mesh, points, depth):
    """Every edge of the mesh between 2D points, far ones first."""
    edges = mesh.topology.edges
    middle = depth[edges].mean(axis=1)
    order = np.argsort(-middle)
    colors = pyplot.get_cmap("viridis")((middle[order] - depth.min()) / np.ptp(depth))
    axis.add_collection(LineCollection(points[edges[order]], colors=colors, linewidths=0.5))


def fragments(path, size, camera):
    """4. Rasterization: which face each pixel's centre sees, where in that face, and how far away.

    Of a coarse torus, so that one sees its faces.
    """
    torus = dr.shapes.torus(0.65, 0.28, segments=14, sides=8)
    frame = dr.Rasterizer(size).render(torus, camera)
    face, depth = frame.numpy("face_id")[0], frame.numpy("depth")[0]
    hit = face >= 0
    names = np.random.default_rng(3).uniform(0.1, 0.9, (face.max() + 1, 3))
    colored = np.where(hit[..., None], names[face], PAPER)
    barycentric = np.where(hit[..., None], frame.numpy("barycentric")[0], PAPER)
    normal = np.where(hit[..., None], frame.numpy("normal")[0] / 2 + 0.5, PAPER)
    figure, axes = pyplot.subplots(1, 4, figsize=(16, 4.2), layout="constrained")
    show(axes[0], colored, f"face_id: {len(np.unique(face[hit]))} visible faces")
    show(axes[1], barycentric, "barycentric coordinates as RGB")
    show(axes[2], np.where(hit, depth, np.nan), "z-buffer: depth, world units", "viridis_r")
    show(axes[3], normal, "normal / 2 + 1/2 as RGB")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def shaded(path, size, camera, lights):
    """5. Shading: where the light is evaluated (face, vertex or pixel), and a texture."""
    rows, columns = np.indices((64, 128)) // 8
    squares = ((rows + columns) % 2)[..., None] * (0.75, 0.7, 0.55) + 0.08
    renders, titles = [], ("flat", "Gouraud", "Phong", "Phong, textured")
    for title in titles:
        material = dr.Material(shading=title.split(",")[0].lower(), specular=0.5, shininess=24)
        texture = {"texture": squares} if "textured" in title else {"colors": (0.75, 0.1, 0.06)}
        ball = dr.shapes.sphere(240, material=material, **texture)
        renders.append(dr.Rasterizer(size, background=PAPER, antialias=True).render(ball, camera, lights).numpy()[0])
    save_grid(path, [renders], titles=titles)


def antialiased(path, size, mesh, camera, lights):
    """6. Antialiasing: silhouettes blended by where they cross; the blend is what makes visibility differentiable."""
    whole, zoomed, half = [], [], size // 2
    top, left, part = half * 3 // 10, half // 2, half // 4
    for blend in (False, True):
        renderer = dr.Rasterizer(half, background=PAPER, antialias=blend)
        picture = renderer.render(mesh, camera, lights).numpy()[0]
        whole.append(picture)
        zoomed.append(picture[top : top + part, left : left + part])
    save_grid(path, [whole, zoomed], titles=("pixel centres", "antialiased"), row_titles=("whole", "zoomed in"))


def main(arguments=None):
    """Draws every stage."""
    options = start(
        __file__, __doc__, arguments=arguments, size={"type": int, "default": 256, "help": "pixels a side (256)"}
    )
    mesh, lights = dr.shapes.airplane(), dr.Lights.default()
    camera = dr.Camera.orbit(40, 35, distance=2.6, fov_y_deg=45)
    world(options.out / "1_world.png", mesh, camera)
    screen = spaces(options.out / "2_camera_and_screen.png", mesh, camera)
    fragments(options.out / "3_fragments.png", options.size, camera)
    ball_camera = dr.Camera.orbit(20, 20, distance=2.9, fov_y_deg=45)
    shaded(options.out / "4_shading.png", options.size, ball_camera, lights)
    antialiased(options.out / "5_antialiasing.png", options.size, mesh, camera, lights)
    hit = dr.Rasterizer(options.size).render(mesh, camera).numpy("face_id")[0] >= 0
    return finish(options, silhouette_off_by_pixels=extent_error(screen, hit), pixels_covered=int(hit.sum()))


def extent_error(screen, hit):
    """How far the picture's bounding box is from that of the projected vertices, in pixels (below 1: they agree)."""
    size = hit.shape[0]
    rows, columns = np.nonzero(hit)
    box = np.array([columns.min(), columns.max() + 1, rows.min(), rows.max() + 1])
    low, high = screen.min(axis=0), screen.max(axis=0)
    expected = np.array([low[0] + 1, high[0] + 1, 1 - high[1], 1 - low[1]]) * size / 2
    return float(np.abs(box - expected).max())


if __name__ == "__main__":
    main()
