"""The camera that goes around what it looks at."""

import math

from taichi_dr.gui.fly import along

TURN_DEG = 180.0  # for a drag over the window's height
KEY_DEG = 60.0  # in a second that an arrow is held
NEARER = 0.85  # of the distance, after a step of the wheel
ZOOM_PER_HEIGHT = 8.0  # steps of the wheel, for a drag of the right button over the window's height
ZOOM_PER_SECOND = 5.0  # steps of the wheel, for a second that a key is held


def orbit(pose, events):
    """The Pose after ``events``.

    Dragging turns it about the target, what is under the pointer following it: by 180 degrees over the window's height;
    with Shift it moves the target across the image.  The wheel, a drag with the right button and W and S change the
    distance, by 15 % for a step of the wheel; the arrows turn it, A, D, Q and E move the target.
    """
    right, up = events.drag
    if "Shift" in events.held:
        height = 2 * pose.distance * math.tan(math.radians(pose.fov_y_deg) / 2)
        u, v, _ = pose.axes
        pose = pose.moved(-height * (right * u + up * v))
    else:
        pose = pose.turned(-TURN_DEG * right, -TURN_DEG * up)
    step = KEY_DEG * events.seconds
    pose = pose.turned(step * events.axis("Left", "Right"), step * events.axis("Down", "Up"))
    steps = events.wheel + ZOOM_PER_HEIGHT * events.push[1]
    steps += ZOOM_PER_SECOND * events.seconds * events.axis("s", "w")
    pose = pose._replace(distance=pose.distance * NEARER**steps)
    return pose.moved(along(pose, events.axis("a", "d"), events.axis("q", "e"), 0.0, events.seconds))
