"""Looking on: a window in which a camera is moved by mouse and keys.

``Viewer`` shows what a function draws, three lines in a simulation's loop; ``Controls`` is what adds sliders and keys
of one's own to it.  Nothing else of the package imports this room but the command line.

How it works: ``windows`` opens one of two kinds of window, which tell of the same ``Events``;
``orbit.orbit`` and ``fly.fly`` make the next ``Pose`` of them; ``Progressive`` says how finely to draw next.
"""

from taichi_dr.gui.pose import Pose
from taichi_dr.gui.progressive import Progressive
from taichi_dr.gui.viewer import Viewer
from taichi_dr.gui.windows.base import Events
from taichi_dr.gui.windows.panel import Check, Choice, Controls, Slider, Text

__all__ = ["Check", "Choice", "Controls", "Events", "Pose", "Progressive", "Slider", "Text", "Viewer"]
