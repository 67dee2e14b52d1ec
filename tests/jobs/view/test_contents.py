"""What is looked at: which content a name means, what each renderer draws, where images and points are."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from gui.virtual_screen import until
from jobs.view.ball_field import write_ball_field

from taichi_dr.errors import DataSetError, FileError, InputError
from taichi_dr.gui.pose import camera_of
from taichi_dr.gui.windows.panel import Text
from taichi_dr.io.posed_images import PosedImages
from taichi_dr.jobs.settings.view import ViewSettings
from taichi_dr.jobs.view.album import Album
from taichi_dr.jobs.view.content import Choice
from taichi_dr.jobs.view.field import Field
from taichi_dr.jobs.view.finding import find_content
from taichi_dr.jobs.view.keys import Keys
from taichi_dr.jobs.view.looks import depth_color, depth_normals, face_color, with_edges
from taichi_dr.jobs.view.overlay import Overlay
from taichi_dr.jobs.view.photographs import Photographs
from taichi_dr.jobs.view.run import view
from taichi_dr.jobs.view.surface import Surface

SIZE = (48, 64)
PLACES = (48, 64), (36, 76)  # rows and columns in pictures of (96, 128)


def ahead(content, **depths):
    return camera_of(content.home, depths.get("near", 0.5), depths.get("far", 50.0))


def test_every_renderer_of_a_mesh_covers_what_the_others_do(cpu32):
    ball = Surface("icosphere")
    covered = {
        name: ball.draw(ahead(ball), SIZE, Choice(name))[..., 3].sum()
        for name in ("hard", "antialiased", "soft", "ray traced")
    }
    # a ball of radius 1 at distance 3.1, 40 degrees over 48 rows: tan(asin(1 / 3.1)) / tan(20 deg) * 24 = 22.5 pixels
    for area in covered.values():
        assert area == pytest.approx(np.pi * 22.47**2, rel=0.03)
    assert set(ball.missing) == {"sdf", "volume"}


def test_looks_are_normals_depths_and_faces(cpu32):
    ball = Surface("icosphere")
    middle = ball.draw(ahead(ball), SIZE, Choice("hard", "normals"))[24, 32]
    np.testing.assert_allclose(middle[:3], 0.5 + 0.5 * ball.home.backward, atol=0.03)  # the ball faces the eye there
    depth = ball.draw(ahead(ball), SIZE, Choice("hard", "depth"))
    assert depth[24, 32, 0] > 0.95
    assert depth[24, 32, 0] > depth[24, 50, 0] > 0
    assert len(np.unique(ball.draw(ahead(ball), SIZE, Choice("hard", "faces"))[..., 0])) > 20
    lit, plain = (ball.draw(ahead(ball), SIZE, Choice("hard", lit=lit)) for lit in (True, False))
    assert np.ptp(lit[14:34, 22:42, 0]) > 0.1
    assert np.ptp(plain[14:34, 22:42, 0]) < 1e-5


def test_depth_goes_from_white_to_dark_over_what_is_seen():
    depth = np.array([[1.0, 2.0, 3.0, 50.0]])
    np.testing.assert_allclose(depth_color(depth, depth < 10)[0, :, 0], [1, 0.51, 0.02, 0.02])


def test_faces_have_other_colors_than_the_next_and_edges_are_dark():
    face = np.array([[-1, 0, 0, 1]])
    colors = face_color(face)
    assert np.abs(colors[0, 1] - colors[0, 3]).max() > 0.2
    edged = with_edges(np.ones((1, 4, 4)), face)
    assert edged[0, :, 0].tolist() == [1, 0.25, 1, 0.25]
    assert edged[..., 3].tolist() == [[1, 1, 1, 1]]


def test_a_field_has_normals_depths_and_alpha_of_where_it_is_seen(cpu32, tmp_path):
    write_ball_field(tmp_path / "scene.npz", up=(0.0, 0.0, 1.0))
    ball = Field(tmp_path / "scene.npz")
    assert set(ball.missing_looks("volume")) == {"faces"}
    normals, depth, alpha = (
        ball.draw(ahead(ball), (96, 128), Choice("volume", look)) for look in ("normals", "depth", "alpha")
    )
    # at distance 3.1, 40 degrees over 96 rows, a ball of radius 0.5 has tan(asin(0.5 / 3.1)) / tan(20 deg) * 48 = 21.5
    # pixels, and one of half a cell more 22.6
    assert np.pi * 21.5**2 < alpha[..., 0].sum() < np.pi * 22.6**2
    assert alpha[..., 3].min() == 1
    middle, aside = (normals[row - 4 : row + 4, column - 4 : column + 4, :3].mean((0, 1)) for row, column in PLACES)
    np.testing.assert_allclose(middle, 0.5 + 0.5 * ball.home.backward, atol=0.04)
    u, v, w = ball.home.axes  # 12 pixels to the right and up, 2.7 before the eye: (0.245, 0.245) of the radius 0.5
    np.testing.assert_allclose(aside, 0.5 + 0.245 * u + 0.245 * v + 0.36 * w, atol=0.04)
    assert normals[0, 0, 3] == 0
    assert depth[48, 64, 0] > 0.95 > depth[48, 76, 0] > depth[48, 82, 0]


def test_normals_of_depths_do_not_reach_over_edges():
    rows, columns = np.mgrid[:4, :6].astype(float)
    near = columns < 3
    places = np.stack([columns, -rows, np.where(near, 0.0, -50.0 - columns)], axis=-1)  # a step back, then a slope
    normal = depth_normals(places, np.ones((4, 6), bool))
    np.testing.assert_allclose(normal, np.where(near[..., None], [0, 0, 1.0], [1.0, 0, 1]), atol=1e-12)
    assert not depth_normals(places, np.zeros((4, 6), bool)).any()


def test_alpha_is_how_much_of_a_pixel_is_covered(cpu32):
    ball = Surface("icosphere")
    alpha = ball.draw(ahead(ball), SIZE, Choice("antialiased", "alpha"))
    assert alpha[24, 32].tolist() == [1, 1, 1, 1]
    assert alpha[0, 0].tolist() == [0, 0, 0, 1]
    assert alpha[..., 1].sum() == pytest.approx(np.pi * 22.47**2, rel=0.03)


def posed(points=None):
    """Two images of 8 x 12 pixels, one from z = 4 and one from x = 4; the first is red above, blue below."""
    front = np.eye(4)
    front[2, 3] = 4
    side = np.array([[0.0, 0, 1, 4], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])
    images = np.zeros((2, 8, 12, 3), np.float32)
    images[0, :4, :, 0], images[0, 4:, :, 2], images[1, ..., 1] = 1, 1, 1
    focal, middle = np.full((2, 2), 10.0), np.tile([6.0, 4.0], (2, 1))
    alpha = np.ones((2, 8, 12), np.float32)
    return PosedImages(images, alpha, np.stack([front, side]), focal, middle, ("a.png", "b.png"), points=points)


def test_an_images_own_camera_sees_it_fill_the_picture(cpu32):
    content = Photographs(posed())
    pose = content.poses[0]
    np.testing.assert_allclose(pose.eye, [0, 0, 4], atol=1e-9)
    picture = content.draw(camera_of(pose, 0.05, 50), (80, 120), Choice("hard", current=0))
    np.testing.assert_allclose(picture[20, 30], [1, 0, 0, 1], atol=1e-5)
    np.testing.assert_allclose(picture[60, 90], [0, 0, 1, 1], atol=1e-5)
    without = content.draw(camera_of(pose, 0.05, 50), (80, 120), Choice("hard", current=0, images=False))
    assert without[20, 30, 3] == 0


def test_images_that_are_not_there_yet_are_grey(cpu32):
    given, goes_on = posed(), threading.Event()

    def read(view):
        assert goes_on.wait(60)
        return given.images[view], given.alpha[view]

    content = Photographs(replace(given, images=np.zeros_like(given.images)), Album(given.names, read))
    first, one = camera_of(content.poses[0], 0.05, 50), Choice("hard", current=0)
    keys = Keys(content, one)
    with content.album as album:
        np.testing.assert_allclose(content.draw(first, (80, 120), one)[20, 30], [0.1, 0.1, 0.1, 1], atol=1e-6)
        assert keys.status() == "hard, camera 1 of 2, reading"
        every = Choice("hard")
        assert Keys(content, every).status() == "hard, 0 of 2 images read"
        grey = content.draw(ahead(content), SIZE, every)
        goes_on.set()
        until(album.arrived, "the image")
        until(lambda: album.small(1) is not None, "the other one")
        np.testing.assert_allclose(content.draw(first, (80, 120), one)[20, 30], [1, 0, 0, 1], atol=1e-6)
        assert keys.status() == "hard, camera 1 of 2"
        assert Keys(content, every).status() == "hard"
        assert np.abs(content.draw(ahead(content), SIZE, every) - grey).max() > 0.5
    np.testing.assert_array_equal(
        content.draw(ahead(content), SIZE, every), Photographs(given).draw(ahead(content), SIZE, every)
    )


@pytest.mark.filterwarnings("ignore:.*a.png")
def test_a_damaged_image_is_named_in_the_panel_and_the_render_is_shown_alone(cpu32):
    def read(view):
        raise DataSetError("data/images/a.png: not a PNG or JPEG, or damaged")

    box = Surface("box")
    content, choice = Overlay(box, box.within(posed()), Album(("a.png", "b.png"), read)), Choice("hard", current=0)
    first, keys = camera_of(content.poses[0], 0.05, 50), Keys(content, choice)
    with pytest.raises(DataSetError, match=r"images/a\.png: not"):
        content.draw(first, SIZE, choice)
    with content.album:
        content.draw(first, SIZE, choice)
        until(lambda: content.album.fault(0) and content.album.fault(1), "what is wrong")
    assert keys.status() == "hard, camera 1 of 2, a.png cannot be read"
    assert keys.items()[0] == Text("data/images/a.png: not a PNG or JPEG, or damaged")
    with content.album:
        np.testing.assert_array_equal(content.draw(first, SIZE, choice), box.draw(first, SIZE, choice))
    choice.images = 0
    assert keys.status() == "hard, camera 1 of 2"
    choice.current = None
    assert keys.items()[0] == Text("data/images/a.png: not a PNG or JPEG, or damaged (1 more cannot be read)")


def test_what_there_is_of_posed_images_is_in_the_middle_of_the_first_view(cpu32):
    content = Photographs(posed(points=np.array([[0.0, 0.0, 0.0], [0.0, -1.0, 0.0]])))
    seen = np.argwhere(content.draw(ahead(content), (100, 200), Choice("hard"))[..., 3] > 0)
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0)
    assert max(bottom - top, right - left) == pytest.approx(90, abs=3)
    assert top >= 4
    assert bottom <= 96
    middle = left + right - 199 if right - left > bottom - top else top + bottom - 99
    assert abs(middle) <= 3
    assert np.linalg.norm(content.home.target) < content.radius


@pytest.mark.parametrize("eye", [(0, 0, 0), (1, 2, 3)])
def test_a_single_image_is_shown_at_a_distance_of_one(cpu32, eye):
    one = posed().subset([0])
    one.camera_to_world[0, :3, 3] = eye
    content = Photographs(one)
    assert 0.1 < content.radius < 1
    np.testing.assert_allclose(np.subtract(content.poses[0].target, eye), [0, 0, -1], atol=1e-6)
    picture = content.draw(camera_of(content.poses[0], 0.05, 50), (80, 120), Choice("hard", current=0))
    np.testing.assert_allclose(picture[20, 30], [1, 0, 0, 1], atol=1e-5)
    assert content.draw(ahead(content, near=0.01), (80, 120), Choice("hard"))[..., 3].any()


def test_a_camera_that_is_rolled_sees_its_image_upright(cpu32):
    given = posed()
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # its right is the world's up
    given.camera_to_world[0, :3, :3] = turn
    content = Photographs(given)
    picture = content.draw(camera_of(content.poses[0], 0.05, 50), (80, 120), Choice("hard", current=0))
    np.testing.assert_allclose(picture[20, 30], [1, 0, 0, 1], atol=1e-5)
    np.testing.assert_allclose(picture[60, 90], [0, 0, 1, 1], atol=1e-5)


def test_points_are_where_they_are_unless_an_image_hides_them(cpu32):
    content = Photographs(posed(points=np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])))
    camera = camera_of(content.poses[0], 0.05, 50)
    picture = content.draw(camera, (80, 120), Choice("hard", images=False, current=1))
    # 1 unit to the right at distance 4, focal length 10 of 8 rows and so 100 of 80: column 60 + 25, row 40
    assert picture[40, 85, 3] == 1
    assert picture[40, 60, 3] == 1
    hidden = content.draw(camera, (80, 120), Choice("hard", current=0))
    alone = Photographs(posed()).draw(camera, (80, 120), Choice("hard", current=0))
    assert hidden[40, 85].tolist() == alone[40, 85].tolist()


def test_keys_go_through_what_there_is_and_leave_out_what_there_is_not(cpu32):
    choice = Choice("soft", "faces")
    keys = Keys(Surface("icosphere"), choice)
    assert keys.press("r", None)
    assert choice.renderer == "ray traced"
    assert keys.press("r", None)
    assert choice.renderer == "hard"  # neither sdf nor volume
    keys.press("v", None)
    assert choice.look == "alpha"
    keys.press("v", None)
    assert choice.look == "colour"
    keys.press("x", None)
    assert choice.sigma == pytest.approx(10**-3.75)
    keys.press("c", None)
    assert choice.gamma == pytest.approx(10**-4.25)
    keys.press("l", None)
    assert not choice.lit
    assert not keys.press("Tab", None)  # a mesh has no cameras
    assert not keys.press("y", None)
    keys.set("log10 sigma", -2.0)
    assert choice.sigma == pytest.approx(0.01)
    assert keys.status() == "hard"


class Stub:
    """What a viewer is to keys."""

    pose, is_shifted = None, False


def test_tab_goes_through_the_cameras_and_b_leaves_them(cpu32):
    content, choice, viewer = Photographs(posed()), Choice("hard"), Stub()
    keys = Keys(content, choice)
    keys.press("Tab", viewer)
    assert (choice.current, viewer.pose) == (0, content.poses[0])
    keys.press("Tab", viewer)
    assert choice.current == 1
    viewer.is_shifted = True
    keys.press("Tab", viewer)
    assert (choice.current, viewer.pose) == (0, content.poses[0])
    keys.press("b", viewer)
    assert choice.current is None


def test_what_is_not_there_is_said(cpu32, own_runtime, tmp_path):
    with pytest.raises(FileError, match="nothing: no such file, nor a shape"):
        find_content("nothing")
    with pytest.raises(FileError, match=r"nothing\.npz: no such file"):
        find_content("nothing.npz")
    with pytest.raises(InputError, match="--renderer sdf: a mesh has no distances; expected antialiased"):
        view(ViewSettings("box", renderer="sdf", backend="cpu"))
    with pytest.raises(FileError, match="unknown suffix"):
        view(ViewSettings("box", screenshot=tmp_path / "a.txt", backend="cpu"))
