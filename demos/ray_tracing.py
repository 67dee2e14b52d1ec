"""Ray tracing, one scene through all of its stages: from rays that meet something to a picture under a sky.

    1 primary hits          the normal where each pixel's ray first meets something
    2 depth                 how far away that is, in world units
    3 shadow rays           from there to a lamp: it arrives, it is blocked, or the surface faces away
    4 shading               Lambert and Blinn-Phong, where the lamp arrives; ambient light everywhere
    5 reflections           the ball on the left is a mirror, the floor a little: rays go on
    6 refraction            the ball in front is of glass: rays go through, and are reflected by its surface
    7 soft shadows          the lamp is a rectangle, and each ray asks another point of it
    8 environment           a sky in place of the lamp, asked where it is bright

Each is a picture of its own, and ``ray_tracing.png`` shows them side by side.

    python demos/ray_tracing.py
"""

import numpy as np
from common import PAPER, coded, finish, quantized, save_picture, sheet, start
from matplotlib import colors as colormaps
from matplotlib import pyplot

import taichi_dr as dr

DEPTHS = pyplot.get_cmap("viridis"), colormaps.Normalize(5, 13)
LAMP = np.array([2.2, 4.2, 2.5])
ARRIVES, BLOCKED, AWAY = (1.0, 0.9, 0.6), (0.02, 0.03, 0.12), (0.25, 0.3, 0.45)  # colours of panel 3
AMBIENT, STRENGTH = 0.2, 0.75


def sky(rows=64, columns=128):
    """A clear sky (rows, columns, 3) over grey ground, with a sun that fills 4 degrees."""
    up, around = np.meshgrid(
        np.pi / 2 - np.pi * (np.arange(rows) + 0.5) / rows,
        2 * np.pi * ((np.arange(columns) + 0.5) / columns - 0.5),
        indexing="ij",
    )
    direction = np.stack([np.cos(up) * np.sin(around), np.sin(up), -np.cos(up) * np.cos(around)], axis=-1)
    height = np.clip(direction[..., 1:2], 0, 1) ** 0.5
    colors = (1 - height) * (0.75, 0.8, 0.85) + height * (0.12, 0.28, 0.65)
    colors = np.where(direction[..., 1:2] < 0, np.array([0.22, 0.2, 0.18]), colors)
    sun = direction @ (LAMP / np.linalg.norm(LAMP)) > np.cos(np.radians(4))
    return colors + sun[..., None] * np.array([160, 130, 95])


def checkerboard(squares=48, half=24.0):
    """A floor of squares, half a unit high and low in brightness."""
    across, along = np.meshgrid(np.arange(squares + 1), np.arange(squares + 1), indexing="ij")
    points = np.stack([across, np.zeros_like(across), along], axis=-1) * (2 * half / squares) - (half, 0, half)
    first = (across * (squares + 1) + along)[:-1, :-1].ravel()
    quads = np.stack([first, first + 1, first + squares + 2, first + squares + 1], axis=-1)
    bright = ((across + along)[:-1, :-1].ravel() % 2)[:, None] * 0.35 + 0.3
    return (
        points.reshape(-1, 3),
        quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3),
        np.repeat(bright * (1, 0.97, 0.9), 2, 0),
    )


def make_scene(mirrors=False, glass=False, **light):
    """Balls, a ring and a block on a floor of squares; ``light``: ``lights`` and ``environment``."""
    points, faces, colors = checkerboard()
    floor_look = dr.Material("flat", reflectivity=0.12 * mirrors)
    floor = dr.Mesh(points, faces, face_colors=colors, material=floor_look, name="floor")
    ring = dr.shapes.torus(0.55, 0.2, colors=(0.75, 0.3, 0.08), material=dr.Material("phong", specular=0.4))
    turned = ring.numpy("vertices")[0] @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]  # upright
    ring.set("vertices", turned @ rotation(0.5) + (1.35, 0.75, -0.7))
    block = dr.shapes.box((0.9, 1.9, 0.9), colors=(0.15, 0.3, 0.45), material=dr.Material("flat"))
    block.set("vertices", block.numpy("vertices")[0] @ rotation(-0.6) + (0.2, 0.95, -2.0))
    silver = dr.Material(albedo=(0.6, 0.55, 0.5), specular=0.6, shininess=80, reflectivity=0.85 * mirrors)
    clear = dr.Material(albedo=0.5, specular=0.6, shininess=80, index_of_refraction=1.5 if glass else None)
    matt = dr.Material(albedo=(0.7, 0.12, 0.1), specular=0.3)
    balls = [
        dr.Sphere((-1.3, 1.0, -0.6), 1.0, material=silver),
        dr.Sphere((0.35, 0.55, 0.9), 0.55, material=clear),
        dr.Sphere((1.75, 0.3, 0.6), 0.3, material=matt),
    ]
    return dr.Scene([floor, block, ring, *balls], **light)


def rotation(angle):
    """About the y axis, for rows of points."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def shadow_rays(tracer, camera):
    """3. Where a lamp arrives: under it alone, what it does not reach is black."""
    scene = make_scene(lights=dr.Lights(0, point=dr.PointLight(LAMP)))
    frame = tracer.render(scene, camera)
    color, normal, position, depth = (frame.numpy(name)[0] for name in ("color", "normal", "position", "depth"))
    towards = ((LAMP - position) * normal).sum(axis=-1) > 0
    lit = color.max(axis=-1) > 0
    picture = np.where(lit[..., None], ARRIVES, np.where(towards[..., None], BLOCKED, AWAY))
    hit = depth < camera.far
    return np.where(hit[..., None], picture, PAPER), float((towards & ~lit & hit).mean())


def by_hand(frame, scene):
    """What the floor's pixel that is lit and nearest to the picture's lower right corner shows, from the formula."""
    row, column = -2, -2
    point, face = (frame.numpy(name)[0, row, column] for name in ("position", "face_id"))
    towards = (LAMP - point) / np.linalg.norm(LAMP - point)
    albedo = scene.objects[0].numpy("colors")[0, face]
    return float((albedo * (AMBIENT + STRENGTH * towards[1])).mean()), float(
        frame.numpy("color")[0, row, column].mean()
    )


def toned(picture):
    """Linear colours of any size as such below 1: ``c (1 + c / 9) / (1 + c)`` of each channel (Reinhard)."""
    return picture * (1 + picture / 9) / (1 + picture)


def main(arguments=None):
    """Draws every stage, and all of them on one sheet."""
    size = {"type": int, "default": 320, "help": "pixels a side (320)"}
    samples = {"type": int, "default": 64, "help": "rays for each pixel (64)"}
    options = start(__file__, __doc__, arguments=arguments, size=size, samples=samples)
    size = options.size
    camera = dr.Camera.orbit(14, 17, distance=8.2, fov_y_deg=32, target=(0.1, 0.75, 0))
    tracer = dr.RayTracer(size, samples=1, bounces=0, background=PAPER)
    lamp = {"lights": dr.Lights(AMBIENT, point=dr.PointLight(LAMP, STRENGTH))}
    scene = make_scene(**lamp)
    frame = tracer.render(scene, camera)
    depth, face = (frame.numpy(name)[0] for name in ("depth", "face_id"))
    hit = face >= 0
    normals = quantized(
        np.where(hit[..., None], 0.5 + 0.5 * frame.numpy("normal")[0], dr.linear_to_srgb(np.array(PAPER)))
    )
    expected, found = by_hand(frame, scene)
    shadows, blocked = shadow_rays(tracer, camera)

    def picture(samples, bounces, **scene):
        tracer.samples, tracer.bounces = samples, bounces
        return tracer.render(make_scene(**scene), camera).numpy("color")[0]

    panel = dr.RectangleLight(LAMP, u=(0.7, 0, -0.7), v=np.cross((0.7, 0, -0.7), LAMP) / 5, radiance=15)
    smooth = min(options.samples, 16)  # where nothing is random but the place in the pixel
    stages = (
        ("hits", "primary hits: normals", normals),
        ("depth", "depth", coded(*DEPTHS, depth, hit, size, "world units")),
        ("shadow_rays", "shadow rays: lit, blocked, away", shadows),
        ("shading", "shading", picture(smooth, 0, **lamp)),
        ("reflections", "reflections", picture(smooth, 4, mirrors=True, **lamp)),
        ("refraction", "refraction", picture(options.samples, 8, mirrors=True, glass=True, **lamp)),
        (
            "soft_shadows",
            "soft shadows",
            picture(options.samples, 8, mirrors=True, glass=True, lights=dr.Lights(AMBIENT, area=panel)),
        ),
        (
            "environment",
            "environment",
            toned(picture(4 * options.samples, 8, mirrors=True, glass=True, environment=dr.Environment(sky()))),
        ),
    )
    pictures = [sheet([[picture]], [f"{i} {title}"]) for i, (_, title, picture) in enumerate(stages, 1)]
    for i, (name, _, _) in enumerate(stages):
        save_picture(options.out / f"{i + 1}_{name}.png", pictures[i])
    save_picture(options.out / "ray_tracing.png", sheet([pictures[:4], pictures[4:]]))
    return finish(
        options,
        pixels_in_shadow=blocked,
        floor_by_hand=expected,
        floor_by_renderer=found,
        depth_at_middle=float(depth[size // 2, size // 2]),
    )


if __name__ == "__main__":
    main()
