"""Losses and optimisers do the same with variables as with fields."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.fields.variable import Variable, of_field
from taichi_dr.kernels.base.arrays import write_array

RANDOM = np.random.default_rng(3)
PICTURES = RANDOM.uniform(0.1, 0.9, (2, 12, 13, 3))
TARGETS = RANDOM.uniform(0.1, 0.9, (2, 12, 13, 3))

IMAGE_LOSSES = {
    "mse": (dr.losses.mse, 3),
    "l1": (dr.losses.l1, 3),
    "huber": (dr.losses.huber, 3),
    "ssim": (dr.losses.ssim, 3),
    "iou": (dr.losses.iou, 0),
}


def pictures(n, values):
    return values if n else values[..., 0]


def new_loss():
    return ti.field(dr.runtime.float_dtype(), shape=(), needs_grad=True)


def new_field(values, n):
    make = (lambda **how: ti.Vector.field(n, **how)) if n else ti.field
    field = make(dtype=dr.runtime.float_dtype(), shape=values.shape[:3], needs_grad=True)
    field.from_numpy(values.astype(dr.losses.inputs.numpy_dtype()))
    return field


def new_variable(values, n):
    variable = Variable("picture", values.shape[:3], n)
    write_array(variable.array, values.reshape(variable.array.shape))
    return variable


@pytest.mark.parametrize("kind", ["array", "field", "variable"])
@pytest.mark.parametrize(("function", "n"), IMAGE_LOSSES.values(), ids=IMAGE_LOSSES)
def test_losses_of_images(any32, function, n, kind):
    image, target = pictures(n, PICTURES), pictures(n, TARGETS)
    targets = {
        "array": lambda: target,
        "field": lambda: new_field(target, n),
        "variable": lambda: new_variable(target, n),
    }
    field, variable, loss = new_field(image, n), new_variable(image, n), new_loss()
    for_field, for_variable = targets[kind](), targets[kind]()
    for _ in range(2):  # the second tape clears what the first has left
        with ti.ad.Tape(loss):
            function(field, for_field, loss, 0.7)
    expected, expected_gradient = loss[None], field.grad.to_numpy()
    for _ in range(2):
        with ti.ad.Tape(loss):
            function(variable, for_variable, loss, 0.7)
    assert loss[None] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(variable.gradient_to_numpy(), expected_gradient, rtol=2e-4, atol=1e-8)
    if kind == "variable":
        with ti.ad.Tape(loss):
            function(field, for_variable, loss, 0.7)
        again = new_field(target, n)
        gradient = for_variable.gradient_to_numpy()
        with ti.ad.Tape(loss):
            function(field, again, loss, 0.7)
        np.testing.assert_allclose(gradient, again.grad.to_numpy(), rtol=2e-4, atol=1e-8)


MESH_LOSSES = {
    "laplacian": dr.losses.laplacian,
    "cotangent": lambda mesh, loss: dr.losses.laplacian(mesh, loss, kind="cotangent"),
    "edge_length": dr.losses.edge_length,
    "normal_consistency": dr.losses.normal_consistency,
    "flatten": dr.losses.flatten,
    "chamfer": lambda mesh, loss: dr.losses.chamfer(mesh, np.zeros((1, 3)), loss, samples=50),
}


@pytest.mark.parametrize("function", MESH_LOSSES.values(), ids=MESH_LOSSES)
def test_losses_of_meshes(any32, function):
    vertices = dr.shapes.icosphere(1).numpy("vertices")[0] * RANDOM.uniform(0.8, 1.2, (42, 1))
    mesh, touched = (dr.Mesh(vertices, dr.shapes.icosphere(1).numpy("faces")) for _ in range(2))
    assert touched.vertices.shape == (1, 42)
    losses = [new_loss() for _ in range(2)]
    for one, loss in zip((mesh, touched), losses, strict=True):
        for _ in range(2):
            with ti.ad.Tape(loss):
                function(one, loss)
    assert losses[0][None] == pytest.approx(losses[1][None], rel=1e-6)
    np.testing.assert_allclose(mesh.gradient("vertices"), touched.vertices.grad.to_numpy(), rtol=1e-5, atol=1e-9)


def optimizers(parameters):
    return {
        "sgd": dr.SGD(parameters, lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.1),
        "adam": dr.Adam(parameters, lr=0.1, clip_value=0.3),
        "uniform": dr.UniformAdam(parameters, lr=0.1, clip_norm=0.5),
    }


@pytest.mark.parametrize("name", ["sgd", "adam", "uniform"])
def test_optimisers(any32, name):
    values, gradient = RANDOM.normal(size=(1, 2, 3, 3)), RANDOM.normal(size=(1, 2, 3, 3))
    field, variable = new_field(values, 3), new_variable(values, 3)
    number = ti.field(ti.f32, shape=(), needs_grad=True)
    steps = optimizers([field, number])[name], optimizers([variable, Variable("number", ())])[name]
    for _ in range(3):
        field.grad.from_numpy(gradient.astype(np.float32))
        number.grad[None] = 0.5
        write_array(variable.gradient, gradient.reshape(-1, 3))
        write_array(steps[1].parameters[1].variable.gradient, np.full((1, 1), 0.5))
        assert [optimizer.step() for optimizer in steps] == [True, True]
    np.testing.assert_allclose(variable.to_numpy(), field.to_numpy(), rtol=1e-6)
    assert steps[1].parameters[1].variable.to_numpy() == pytest.approx(number[None])
    assert abs(field.to_numpy() - values).max() > 0.05
    steps[1].zero_grad()
    assert not variable.gradient_to_numpy().any()


def test_large_steps_and_frames_without_a_field(any32):
    target = dr.Rasterizer(24, antialias=True).render(dr.shapes.icosphere(1), dr.Camera.orbit()).numpy("color")
    results = []
    for touched in (False, True):
        mesh, loss = dr.shapes.icosphere(1, radius=0.6), new_loss()
        smooth, renderer, camera = dr.LargeSteps(mesh), dr.Rasterizer(24, antialias=True), dr.Camera.orbit()
        optimizer = dr.UniformAdam([smooth.coordinates if touched else smooth.variable()], lr=0.05)
        for _ in range(5):
            with ti.ad.Tape(loss):
                smooth.apply()
                frame = renderer.render(mesh, camera)
                dr.losses.mse(frame.color if touched else frame.variable("color"), target, loss)
                dr.losses.iou(frame.alpha if touched else frame.variable("alpha"), target[..., 0], loss)
                dr.losses.laplacian(mesh, loss, 0.1)
            optimizer.step()
        results.append((loss[None], mesh.numpy("vertices"), frame.gradient("alpha")))
        assert bool(frame._fields) == touched
    for plain, with_fields in zip(*results, strict=True):
        np.testing.assert_allclose(plain, with_fields, rtol=1e-3, atol=1e-5)


def test_a_variable_and_a_field_of_one_output_are_one(any32):
    renderer, mesh = dr.Rasterizer(12, antialias=True), dr.shapes.icosphere(1)
    frame = renderer.render(mesh, dr.Camera.orbit())
    variable = frame.variable("color")
    np.testing.assert_array_equal(variable.to_numpy(), frame.numpy("color"))
    write_array(variable.gradient, np.ones((144, 3)))
    np.testing.assert_array_equal(frame.color.grad.to_numpy(), np.ones((1, 12, 12, 3)))
    frame.color.grad.fill(2.0)
    assert (frame.gradient("color") == 2).all()
    renderer.backward()
    twice = mesh.gradient("colors")
    other = dr.shapes.icosphere(1)
    frame = renderer.render(other, dr.Camera.orbit())
    frame.color.grad.fill(1.0)
    renderer.backward()
    np.testing.assert_allclose(twice, 2 * other.gradient("colors"), rtol=1e-5)
    with pytest.raises(dr.InputError, match="face_id: an image of indices"):
        frame.variable("face_id")


def test_a_camera_has_no_variables_of_its_parts(cpu32):
    with pytest.raises(dr.InputError, match=r"camera\.eye is a part of an array"):
        dr.Camera.orbit().variable("eye")


def test_of_field_reads_and_writes_it(any32):
    field = new_field(PICTURES, 3)
    variable = of_field(field)
    np.testing.assert_array_equal(variable.to_numpy(), field.to_numpy())
    write_array(variable.array, np.ones(variable.array.shape))
    variable.write()
    assert (field.to_numpy() == 1).all()
    variable.from_numpy(2 * variable.to_numpy())
    assert (field.to_numpy() == 2).all()
    variable.from_numpy(np.ones(field.shape + (3,)))
    variable.add_gradient(variable.array)
    variable.add_gradient(variable.array)
    assert (field.grad.to_numpy() == 2).all()
    variable.clear_gradient()
    assert not variable.gradient_to_numpy().any()
