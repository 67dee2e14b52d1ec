"""Photographs over the render, seen through their cameras: where they are, how they are mixed, who has which."""

import json
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from jobs.view.ball_field import write_ball_field
from jobs.view.test_contents import posed
from oracles import photographs
from oracles.photographs import NAMES

from taichi_dr.errors import InputError
from taichi_dr.gui.orbit import orbit
from taichi_dr.gui.pose import Pose, camera_of
from taichi_dr.gui.viewer import display_bytes
from taichi_dr.gui.windows.base import Events
from taichi_dr.io.images import save_image
from taichi_dr.io.meshes import save_mesh
from taichi_dr.io.posed import load
from taichi_dr.jobs.settings.view import ViewSettings
from taichi_dr.jobs.view.content import Choice
from taichi_dr.jobs.view.field import Field
from taichi_dr.jobs.view.finding import find_content
from taichi_dr.jobs.view.keys import Keys
from taichi_dr.jobs.view.looks import laid_over
from taichi_dr.jobs.view.overlay import Overlay, is_at, seen_through
from taichi_dr.jobs.view.photographs import Photographs
from taichi_dr.jobs.view.run import _refined, view
from taichi_dr.jobs.view.surface import Surface
from taichi_dr.scene import shapes
from taichi_dr.scene.mesh import Mesh

SIZE = (80, 120)
FOCAL, CENTER = (60.0, 60.0), (32.0, 24.0)


def through(pose):
    return camera_of(pose, 0.05, 50)


def test_a_photograph_is_mixed_with_the_render_through_its_camera_alone(cpu32):
    box = Surface("box")
    content = Overlay(box, box.within(posed()))  # red above, blue below, from z = 4
    pose = content.poses[0]
    np.testing.assert_allclose(pose.eye, [0, 0, 4], atol=1e-6)
    render, half, whole = (
        content.draw(through(pose), SIZE, Choice("hard", lit=False, images=images, current=0)) for images in (0, 0.5, 1)
    )
    np.testing.assert_allclose(render, box.draw(through(pose), SIZE, Choice("hard", lit=False)), atol=1e-6)
    for row, column, color in ((20, 30, [1, 0, 0]), (60, 90, [0, 0, 1]), (30, 60, [1, 0, 0])):
        np.testing.assert_allclose(whole[row, column], [*color, 1], atol=1e-5)
    np.testing.assert_allclose(
        half[20, 30], [1, 0, 0, 0.5], atol=1e-5
    )  # beside the box, half of what is behind is seen
    assert render[30, 60, 3] == 1  # a box of half width 0.58, 3.4 before the eye, is 2 * 17 of 120 columns wide
    np.testing.assert_allclose(half[30, 60], 0.5 * render[30, 60] + [0.5, 0, 0, 0.5], atol=1e-5)
    aside = orbit(pose, Events(drag=(0.001, 0.0)))  # 0.18 degrees
    choice = Choice("hard", images=1, current=0)
    np.testing.assert_array_equal(content.draw(through(aside), SIZE, choice), box.draw(through(aside), SIZE, choice))


def test_two_transparent_pictures_are_mixed_as_they_are_seen_over_anything():
    one, other = np.array([[[1.0, 0.5, 0.0, 0.25]]]), np.array([[[0.0, 0.5, 1.0, 0.75]]])
    mean = laid_over(one, other, 0.4)
    for behind in (0.0, 0.3):
        over = [each[..., :3] * each[..., 3:] + behind * (1 - each[..., 3:]) for each in (one, other, mean)]
        np.testing.assert_allclose(over[2], 0.6 * over[0] + 0.4 * over[1], atol=1e-12)
    np.testing.assert_array_equal(laid_over(one, np.full((1, 1, 4), np.nan), 0.4), one)


def test_a_photograph_is_where_its_lens_has_it(cpu32):
    """Its axis goes through (7, 3) of 12 x 8 pixels, that of the window through (6, 4): it is shifted by a pixel."""
    given = posed()
    given.images[0] = np.random.default_rng(2).uniform(size=(8, 12, 3))
    given.principal_point[0] = 7, 3
    given.alpha[0, 5] = 0.25
    pose = Photographs(given).poses[0]
    seen = seen_through(through(pose), (8, 12), given, 0)
    np.testing.assert_allclose(seen[1:, :11, :3], given.images[0, :7, 1:], atol=1e-4)
    np.testing.assert_allclose(seen[6, :11, 3], 0.25, atol=1e-4)
    assert np.isnan(seen[0]).all()
    assert np.isnan(seen[:, 11]).all()
    twice = replace(
        given, focal=given.focal * [1.0, 0.5]
    )  # half as high as before: its pixels are twice as wide as high
    wide = seen_through(through(pose), (8, 12), twice, 0)
    np.testing.assert_allclose(wide[4, 0, :3], 0.25 * given.images[0, 2, 1] + 0.75 * given.images[0, 3, 1], atol=1e-4)


def test_a_camera_is_at_a_pose_if_it_is_there_looks_there_and_has_its_angle(cpu32):
    pose = Pose((1.0, 2.0, 3.0), 40.0, 10.0, 5.0, roll_deg=20.0)
    assert is_at(through(pose), pose)
    for other in ({"distance": 5.01}, {"azimuth_deg": 40.1}, {"fov_y_deg": 40.01}, {"roll_deg": 20.1}):
        assert not is_at(through(pose._replace(**other)), pose)


def test_a_mesh_and_a_field_have_the_cameras_where_they_have_themselves(cpu32, tmp_path):
    eyes = np.array([[1.0, 2.0, 7.0], [1.0, 2.0, 3.0 - 4.0]])
    given = posed()
    given.camera_to_world[:, :3, 3] = eyes
    given.camera_to_world[1] = np.diag([-1, 1, -1, 1])
    given.camera_to_world[1, :3, 3] = eyes[1]
    box = shapes.box().normalized()
    save_mesh(Mesh(2 * box.numpy("vertices")[0] + [1, 2, 3], box.numpy("faces")), tmp_path / "far.ply")
    content = Surface(str(tmp_path / "far.ply"))
    within = Overlay(content, content.within(given))
    for pose, z in zip(within.poses, (2, -2), strict=True):
        np.testing.assert_allclose(pose.eye, [0, 0, z], atol=1e-5)
        np.testing.assert_allclose(pose.target, [0, 0, 0], atol=1e-5)
    write_ball_field(tmp_path / "scene.npz", (1.0, 2.0, 3.0), 2.0, (0.0, 0.0, 1.0))
    above = Field(tmp_path / "scene.npz").within(given)  # whose z is y here
    np.testing.assert_allclose(above.camera_to_world[:, :3, 3], [[0, 2, 0], [0, -2, 0]], atol=1e-12)
    np.testing.assert_allclose(above.camera_to_world[0, :3, 2], [0, 1, 0], atol=1e-12)


def test_images_at_frustums_let_points_through(cpu32):
    content = Photographs(posed(points=np.array([[1.0, -1.0, 0.0]])))
    camera = through(content.poses[0])
    point = content.draw(camera, SIZE, Choice("hard", images=0, current=0))[65, 85]
    assert point[3] == 1
    half = content.draw(camera, SIZE, Choice("hard", images=0.5, current=0))[65, 85]
    np.testing.assert_allclose(half, 0.5 * point + [0, 0, 0.5, 0.5], atol=1e-5)  # blue is below


def test_a_key_and_a_slider_lay_photographs_over(cpu32):
    box, choice = Surface("box"), Choice("hard", images=0.5)
    keys = Keys(Overlay(box, box.within(posed())), choice)
    seen = []
    for _ in range(4):
        assert keys.press("i", None)
        seen.append(choice.images)
    assert seen == [1, 0, 0.5, 1]
    keys.set("photographs", 0.7)
    assert choice.images == 0.7
    keys.press("i", None)
    assert choice.images == 1
    assert not Keys(box, choice).press("i", None)  # it has none
    assert not Keys(Photographs(posed()), choice).press("l", None)  # nothing to be lit


@pytest.fixture
def data(cpu32, tmp_path):
    """A folder of posed images."""
    photographs.save_photographs(tmp_path / "data" / "images", FOCAL, CENTER)
    photographs.write_nerfstudio(tmp_path / "data" / "transforms.json", FOCAL, CENTER)
    return tmp_path / "data"


def test_a_result_has_the_images_that_it_was_made_of(data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    save_mesh(shapes.box(), out / "mesh.ply")
    assert not find_content(str(out / "mesh.ply")).poses
    (out / "metrics.json").write_text(json.dumps({"settings": {"data": str(data), "keyed": None}}))
    for name in (out, out / "mesh.ply"):
        assert len(find_content(str(name)).poses) == len(NAMES)
    (data / "transforms.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"out: the images that it was made of cannot be laid over it: .*transforms"):
        assert not find_content(str(out)).poses
    for settings in (
        {"data": str(tmp_path / "gone"), "keyed": None},
        *({"data": wrong, "keyed": None} for wrong in (None, 5, {}, "", "\0")),
        {"data": str(data), "keyed": 5},
        [],
    ):
        (out / "metrics.json").write_text(json.dumps({"settings": settings}))
        assert not find_content(str(out)).poses


def test_images_of_a_relative_path_may_be_others(data, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    save_mesh(shapes.box(), tmp_path / "out" / "mesh.ply")
    (tmp_path / "out" / "metrics.json").write_text(json.dumps({"settings": {"data": "data", "keyed": None}}))
    monkeypatch.chdir(tmp_path)
    assert not find_content("out").poses
    assert len(find_content("out", images="data").poses) == len(NAMES)


def test_a_camera_in_the_very_centre_looks_ahead(cpu32):
    given = posed()
    given.camera_to_world[0, :3, 3] = 0
    box = Surface("box")
    pose = Overlay(box, box.within(given)).poses[0]
    np.testing.assert_allclose(pose.eye, [0, 0, 0], atol=1e-6)
    assert pose.distance == 1


@pytest.mark.parametrize("camera", [None, 2])
def test_a_screenshot_of_the_first_view_reads_no_photographs(data, own_runtime, tmp_path, monkeypatch, camera):
    read = []
    decode = load.decode_image
    monkeypatch.setattr(load, "decode_image", lambda *given: read.append(given) or decode(*given))
    file = tmp_path / "box.png"
    view(ViewSettings("box", SIZE, "hard", images=data, camera=camera, screenshot=file, backend="cpu"))
    assert len(read) == (0 if camera is None else 1)  # no other photograph than that of the camera
    content = find_content("box", images=data)
    choice = Choice("hard", images=content.opacity, current=None if camera is None else camera - 1)
    pose = content.home if camera is None else content.poses[camera - 1]
    expected = display_bytes(_refined(content, choice, SIZE, pose)).astype(int)
    assert np.abs(iio.imread(file)[..., :3] - expected).max() <= 1
    assert expected.std() > 5


def test_images_and_a_texture_may_be_given(data, own_runtime, tmp_path):
    assert len(find_content("car", images=data).poses) == len(NAMES)
    with pytest.raises(InputError, match=r"--images .*data: .*data: is posed images: expected a mesh"):
        find_content(str(data), images=data)
    save_image(tmp_path / "green.png", np.full((2, 2, 3), [0.0, 1.0, 0.0]))
    green = find_content("sphere", texture=tmp_path / "green.png")
    middle = green.draw(camera_of(green.home, 0.5, 50.0), SIZE, Choice("hard", lit=False))[40, 60]
    np.testing.assert_allclose(middle, [0, 1, 0, 1], atol=1e-6)
    with pytest.raises(InputError, match="--camera 9: box has 5 posed images"):
        view(ViewSettings("box", images=data, camera=9, backend="cpu"))
    with pytest.raises(InputError, match=r"data: has no texture coordinates to use .*green.png with"):
        find_content(str(data), texture=tmp_path / "green.png")
