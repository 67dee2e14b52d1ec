"""Sphere tracing, one shape through all of its stages: from a function of a point to a picture with gradients.

    1 spheres along rays    the distance in a slice through the scene; every step is as long as the distance allows
    2 steps                 how often each pixel's ray has asked for the distance: most often where it grazes
    3 depth                 how far away the surface is, in world units
    4 normals               the gradient of the distance
    5 shading               the colour of the surface there, lit
    6 closest approach      how far each ray passes the surface, in pixels; how deep it goes where it meets it
    7 the silhouette band   coverage falls from 1 to 0 over one pixel around a closest approach of 0
    8 a derivative          of the picture by the ball's place: light changes inside, coverage at silhouettes

Each is a picture of its own, and ``sphere_tracing.png`` shows them side by side.

    python demos/sphere_tracing.py
"""

import numpy as np
import taichi as ti
from common import PAPER, coded, enlarged, finish, plot, quantized, save_picture, sheet, start
from matplotlib import colors as colormaps
from matplotlib import pyplot
from matplotlib.patches import Circle

import taichi_dr as dr

DEPTHS = pyplot.get_cmap("viridis"), colormaps.Normalize(1.6, 3.6)
STEPS = pyplot.get_cmap("magma"), colormaps.Normalize(0, 24)
SIGNED = pyplot.get_cmap("RdBu")
BACKGROUND = dr.linear_to_srgb(np.array(PAPER))
RADIUS = 1.3  # of the ball outside of which nothing is looked for
CONVERGED = 2e-3  # distance at which the picture of the slice stops


def make_scene():
    """``(function, center)``: three blended solids, one of them a ball at the field ``center``."""
    center = ti.Vector.field(3, ti.f32, shape=(), needs_grad=True)
    center[None] = (0.45, 0.1, 0.35)

    @ti.func
    def scene(p):
        ball = dr.sdf.sphere(p - center[None], 0.38)
        ring = dr.sdf.torus(p, 0.8, 0.2)
        cube = dr.sdf.rounded_box(p - ti.Vector([-0.5, 0.35, 0.05]), ti.Vector([0.22, 0.22, 0.22]), 0.05)
        return dr.sdf.smooth_union(dr.sdf.smooth_union(ball, ring, 0.15), cube, 0.08)

    return scene, center


def distances(function, points):
    """The function at points (..., 3)."""
    rows = np.ascontiguousarray(points, np.float32).reshape(-1, 3)
    values = np.empty(len(rows), np.float32)

    @ti.kernel
    def evaluate(rows: ti.types.ndarray(ndim=2), values: ti.types.ndarray(ndim=1)):
        for i in values:
            values[i] = function(ti.Vector([rows[i, 0], rows[i, 1], rows[i, 2]]))

    evaluate(rows, values)
    return values.reshape(points.shape[:-1])


def slice_with_rays(function, camera, size):
    """1. The plane that the middle row of pixels looks into: distances as bands, and rays with their spheres."""
    u, _, w, eye = (part[0].astype(float) for part in camera.frames())
    x, depth = np.meshgrid(np.linspace(-1.45, 1.45, 240), np.linspace(0.9, 3.8, 240))
    values = distances(function, eye + x[..., None] * u - depth[..., None] * w)
    rays = [march(function, eye, across * u - w) for across in (-0.34, -0.02, 0.205, 0.42)]

    def draw(axes):
        axes.contourf(x, depth, values, np.arange(-0.4, 1.61, 0.1), cmap=SIGNED, norm=colormaps.CenteredNorm(0, 1.6))
        axes.contour(x, depth, values, [0], colors="black", linewidths=1.6)
        for direction, ts, radii in rays:
            points = np.stack([ts * (direction @ u), -ts * (direction @ w)], axis=-1)
            end = (
                points[-1]
                if radii[-1] < CONVERGED
                else 3.9 / (-direction @ w) * np.array([direction @ u, -direction @ w])
            )
            axes.plot([0, end[0]], [0, end[1]], color="black", linewidth=0.7)
            axes.scatter(*points.T, s=6, color="black", zorder=3)
            for point, radius in zip(points, radii, strict=True):
                axes.add_patch(Circle(point, abs(radius), fill=False, color="black", linewidth=0.5, alpha=0.6))
        axes.set(xlim=(-1.45, 1.45), ylim=(0.9, 3.8), xticks=(-1, 0, 1), yticks=(1, 2, 3), ylabel="depth")
        axes.set_aspect("equal")

    return plot(draw, size, size)


def march(function, eye, direction):
    """The direction, normalised; where a ray from ``eye`` stops, and the distances there."""
    direction = direction / np.linalg.norm(direction)
    ts, radii = [eye @ -direction - RADIUS], []
    while len(radii) < 60:
        radii.append(float(distances(function, (eye + ts[-1] * direction)[None])[0]))
        if radii[-1] < CONVERGED or ts[-1] > 4:
            break
        ts.append(ts[-1] + radii[-1])
    return direction, np.array(ts[: len(radii)]), np.array(radii)


def zoomed(function, camera, lights, size, **look):
    """7. A part of a coarse picture, every pixel enlarged: pixel centres alone, and with the band."""
    coarse, part, factor = size // 4, size // 16, 8
    row, column = coarse // 2, coarse // 16
    pictures = []
    for width in (1e-3, 1.0):
        tracer = dr.SphereTracer(function, coarse, background=PAPER, silhouette_width=width, **look)
        picture = tracer.render(camera, lights).numpy()[0]
        pictures.append(enlarged(picture[row : row + 2 * part, column : column + part], factor))
    return sheet([pictures])


def derivative(tracer, center, camera, lights, step=2e-3):
    """8. The mean of the picture's channels when the ball moves to the right, by central differences (H, W)."""
    here, ends = np.array(center[None]), []
    for sign in (1, -1):
        center[None] = here + sign * step * camera.frames()[0][0]
        ends.append(tracer.render(camera, lights).numpy()[0].mean(axis=-1))
    center[None] = here
    return (ends[0] - ends[1]) / (2 * step)


def tape_gradient(tracer, center, camera, lights):
    """The derivative of the sum of all pixels' means by the same move, from a tape."""
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    @ti.kernel
    def add(color: ti.template()):
        for pixel in ti.grouped(color):
            loss[None] += color[pixel].sum() / 3

    with ti.ad.Tape(loss):
        frame = tracer.render(camera, lights)
        add(frame.color)
    return float(np.array(center.grad[None]) @ camera.frames()[0][0])


def main(arguments=None):
    """Draws every stage, and all of them on one sheet."""
    size = {"type": int, "default": 320, "help": "pixels a side, a multiple of 16 (320)"}
    options = start(__file__, __doc__, arguments=arguments, size=size)
    size = options.size
    scene, center = make_scene()
    camera = dr.Camera.orbit(15, 32, distance=2.7, fov_y_deg=52, target=(0, 0.15, 0))
    lights = dr.Lights.default()
    look = {"bounds": dr.Ball(radius=RADIUS), "color": (0.75, 0.42, 0.2)}
    look["material"] = dr.Material(shading="phong", specular=0.4, shininess=24)
    tracer = dr.SphereTracer(scene, size, background=PAPER, **look)
    frame = tracer.render(camera, lights)
    hit = frame.numpy("alpha")[0] > 0.5
    everywhere = np.ones_like(hit)
    steps, closest, depth = (frame.numpy(name)[0] for name in ("steps", "closest", "depth"))
    normals, picture = 0.5 + 0.5 * frame.numpy("normal")[0], frame.numpy()[0]
    slope = derivative(tracer, center, camera, lights)
    by_tape, pixels = tape_gradient(tracer, center, camera, lights), colormaps.CenteredNorm(0, 12)

    stages = (
        ("spheres", "spheres along rays, in a slice", slice_with_rays(scene, camera, size)),
        ("steps", "steps per ray", coded(*STEPS, steps, everywhere, size, "evaluations of the function")),
        ("depth", "depth", coded(*DEPTHS, depth, hit, size, "world units")),
        ("normals", "normals as RGB", quantized(np.where(hit[..., None], normals, BACKGROUND))),
        ("shading", "shading (Phong)", sheet([[picture]])),
        ("closest", "closest approach", coded(SIGNED, pixels, closest, everywhere, size, "pixels; negative: within")),
        ("band", "pixel centres | silhouette band", zoomed(scene, camera, lights, size, **look)),
        (
            "derivative",
            "derivative by the ball's place",
            coded(SIGNED.reversed(), colormaps.CenteredNorm(0, 2.5), slope, everywhere, size, "per world unit"),
        ),
    )
    pictures = [sheet([[picture]], [f"{i} {title}"]) for i, (_, title, picture) in enumerate(stages, 1)]
    for i, (name, _, _) in enumerate(stages):
        save_picture(options.out / f"{i + 1}_{name}.png", pictures[i])
    save_picture(options.out / "sphere_tracing.png", sheet([pictures[:4], pictures[4:]]))
    return finish(
        options,
        rays_at_once=tracer.packets,
        steps_per_ray=float(steps.mean()),
        pixels_covered=float(frame.numpy("alpha").sum()),
        gradient_by_tape=by_tape,
        gradient_by_differences=float(slope.sum()),
    )


if __name__ == "__main__":
    main()
