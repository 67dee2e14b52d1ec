"""``taichi-dr view``: opens the viewer, or writes a screenshot."""

import numpy as np

from taichi_dr import runtime
from taichi_dr.errors import InputError
from taichi_dr.gui.pose import camera_of
from taichi_dr.gui.progressive import PASSES, jitter
from taichi_dr.gui.viewer import Viewer, depths, shift
from taichi_dr.io.images import check_picture, save_image
from taichi_dr.jobs.terminal.progress import progress_bar
from taichi_dr.jobs.view.content import Choice
from taichi_dr.jobs.view.finding import find_content
from taichi_dr.jobs.view.keys import Keys

BACKGROUND = (0.02, 0.02, 0.025)


def view(settings):
    """Shows what ``settings`` (ViewSettings) names until the window is closed; returns the screenshot's path or None.

    Raises:
        InputError: a setting outside its domain, a renderer or a camera that the content has not.
        FileError, DataSetError: nothing of that name that can be read.
        BackendError: no display, or not the backend that was asked for.
    """
    settings.check()
    if settings.screenshot is not None:
        check_picture(settings.screenshot)
    runtime.init(settings.backend)
    content = find_content(settings.content, settings.texture, settings.images)
    choice = _choice(content, settings)
    start = content.home if choice.current is None else content.poses[choice.current]
    if settings.screenshot is not None:
        if content.shows_all and choice.current is None:
            _read_small(content.album, len(content.poses))
        save_image(settings.screenshot, np.clip(_refined(content, choice, settings.size, start), 0, 1))
        return settings.screenshot
    keys = Keys(content, choice)
    viewer = Viewer(
        lambda camera, size: content.draw(camera, size, choice),
        size=settings.size,
        camera=camera_of(content.home, *depths(content.home, content.home.target, content.radius)),
        radius=content.radius,
        background=BACKGROUND,
        title=f"taichi-dr: {settings.content}",
        controls=keys,
    )
    viewer.pose = start
    with content.album as album:
        try:
            while viewer.running:
                viewer.show(changed=album.arrived())
        finally:
            viewer.close()
    return None


def _read_small(album, count):
    """Reads the small pictures of an album, which may take as long as a second each, with a bar."""
    with progress_bar("reading") as update:
        for view in range(count):
            album.small(view)
            update((view + 1) / count, f"{view + 1} of {count} images")


def _choice(content, settings):
    renderer = content.best if settings.renderer == "auto" else settings.renderer
    if renderer in content.missing:
        raise InputError(f"--renderer {renderer}: {content.missing[renderer]}; expected {content.best}")
    missing = content.missing_looks(renderer)
    if settings.show in missing:
        raise InputError(f"--show {settings.show}: {missing[settings.show]}; expected colour")
    choice = Choice(renderer, settings.show, settings.sigma, settings.gamma, images=content.opacity)
    if settings.camera is not None:
        if settings.camera > len(content.poses):
            raise InputError(
                f"--camera {settings.camera}: {settings.content} has {len(content.poses) or 'no'} posed images"
            )
        choice.current = settings.camera - 1
    return choice


def _refined(content, choice, size, pose=None):
    """What the window shows of a Pose, by default the first view, once it is still, linear RGB (H, W, 3)."""
    pose = pose or content.home
    total = np.zeros((*size, 3), np.float32)
    for number in range(PASSES):
        near, far = depths(pose, content.home.target, content.radius)
        picture = content.draw(camera_of(pose, near, far, shift(jitter(number), size)), size, choice)
        alpha = picture[..., 3:]
        total += picture[..., :3] * alpha + np.array(BACKGROUND, np.float32) * (1 - alpha)
    return total / PASSES
