"""A radiance field to be looked at."""

from dataclasses import replace

import numpy as np

from taichi_dr.gui.pose import Pose
from taichi_dr.jobs.reconstruct.radiance.display import linear
from taichi_dr.jobs.reconstruct.radiance.drawing import rotation_to, scene_view
from taichi_dr.jobs.reconstruct.radiance.scene import load_scene
from taichi_dr.jobs.view.content import RENDERERS, Content
from taichi_dr.jobs.view.looks import HALF, alpha_picture, depth_color, depth_normals, normal_color

DISTANCE = 3.1  # from which the unit ball fills 40 degrees
MOST = 1.0, 99.0  # percent: the depths of a few pixels are those of nothing, between what is before and behind


class Field(Content):
    """The radiance field in a scene.npz, its unit scene with y up; its surface is where it is seen, on average."""

    def __init__(self, path):
        self.home, self.radius = Pose((0.0, 0.0, 0.0), 30.0, 20.0, DISTANCE), 1.0
        self._path, self._look = path, scene_view(path)
        self.missing = dict.fromkeys(RENDERERS, "a radiance field has no surface")
        del self.missing["volume"]

    def missing_looks(self, renderer):
        return {"faces": "a radiance field has none"}

    def within(self, posed):
        scene = load_scene(self._path)
        moved, turn = posed.moved(scene.center, scene.radius), rotation_to(scene.up).T
        matrices = moved.camera_to_world.copy()
        matrices[:, :3] = turn @ matrices[:, :3]
        return replace(moved, camera_to_world=matrices, points=None, region=None)

    def draw(self, camera, size, choice):
        seen, posed = self._look(camera, size)
        alpha, depth = np.clip(seen.alpha[0], 0, 1), seen.depth[0]
        if choice.look == "colour":
            return linear(seen.color, seen.alpha)[0]
        if choice.look == "alpha":
            return alpha_picture(alpha)
        solid = alpha > HALF
        if choice.look == "depth":
            color = depth_color(depth, solid, MOST)
        else:
            axes = np.concatenate(camera.frames()[:3])
            color = normal_color(depth_normals(_places(posed, depth), solid) @ axes)
        return np.concatenate([color, alpha[..., None]], axis=-1).astype(np.float32)


def _places(posed, depth):
    """(H, W, 3): what pixels see at a depth (H, W), in the axes right, up, backward of the first camera."""
    (focal_x, focal_y), (x, y) = posed.focal[0], posed.principal_point[0]
    rows, columns = np.mgrid[0.5 : posed.height, 0.5 : posed.width]
    return np.stack([(columns - x) / focal_x * depth, (y - rows) / focal_y * depth, -depth], axis=-1)
