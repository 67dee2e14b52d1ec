"""The rasterization pipeline, one object through all of its stages: from the world to a shaded, antialiased picture.

    1 world space           the mesh, and what the camera sees between the near and the far plane
    2 camera space          [u v w]^T (p - e): x right, y up, z backward, so that depth = -z
    3 screen                focal * x / depth with focal = 1 / tan(fov_y / 2); the image spans [-1, 1]
    4 face id               which face each pixel's centre sees
    5 barycentrics          where in that face
    6 z-buffer              how far away, in world units
    7 shading               the colour of the surface there, lit
    8 antialiasing          silhouettes blended by where they cross: the blend makes visibility differentiable

Each is a picture of its own, and ``pipeline.png`` shows them side by side.  Where colours stand for depth, they mean
the same in all of them.

    python demos/pipeline.py
"""

import numpy as np
from common import PAPER, enlarged, finish, plot, quantized, save_picture, sheet, start
from matplotlib import colors as colormaps
from matplotlib import pyplot
from matplotlib.collections import LineCollection
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

import taichi_dr as dr

NEAR, FAR = 1.4, 3.4  # world units
DEPTHS = pyplot.get_cmap("viridis"), colormaps.Normalize(1.6, 3.4)  # dark is near
BACKGROUND = dr.linear_to_srgb(np.array(PAPER))


def world(mesh, camera, size):
    """1. The mesh, the world's axes, the camera's axes u, v, w at its eye, and its frustum with near and far plane."""
    triangles = mesh.numpy("vertices")[0][mesh.topology.faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    shade = 0.55 + 0.45 * np.maximum(normals @ (0.3, 0.8, 0.5), 0)
    colors = dr.linear_to_srgb(np.clip(np.array(mesh.numpy("colors")[0, 0]) * shade[:, None], 0, 1))
    u, v, w, eye = (part[0] for part in camera.frames())
    reach = np.tan(camera.fov_y[0] / 2)
    corners = [np.array([i * u + j * v for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * reach - w] * 2
    near, far = (eye + corner * depth for corner, depth in zip(corners, (NEAR, FAR), strict=True))
    edges = [*zip([eye] * 4, far, strict=True)]
    edges += [pair for plane in (near, far) for pair in zip(plane, np.roll(plane, 1, 0), strict=True)]

    def draw(axes):
        axes.add_collection3d(Line3DCollection(upright(edges), colors="grey", linewidths=0.8, zorder=1))
        axes.add_collection3d(
            Poly3DCollection(upright(triangles), facecolors=colors, edgecolors=colors, linewidths=0.3, zorder=2)
        )
        for origin, names, directions in (
            (np.zeros(3), "xyz", 1.3 * np.eye(3)),
            (eye, "uvw", 0.6 * np.array([u, v, w])),
        ):
            for direction, name, color in zip(directions, names, ("tab:red", "tab:green", "tab:blue"), strict=True):
                axes.quiver(*upright(origin), *upright(direction), color=color, arrow_length_ratio=0.15, zorder=3)
                axes.text(*upright(origin + 1.25 * direction), name, color=color, zorder=3, ha="center", va="center")
        axes.axis("off")
        axes.set(xlim=(-1.5, 1.9), ylim=(-2.1, 1.3), zlim=(-1.6, 1.8))
        axes.set_box_aspect((1, 1, 1), zoom=1.1)
        axes.view_init(16, -118)

    return plot(draw, size, size, projection="3d", computed_zorder=False)


def upright(points):
    """World coordinates (y up) for matplotlib's axes (z up)."""
    points = np.asarray(points)
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def to_camera(mesh, camera):
    """2. Camera space: ``[u v w]^T (p - e)``."""
    u, v, w, eye = (part[0] for part in camera.frames())
    return (mesh.numpy("vertices")[0] - eye) @ np.stack([u, v, w], axis=1)


def to_screen(points, camera):
    """3. Projection: ``focal * x / depth``."""
    return points[:, :2] / np.tan(camera.fov_y[0] / 2) / -points[:, 2:]


def camera_space(mesh, points, camera, size):
    """2. The mesh from the side, its depth to the right, and the planes that bound what is seen."""
    reach = np.tan(camera.fov_y[0] / 2) * np.array([0, NEAR, FAR])

    def draw(axes):
        for side in (-1, 1):
            axes.plot([0, NEAR, FAR], side * reach, "grey", linewidth=0.8)
        for depth, height in zip((NEAR, FAR), reach[1:], strict=True):
            axes.plot([depth, depth], [-height, height], "grey", linewidth=0.8)
        wireframe(axes, mesh, np.stack([-points[:, 2], points[:, 1]], axis=1), -points[:, 2])
        axes.set(xlim=(0, 3.6), ylim=(-1.8, 1.8), xlabel="depth = −z", ylabel="y (up)")
        axes.set_box_aspect(1)

    return plot(draw, size, size)


def screen_space(mesh, points, depth, size):
    """3. The mesh as the camera sees it, before any pixels."""

    def draw(axes):
        wireframe(axes, mesh, points, depth)
        axes.set(xlim=(-1, 1), ylim=(-1, 1), xticks=(-1, 0, 1), yticks=(-1, 0, 1), xlabel="screen x", ylabel="screen y")
        axes.set_box_aspect(1)

    return plot(draw, size, size)


def wireframe(axes, mesh, points, depth):
    """Every edge of the mesh between 2D points, coloured by depth, far ones first."""
    edges = mesh.topology.edges
    middle = depth[edges].mean(axis=1)
    order = np.argsort(-middle)
    colormap, scale = DEPTHS
    axes.add_collection(LineCollection(points[edges[order]], colors=colormap(scale(middle[order])), linewidths=0.9))


def coded(values, hit):
    """Numbers in [0, 1] as colours (H, W, 3) on the background: codes, not light, so without the sRGB curve."""
    return quantized(np.where(hit[..., None], values, BACKGROUND))


def z_buffer(depth, hit, size):
    """6. Depth in the colours of all stages, under a bar that says what they mean."""
    colormap, scale = DEPTHS
    picture = coded(colormap(scale(depth))[..., :3], hit)

    def draw(axes):
        axes.axis("off")
        mappable = pyplot.cm.ScalarMappable(scale, colormap)
        axes.figure.colorbar(mappable, ax=axes, fraction=1, aspect=25, orientation="horizontal", label="world units")

    bar = plot(draw, size, 70)
    picture[: len(bar)] = bar
    return picture


def zoomed(mesh, camera, lights, size):
    """8. A part of a coarse picture, every pixel enlarged, without and with antialiasing."""
    coarse, part, factor = size // 4, size // 16, 8
    pictures = []
    for antialias in (False, True):
        renderer = dr.Rasterizer(coarse, background=PAPER, antialias=antialias)
        picture = renderer.render(mesh, camera, lights).numpy()[0]
        pictures.append(
            enlarged(picture[coarse // 5 : coarse // 5 + 2 * part, coarse // 5 : coarse // 5 + part], factor)
        )
    return sheet([pictures])


def main(arguments=None):
    """Draws every stage, and all of them on one sheet."""
    size = {"type": int, "default": 320, "help": "pixels a side, a multiple of 16 (320)"}
    options = start(__file__, __doc__, arguments=arguments, size=size)
    size = options.size
    mesh = dr.shapes.torus(0.62, 0.27, segments=14, sides=8, colors=(0.75, 0.12, 0.06))
    mesh.material = dr.Material(shading="phong", specular=0.4, shininess=24)
    camera = dr.Camera.orbit(40, 35, distance=2.5, fov_y_deg=45, near=NEAR, far=FAR)
    lights = dr.Lights.default()
    frame = dr.Rasterizer(size, background=PAPER, antialias=True).render(mesh, camera, lights)
    face = frame.numpy("face_id")[0]
    hit = face >= 0
    visible = len(np.unique(face[hit]))
    names = np.random.default_rng(3).uniform(0.15, 0.95, (mesh.face_count, 3))
    points = to_camera(mesh, camera)
    screen = to_screen(points, camera)

    stages = (
        ("world", "world space", world(mesh, camera, size)),
        ("camera", "camera space, from the side", camera_space(mesh, points, camera, size)),
        ("screen", "projected to the screen", screen_space(mesh, screen, -points[:, 2], size)),
        ("face_id", f"face id: {visible} of {mesh.face_count} faces visible", coded(names[face], hit)),
        ("barycentrics", "barycentric coordinates as RGB", coded(frame.numpy("barycentric")[0], hit)),
        ("z_buffer", "z-buffer: depth", z_buffer(frame.numpy("depth")[0], hit, size)),
        ("shading", "shading (Phong)", sheet([[frame.numpy()[0]]])),
        ("antialiasing", "pixel centres | antialiased", zoomed(mesh, camera, lights, size)),
    )
    pictures = [sheet([[picture]], [f"{i} {title}"]) for i, (_, title, picture) in enumerate(stages, 1)]
    for i, (name, _, _) in enumerate(stages):
        save_picture(options.out / f"{i + 1}_{name}.png", pictures[i])
    save_picture(options.out / "pipeline.png", sheet([pictures[:4], pictures[4:]]))
    return finish(
        options,
        silhouette_off_by_pixels=extent_error(screen, hit),
        pixels_covered=int(hit.sum()),
        faces_visible=f"{visible} of {mesh.face_count}",
    )


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
