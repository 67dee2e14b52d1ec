"""Cameras against points worked out by hand, their errors, and the way of gradients to the fields."""

from functools import partial

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE
from oracles import camera as oracle

import taichi_dr as dr
from taichi_dr.errors import CameraError, RuntimeStateError
from taichi_dr.kernels.base.arrays import array_from
from taichi_dr.scene.camera import Camera

SIZE = (40, 20)  # width, height: the half height is the screen's unit


def project(camera, point, size=SIZE):
    """Pixel coordinates (right, down from the corner) and depth of a point in every view."""
    width, height = size
    packed = camera.pack(*size).to_numpy().astype(float)
    clip = oracle.transform(np.array([[point]], float), [0] * camera.views, packed, camera.is_orthographic)
    half = min(width, height) / 2
    x, y = clip[:, 0] / clip[:, 2], clip[:, 1] / clip[:, 2]
    return np.stack([width / 2 + half * x, height / 2 - half * y, clip[:, 3]], axis=1)


def test_look_at_frame_by_hand(cpu64):
    camera = Camera(eye=(0, 0, 5), target=(0, 0, 0), fov_y=np.pi / 2)
    u, v, w, e = camera.frames()
    np.testing.assert_allclose([u[0], v[0], w[0], e[0]], [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 5)], atol=1e-15)
    np.testing.assert_allclose(project(camera, (1, 2, 1)), [[20 + 10 / 4, 10 - 20 / 4, 4]], atol=1e-12)


def test_orbit_looks_from_where_it_says(cpu64):
    camera = Camera.orbit(azimuth_deg=[0, 90, 180, 270], elevation_deg=0, distance=2, target=(1, 0, 0))
    assert camera.views == len(camera) == 4
    expected = np.array([(0, 0, 2), (2, 0, 0), (0, 0, -2), (-2, 0, 0)]) + (1, 0, 0)
    np.testing.assert_allclose(camera.eye.to_numpy(), expected, atol=1e-12)
    above = Camera.orbit(0, [30, 90, -90], 2)
    np.testing.assert_allclose(above.eye.to_numpy()[0], (0, 1, np.sqrt(3)), atol=1e-12)
    np.testing.assert_allclose(above.frames()[1][1:], [(0, 0, -1), (0, 0, 1)], atol=1e-12)
    np.testing.assert_allclose(above.fov_y.to_numpy(), np.pi / 3)


def test_near_and_far_follow_the_distance(cpu64):
    camera = Camera.orbit(0, 0, [2.0, 4.0])
    assert (camera.near, camera.far) == pytest.approx((0.2, 148.0))
    assert (Camera.orbit(near=1, far=100).near, Camera.orbit(near=1, far=100).far) == (1, 100)


def test_orthographic_by_hand(cpu64):
    camera = Camera.orthographic(eye=(0, 0, 5), half_height=2)
    assert camera.is_orthographic
    for z in (0, 3):
        np.testing.assert_allclose(project(camera, (1, -0.5, z)), [[25, 12.5, 5 - z]], atol=1e-12)


def test_blender_matrix_by_hand(cpu64):
    matrix = np.array([[0, 0, 1, 3], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])  # from (3, 0, 0) along -x, z up
    camera = Camera.from_blender(matrix, camera_angle_x=2 * np.arctan(2.0), width=40, height=20)
    np.testing.assert_allclose(camera.fov_y.to_numpy(), np.pi / 2)
    np.testing.assert_allclose(project(camera, (1, 0.5, 0.25)), [[22.5, 8.75, 2]], atol=1e-12)


def test_pinhole_by_hand(cpu64):
    matrix = np.eye(4)
    matrix[2, 3] = 5  # at (0, 0, 5), looking along -z
    camera = Camera.pinhole(matrix[None], fl_x=30, fl_y=24, cx=21, cy=8, width=40, height=20)
    np.testing.assert_allclose(project(camera, (1, 2, 2)), [[21 + 30 / 3, 8 - 24 * 2 / 3, 3]], atol=1e-12)
    np.testing.assert_allclose(
        project(camera, (1, 2, 2), (80, 40)), [[2 * 31, 2 * (8 - 16), 3]], atol=1e-12
    )  # another size


@pytest.mark.parametrize("pixel_center", [0.5, 0.0])
def test_opencv_by_hand_and_back(cpu64, pixel_center):
    rotation = np.array([[0, 0, -1.0], [0, -1, 0], [-1, 0, 0]])  # looks along -x; y of the world is up
    translation = np.array([0.5, 0.25, 4.0])
    intrinsics = np.array([[30, 0, 19.0], [0, 24, 11], [0, 0, 1]])
    camera = Camera.from_opencv(rotation, translation, intrinsics, width=40, height=20, pixel_center=pixel_center)
    # p = (1, 2, -3) is (3.5, -1.75, 3) in OpenCV's camera; K gives (30 * 3.5 / 3 + 19, 24 * -1.75 / 3 + 11).
    expected = np.array([[54 + 0.5 - pixel_center, -3 + 0.5 - pixel_center, 3]])
    np.testing.assert_allclose(project(camera, (1, 2, -3)), expected, atol=1e-12)
    back = camera.to_opencv(40, 20, pixel_center=pixel_center)
    for got, given in zip(back, (rotation, translation, intrinsics), strict=True):
        np.testing.assert_allclose(got[0], given, atol=1e-12)


def test_every_way_gives_the_same_camera(cpu64):
    camera = Camera.orbit([10, 200], [20, -40], 3, fov_y_deg=50)
    u, v, w, e = camera.frames()
    matrices = np.concatenate([np.stack([u, v, w, e], axis=-1), np.tile([[[0, 0, 0, 1.0]]], (2, 1, 1))], axis=1)
    rotation, translation, intrinsics = camera.to_opencv(*SIZE)
    others = [
        Camera.from_uvwe(u, v, w, e, fov_y=np.deg2rad(50)),
        Camera.from_blender(matrices, fov_y=np.deg2rad(50)),
        Camera.pinhole(matrices, intrinsics[:, 0, 0], width=40, height=20),
        Camera.from_opencv(rotation, translation, intrinsics, width=40, height=20),
    ]
    for other in others:
        for size in (SIZE, (20, 40)):
            np.testing.assert_allclose(other.pack(*size).to_numpy(), camera.pack(*size).to_numpy(), atol=1e-12)


def test_moving_the_world_and_the_camera_changes_nothing(cpu64):
    r = np.random.default_rng(0)
    turn, shift, point = oracle.exponential(r.normal(size=3)), r.normal(size=3), r.normal(size=3) * 0.3
    eye, target, up = r.normal(size=(3, 3)) + [(0, 0, 4), (0, 0, 0), (0, 2, 0)]
    still = Camera(eye, target, up)
    moved = Camera(turn @ eye + shift, turn @ target + shift, turn @ up)
    np.testing.assert_allclose(project(moved, turn @ point + shift), project(still, point), atol=1e-10)
    np.testing.assert_allclose(
        project(Camera(3 * eye, 3 * target, up), 3 * point), project(still, point) * (1, 1, 3), atol=1e-10
    )


def test_pose_acts_in_the_cameras_axes(cpu64):
    camera = Camera(eye=(0, 0, 5), pose=(0, 0, 0, 1, 2, -3))
    np.testing.assert_allclose(camera.frames()[3], [(1, 2, 2)], atol=1e-12)
    turned = Camera(eye=(5, 0, 0), pose=(0, np.pi / 2, 0, 0, 0, 0))  # a quarter turn to the left about up
    np.testing.assert_allclose(turned.frames()[2], [(0, 0, -1)], atol=1e-12)


def test_select_copies_views(cpu64):
    camera = Camera.orbit([0, 90, 180], 20, 2.7)
    np.testing.assert_array_equal(camera.select([2, 0]).eye.to_numpy(), camera.eye.to_numpy()[[2, 0]])
    np.testing.assert_array_equal(camera[1].pack(8, 8).to_numpy(), camera.pack(8, 8).to_numpy()[1:2])
    assert [one.views for one in camera] == [1, 1, 1]
    assert (camera[1:].near, camera[1:].far, camera[1:].kind) == (camera.near, camera.far, camera.kind)


LENSES = {"perspective": {"fov_y": 0.8}, "pinhole": {"focal": (1.5, 1.2)}, "orthographic": {"half_height": 1.5}}


@pytest.mark.parametrize("lens", LENSES)
def test_gradients_reach_every_field(cpu64, lens):
    r = np.random.default_rng(1)
    camera = Camera(
        r.normal(size=(2, 3)) + (0, 0, 4),
        up=(0.1, 1, 0.2),
        principal=(0.1, 0.2),
        pose=0.3 * r.normal(size=(2, 6)),
        **LENSES[lens],
    )
    weights = r.normal(size=(2, 16))
    fields = {name: getattr(camera, name) for name in ("eye", "target", "up", "pose", "lens", "principal")}
    camera.pack(*SIZE)
    for _ in range(2):
        camera.add_gradients(array_from(weights), *SIZE)
    for name, field in fields.items():
        value, gradient = field.to_numpy(), field.grad.to_numpy()
        direction = r.normal(size=value.shape)
        losses = []
        for s in (1e-5, -1e-5):
            field.from_numpy(value + s * direction)
            losses.append((camera.pack(*SIZE).to_numpy() * weights).sum())
        field.from_numpy(value)
        assert 2 * (losses[0] - losses[1]) / 2e-5 == pytest.approx((gradient * direction).sum(), rel=1e-6), name


def test_sizes_do_not_share_an_array(cpu64):
    camera = Camera.orbit()
    wide = camera.pack(40, 20)
    before = wide.to_numpy()
    camera.pack(20, 40)
    camera.frames()
    np.testing.assert_array_equal(wide.to_numpy(), before)
    assert camera.pack(40, 20, wide) is wide
    np.testing.assert_array_equal(wide.to_numpy(), before)


BAD = {
    "eye = target": ({"eye": [(0, 0, 3), (1, 1, 1)], "target": (1, 1, 1)}, "view 1.*eye and target apart"),
    "up = 0": ({"eye": (0, 0, 3), "up": (0, 0, 0)}, "up vector of some length"),
    "up parallel": ({"eye": [(0, 0, 3), (0, 2, 0)]}, "view 1.*up not parallel.*0.0, 2.0, 0.0"),
    "near >= far": ({"eye": (0, 0, 3), "near": 5, "far": 5}, "near < far, got near = 5, far = 5"),
    "near <= 0": ({"eye": (0, 0, 3), "near": 0}, "near > 0"),
    "near NaN": ({"eye": (0, 0, 3), "near": np.nan}, "finite near and far"),
    "fov 0": ({"eye": (0, 0, 3), "fov_y": 0}, r"fov_y in \(0, pi\), got \[0.0\]"),
    "fov in degrees": ({"eye": (0, 0, 3), "fov_y": 60}, "fov_y.*got .60.0.*radians"),
    "focal": ({"eye": (0, 0, 3), "focal": (1, -1)}, "focal > 0"),
    "half height": ({"eye": (0, 0, 3), "half_height": 0}, "half_height > 0"),
    "two lenses": ({"eye": (0, 0, 3), "half_height": 1, "fov_y": 1}, "one lens, got fov_y and half_height"),
    "NaN": ({"eye": [(0, 0, 3), (0, np.nan, 3)]}, "view 1.*finite numbers as eye, got .0.0, nan"),
    "pose inf": ({"eye": (0, 0, 3), "pose": (0, np.inf, 0, 0, 0, 0)}, "finite numbers as pose"),
    "shape": ({"eye": (0, 0)}, r"eye of shape \(3,\) or \(1, 3\), got \(1, 2\)"),
    "views": ({"eye": np.ones((3, 3)), "target": np.zeros((2, 3))}, r"target of shape.*\(3, 3\), got \(2, 3\)"),
    "lens shape": ({"eye": (0, 0, 3), "fov_y": [[1, 1]]}, "fov_y of shape"),
    "no views": ({"eye": np.zeros((0, 3))}, "eye of shape"),
    "words": ({"eye": "here"}, "numbers as eye"),
}


@pytest.mark.parametrize("case", BAD)
def test_degenerate_cameras_say_what_is_wrong(cpu64, case):
    arguments, message = BAD[case]
    with pytest.raises(CameraError, match=message):
        Camera(**arguments)


def test_errors_of_the_other_constructors(cpu64):
    with pytest.raises(CameraError, match="elevation_deg in"):
        Camera.orbit(0, 100)
    with pytest.raises(CameraError, match="distance > 0"):
        Camera.orbit(0, 0, [1, -1])
    with pytest.raises(CameraError, match="one length, got azimuth_deg"):
        Camera.orbit([0, 1], [0, 1, 2])
    with pytest.raises(CameraError, match="orthonormal"):
        Camera.from_blender(np.diag([2.0, 2, 2, 1]), fov_y=1)
    with pytest.raises(CameraError, match=r"right-handed.*from_opencv"):
        Camera.from_blender(np.diag([1.0, -1, 1, 1]), fov_y=1)
    with pytest.raises(CameraError, match=r"\(V, 4, 4\) or \(4, 4\), got \(4,\)"):
        Camera.from_blender(np.ones(4), fov_y=1)
    with pytest.raises(CameraError, match="width and height"):
        Camera.from_blender(np.eye(4), camera_angle_x=1)
    with pytest.raises(CameraError, match="skew"):
        Camera.from_opencv(np.eye(3), np.zeros(3), [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]], width=4, height=4)
    with pytest.raises(CameraError, match="no intrinsic matrix"):
        Camera.orthographic((0, 0, 3)).to_opencv(4, 4)
    with pytest.raises(AttributeError, match="has half_height, not fov_y"):
        _ = Camera.orthographic((0, 0, 3)).fov_y
    with pytest.raises(CameraError, match="at least one view"):
        Camera.orbit().select([])


def test_orthographic_may_see_behind_its_eye(cpu64):
    assert Camera.orthographic((0, 0, 3), near=-2, far=5).near == -2


def test_check_sees_what_was_written_to_the_fields(cpu64):
    camera = Camera.orbit([0, 90])
    camera.check()
    camera.eye[1] = ti.Vector([0.0, 3.0, 0.0])
    with pytest.raises(CameraError, match=r"view 1.*parallel"):
        camera.check()


def test_a_camera_does_not_survive_init(own_runtime):
    dr.init("cpu")
    camera = Camera.orbit()
    dr.init("cpu")
    uses = [lambda: camera.pack(8, 8), camera.check, lambda: camera.fov_y]
    uses += [partial(getattr, camera, name) for name in ("eye", "target", "up", "pose", "lens", "principal")]
    for use in uses:
        with pytest.raises(RuntimeStateError, match="camera: made before"):
            use()


def test_an_open_tape_does_not_see_the_cameras_kernels(own_runtime):
    dr.init("cpu")  # a tape compiles one kernel for every group of fields that the runtime has seen
    x, loss = (ti.field(ti.f32, shape=(), needs_grad=True) for _ in range(2))
    x[None] = 3.0

    @ti.kernel
    def square():
        loss[None] += x[None] ** 2

    with ti.ad.Tape(loss):
        camera = Camera.orbit([0, 90])
        camera.check()
        camera[0].frames()
        square()
    assert x.grad[None] == 6
    assert not camera.eye.grad.to_numpy().any()


@pytest.mark.parametrize("backend", SINGLE)
def test_a_degenerate_camera_packs_to_what_is_not_finite(request, backend):
    request.getfixturevalue(backend)
    camera = Camera([(0, 0, 3), (0, 0, 3), (0, 0, 3)])
    camera.eye[1] = ti.Vector([0.0, 0.0, 0.0])
    camera.up[2] = ti.Vector([0.0, 0.0, 1.0])
    finite = np.isfinite(camera.pack(8, 8).to_numpy()).all(axis=1)
    assert finite.tolist() == [True, False, False]


def test_gpus_match_the_formulas(gpu):
    r = np.random.default_rng(2)
    eye, pose, weights = r.normal(size=(2, 3)) + (0, 0, 4), 0.3 * r.normal(size=(2, 6)), r.normal(size=(2, 16))
    camera = Camera(eye, pose=pose, fov_y=0.8)

    def packed(pose):
        target, up, lens, principal = np.zeros((2, 3)), [(0, 1, 0)] * 2, np.full((2, 1), 0.8), np.zeros((2, 2))
        return oracle.pack(eye, target, up, pose, lens, principal, kind="perspective", width=40, height=20)

    np.testing.assert_allclose(camera.pack(*SIZE).to_numpy(), packed(pose), atol=2e-6)
    camera.add_gradients(array_from(weights), *SIZE)
    steps = 1e-6 * np.eye(12).reshape(12, 2, 6)
    expected = [((packed(pose + step) - packed(pose - step)) * weights).sum() / 2e-6 for step in steps]
    np.testing.assert_allclose(camera.pose.grad.to_numpy().reshape(-1), expected, rtol=1e-4, atol=1e-5)


WRONG_ARGUMENTS = {
    "near no number": (lambda: Camera((0, 0, 3), near="x"), "numbers as near, got 'x'"),
    "near per view": (lambda: Camera((0, 0, 3), near=[1, 2]), r"one number as near .*got \[1, 2\]"),
    "flat target": (lambda: Camera.orbit(target=(0, 0)), r"target of shape \(3,\) or \(1, 3\), got \(2,\)"),
    "two targets": (lambda: Camera.orbit([0, 1, 2], target=np.zeros((2, 3))), r"\(3, 3\), got \(2, 3\)"),
    "no views": (lambda: Camera.orbit([]), "orbit: no views"),
    "fov_y": (lambda: Camera(np.ones((3, 3)), fov_y=[1, 1]), r"fov_y of shape \(\) or \(3,\), got \(2,\)"),
    "half height": (lambda: Camera(np.ones((3, 3)), half_height=[1, 1]), r"half_height of shape \(\) or \(3,\)"),
    "focal": (lambda: Camera(np.ones((3, 3)), focal=[1, 1, 1]), r"focal of shape \(2,\) or \(3, 2\), got \(1, 3\)"),
}


@pytest.mark.parametrize("wrong", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_arguments_are_named(cpu32, wrong):
    make, message = wrong
    with pytest.raises(CameraError, match=message):
        make()


def test_one_angle_for_several_targets(cpu32):
    assert Camera.orbit(target=np.eye(3)).views == 3
