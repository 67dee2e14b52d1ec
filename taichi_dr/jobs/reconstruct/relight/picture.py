"""``light.png``: an image, the render, its albedo, its light, and all of it in another light."""

import numpy as np

from taichi_dr.io.images import quantized
from taichi_dr.jobs.reconstruct.view_groups import unit_camera
from taichi_dr.jobs.report.metrics import over_white
from taichi_dr.jobs.report.pages import write_grid
from taichi_dr.render.rays.scene import Scene
from taichi_dr.scene.light import DirectionalLight, Lights
from taichi_dr.scene.material import Material
from taichi_dr.scene.mesh import Mesh

SIDE = 320  # pixels of an image
OTHER = (-0.8, 0.5, 0.4)  # towards the other light, in the camera's axes
AMBIENT, WARM = (0.24, 0.27, 0.34), (1.2, 1.0, 0.75)
HEIGHT = 0.3  # sine of a view's angle above the horizon, that shows a thing well
ASIDE = 0.1  # cosine of the angle between the view and the light that shows both sides of a thing


def write_picture(path, lit, train):
    """Writes the picture of ``lit`` (LightFit) in a view of ``train`` (PosedImages) that has its light from a side."""
    light, albedo, specular, shininess = lit.found()
    view = train.subset([side_view(train, light.direction)]).resized(min(SIDE, max(train.height, train.width)))
    camera, size = unit_camera(view), (view.height, view.width)
    shape = lit.mesh.numpy("vertices"), lit.mesh.topology.faces
    own = Lights(light.ambient, DirectionalLight(light.direction, 1.0, light.color))
    towards = view.camera_to_world[0, :3, :3] @ OTHER
    other = Lights(AMBIENT, DirectionalLight(towards, 1.0, WARM))
    bright = 1 / float((light.ambient + light.color).max())  # so that nothing is brighter than white
    grey = Lights(bright * light.ambient, DirectionalLight(light.direction, bright, light.color))
    matt, shiny = Material("phong"), Material("phong", specular=specular, shininess=shininess)
    white = np.ones(3)
    scale = 1 / max(float(albedo.max()), 1e-3)  # the scale of the albedo is nobody's: its brightest is white
    scenes = {
        "render": Scene(Mesh(*shape, colors=albedo, material=shiny), own),
        "albedo": Scene(Mesh(*shape, colors=scale * albedo, material=Material("none"))),
        "light": Scene(Mesh(*shape, colors=white, material=matt), grey),
        "in another light": Scene(Mesh(*shape, colors=scale * albedo, material=shiny), other),
    }
    image = np.concatenate([view.images, view.alpha[..., None]], axis=-1)[0]
    tiles = [("image", image), *((name, lit.traced(scene, camera, size)[0]) for name, scene in scenes.items())]
    x, y, z = light.direction
    said = f"light from ({x:.2f}, {y:.2f}, {z:.2f}), {np.mean(light.color / np.maximum(light.ambient, 1e-3)):.2f} times"
    said += f" the ambient light; highlight {specular:.2f}"
    write_grid(path, [[(name, quantized(over_white(picture))) for name, picture in tiles]], said)


def side_view(posed, direction):
    """The index of the view, from a little above if there is one, that a light in that ``direction`` is beside."""
    backs, up = posed.camera_to_world[:, :3, 2], posed.camera_to_world[:, :3, 1].mean(axis=0)
    heights = backs @ up / max(float(np.linalg.norm(up)), 1e-9)
    off = np.abs(backs @ direction - ASIDE) + 2 * np.maximum(np.abs(heights - HEIGHT) - HEIGHT, 0)
    return int(np.argmin(off))
