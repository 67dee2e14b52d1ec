"""The camera that looks around from where it is, and walks."""

LOOK_DEG = 90.0  # for a drag over the window's height
KEY_DEG = 60.0  # in a second that an arrow is held
SPEED = 0.5  # distances to the target in a second
FASTER = 3.0  # with Shift
WHEEL = 0.1  # distances to the target for a step of the wheel


def fly(pose, events):
    """The Pose after ``events``.

    Dragging (with either button) and the arrows turn it about itself; W and S go forwards and backwards, A and D left
    and right, E and Q up and down, half the distance to the target in a second, three times as fast with Shift; so does
    the wheel.
    """
    right, up = events.drag[0] + events.push[0], events.drag[1] + events.push[1]
    step = KEY_DEG * events.seconds
    turn, rise = step * events.axis("Left", "Right"), step * events.axis("Down", "Up")
    pose = pose.looking(LOOK_DEG * right - turn, LOOK_DEG * up - rise)
    seconds = events.seconds * (FASTER if "Shift" in events.held else 1.0)
    pose = pose.moved(along(pose, events.axis("a", "d"), events.axis("q", "e"), events.axis("s", "w"), seconds))
    return pose.moved(-WHEEL * events.wheel * pose.distance * pose.axes[2])


def along(pose, right, up, forward, seconds):
    """The way (3,) of so many seconds in a direction of -1 to 1 along each of the camera's axes."""
    u, v, w = pose.axes
    return SPEED * seconds * pose.distance * (right * u + up * v - forward * w)
