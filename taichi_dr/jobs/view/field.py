"""A radiance field to be looked at."""

from taichi_dr.gui.pose import Pose
from taichi_dr.jobs.reconstruct.radiance.drawing import scene_drawing
from taichi_dr.jobs.view.content import LOOKS, RENDERERS, Content

DISTANCE = 3.1  # from which the unit ball fills 40 degrees


class Field(Content):
    """The radiance field in a scene.npz, its unit scene with y up."""

    def __init__(self, path):
        self.home, self.radius = Pose((0.0, 0.0, 0.0), 30.0, 20.0, DISTANCE), 1.0
        self._draw = scene_drawing(path)
        self.missing = dict.fromkeys(RENDERERS, "a radiance field has no surface")
        del self.missing["volume"]

    def missing_looks(self, renderer):
        return dict.fromkeys(LOOKS[1:], "a radiance field has no surface")

    def draw(self, camera, size, choice):
        return self._draw(camera, size)[0]
