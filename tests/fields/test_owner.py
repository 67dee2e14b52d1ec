"""Setting, reading and refusing: what meshes, cameras and lights have in common."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
FACES = [[0, 1, 2], [0, 2, 3]]


def square(**arguments):
    return dr.Mesh(SQUARE, FACES, name="square", **arguments)


@pytest.mark.parametrize(
    ("make", "name", "advice"),
    [
        (square, "vertices", r'square\.set\("vertices", values\)'),
        (square, "colors", r'square\.set\("colors", values\)'),
        (square, "texture", "it follows from what the object was made of"),
        (dr.Camera.orbit, "eye", r"camera\.set\(eye=values\)"),
        (dr.Camera.orbit, "fov_y", r"camera\.set\(fov_y=values\)"),
        (dr.Lights, "color", r'lights\.fields\.set\("color", values\)'),
    ],
)
def test_assigning_to_a_field_says_what_to_call(cpu32, make, name, advice):
    owner = make()
    with pytest.raises(AttributeError, match=f"{name}: expected to be read, not assigned to; {advice}"):
        setattr(owner, name, np.zeros((4, 3)))


@pytest.mark.parametrize("index", [slice(None), (0, slice(None)), Ellipsis])
def test_assigning_to_a_slice_says_what_to_call(cpu32, index):
    mesh, lights = square(), dr.Lights()
    with pytest.raises(dr.InputError, match=r'square\.vertices\[\.\.\.\]: .* square\.set\("vertices", values\)'):
        mesh.vertices[index] = 0.0
    with pytest.raises(dr.InputError, match=r"lights\.color\.to_numpy\(\) reads it"):
        _ = lights.color[index]


def test_camera_set_writes_what_is_named(any32):
    camera = dr.Camera.orbit([0, 90], 20, 3.0, 50.0)
    eye = camera.numpy("eye")
    for touched in (False, True):
        if touched:
            assert camera.eye.shape == (2,)
        camera.set(fov_y=[0.5, 0.6], target=(0, 0.5, 0), near=0.2)
        np.testing.assert_allclose(camera.numpy("fov_y"), [0.5, 0.6], rtol=1e-6)
        assert camera.numpy("target").tolist() == [[0, 0.5, 0]] * 2
        np.testing.assert_array_equal(camera.numpy("eye"), eye)
        assert camera.near == 0.2
        camera.look_from((0, 0, 7), up=(1, 0, 0))
        assert camera.numpy("eye").tolist() == [[0, 0, 7]] * 2
        assert camera.numpy("up").tolist() == [[1, 0, 0]] * 2
        camera.set(eye=eye, up=(0, 1, 0))
    np.testing.assert_array_equal(camera.eye.to_numpy(), eye)


def test_look_from_undoes_the_pose(cpu32):
    camera = dr.Camera(eye=(0, 0, 3), pose=(0.1, 0.2, 0.3, 1, 2, 3))
    camera.look_from((0, 0, 3))
    for ours, expected in zip(camera.frames(), np.concatenate([np.eye(3), [[0, 0, 3]]]), strict=True):
        np.testing.assert_allclose(ours, [expected], atol=1e-6)


def test_a_camera_that_defines_no_image_is_not_set(cpu32):
    camera = dr.Camera(eye=(0, 0, 3))
    for wrong, message in (
        ({"eye": (0, 0, 0)}, "expected eye and target apart"),
        ({"eye": np.zeros((2, 3))}, r"expected eye of shape \(3,\) or \(1, 3\), got \(2, 3\)"),
        ({"fov_y": 4.0}, "expected fov_y in"),
        ({"far": 0.01}, "expected near < far"),
    ):
        with pytest.raises(dr.CameraError, match=message):
            camera.set(**wrong)
    assert camera.numpy("eye").tolist() == [[0, 0, 3]]
    with pytest.raises(dr.InputError, match=r"camera\.set: unknown focal; expected some of eye, .*fov_y"):
        camera.set(focal=1.0)


def test_lights_set_and_what_they_refuse(cpu32):
    lights = dr.Lights(0.3, [dr.DirectionalLight((0, 1, 0))], [dr.PointLight((1, 2, 3))])
    lights.set(0.5, dr.DirectionalLight((0, 0, 2), 0.25), dr.PointLight((3, 2, 1), 2.0, (1, 0, 0)))
    assert lights.numpy("color").tolist() == [[0.5] * 3, [0.25] * 3, [2, 0, 0]]
    assert lights.vector.to_numpy().tolist() == [[0, 0, 0], [0, 0, 2], [3, 2, 1]]
    with pytest.raises(dr.InputError, match=r"expected 1 directional, 1 point and 0 spot lights.*got 2 directional, 0"):
        lights.set(0.5, [dr.DirectionalLight((0, 0, 2))] * 2)


@pytest.mark.parametrize("when", ["never", "before", "between", "after"])
def test_gradients_are_the_same_whenever_fields_are_made(any32, when):
    loss = ti.field(ti.f32, shape=(), needs_grad=True)
    renderer, camera = dr.Rasterizer(16, antialias=True), dr.Camera.orbit(30, 20, 2.7)
    mesh, target = dr.shapes.icosphere(1, radius=0.5), np.ones((1, 16, 16), np.float32)
    if when == "before":
        assert mesh.vertices.shape == (1, 42)
    for _ in range(2):  # the second tape clears what the first has left
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera)
            if when == "between":
                assert mesh.vertices.shape == (1, 42)
            dr.losses.mse(frame.alpha, target, loss)
    gradient = mesh.gradient("vertices")
    reference = expected_gradient(target)
    np.testing.assert_allclose(gradient, reference, rtol=1e-4, atol=1e-6 * np.abs(reference).max())
    if when != "never":
        np.testing.assert_array_equal(mesh.vertices.grad.to_numpy(), gradient)
    with pytest.raises(dr.InputError, match="has no field 'uv': it has vertices, colors"):
        mesh.gradient("uv")


def expected_gradient(target):
    """The gradient of the same loss by the rasterizer's own backward pass, without a tape."""
    renderer, camera = dr.Rasterizer(16, antialias=True), dr.Camera.orbit(30, 20, 2.7)
    mesh = dr.shapes.icosphere(1, radius=0.5)
    frame = renderer.render(mesh, camera)
    frame.alpha.grad.from_numpy(2 * (frame.alpha.to_numpy() - target) / target.size)
    renderer.backward()
    return mesh.gradient("vertices")


def test_a_gradient_by_hand_adds_up(cpu32):
    renderer, mesh, camera = dr.Rasterizer(8), dr.shapes.icosphere(0), dr.Camera.orbit()
    frame = renderer.render(mesh, camera)
    frame.color.grad.fill(1.0)
    renderer.backward()
    once = mesh.gradient("colors")
    renderer.backward()
    np.testing.assert_allclose(mesh.gradient("colors"), 2 * once, rtol=1e-6)
    assert once.sum() == pytest.approx(3 * frame.numpy("alpha").sum(), rel=1e-5)
