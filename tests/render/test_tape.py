"""Renderers on an open tape: what goes wrong is named, and nothing but their own operations is recorded."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.tape import _Call, off_tape

SIZE = 16
RENDERERS = {
    "hard": lambda: dr.Rasterizer(SIZE),
    "antialiased": lambda: dr.Rasterizer(SIZE, antialias=True),
    "soft": lambda: dr.SoftRasterizer(SIZE),
}
every_renderer = pytest.mark.parametrize("make", RENDERERS.values(), ids=RENDERERS)


def colored_sphere():
    sphere = dr.shapes.icosphere(1)
    vertices = sphere.numpy("vertices")[0]
    return dr.Mesh(vertices, sphere.numpy("faces"), colors=0.5 + 0.4 * vertices)


def front(**settings):
    return dr.Camera.orbit(**{"azimuth_deg": 30, "elevation_deg": 20, "distance": 2.7, "fov_y_deg": 60} | settings)


def spoil_vertex(mesh, camera, renderer):
    vertices = mesh.numpy("vertices")
    vertices[0, 7, 1] = np.nan
    mesh.set("vertices", vertices)


def spoil_depths(mesh, camera, renderer):
    camera.near = camera.far + 1


MISTAKES = {
    "vertex": (spoil_vertex, dr.GeometryError, "is not finite"),
    "depths": (spoil_depths, dr.CameraError, "near < far"),
}


@every_renderer
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_error_of_a_render_is_not_replaced(cpu32, make, mistake):
    """A tape goes back after an exception too: over half a render."""
    spoil, error, message = MISTAKES[mistake]
    mesh, camera, renderer = colored_sphere(), front(), make()
    loss = ti.field(ti.f32, (), needs_grad=True)
    spoil(mesh, camera, renderer)
    with pytest.raises(error, match=message), ti.ad.Tape(loss):
        renderer.render(mesh, camera)


@every_renderer
def test_after_an_error_there_is_no_latest_render(cpu32, make):
    mesh, camera, renderer = colored_sphere(), front(), make()
    frame = renderer.render(mesh, camera)
    color = frame.numpy("color")
    camera.near = camera.far + 1
    with pytest.raises(dr.CameraError):
        renderer.render(mesh, camera)
    np.testing.assert_array_equal(frame.numpy("color"), color)
    for _ in range(2):
        with pytest.raises(dr.RuntimeStateError, match=r"raised an error .* ask for frame\.normal before"):
            _ = frame.normal
    with pytest.raises(dr.GradientError, match="or after one that raised an error"):
        renderer.backward()


@every_renderer
def test_a_caught_mistake_leaves_the_tape_to_the_next_render(cpu32, make):
    mesh, camera, renderer, loss = colored_sphere(), front(), make(), ti.field(ti.f32, (), needs_grad=True)
    target, gradients = np.zeros((1, SIZE, SIZE, 3)), []
    vertices = mesh.numpy("vertices")
    for mistaken in (False, True):
        with ti.ad.Tape(loss):
            if mistaken:
                with pytest.raises(dr.ShapeError, match=r"view_mesh: expected shape \(1,\)"):
                    renderer.render(mesh, camera, view_mesh=[0, 0])
                spoil_vertex(mesh, camera, renderer)
                with pytest.raises(dr.GeometryError, match="is not finite"):
                    renderer.render(mesh, camera)
                mesh.set("vertices", vertices)
            dr.losses.mse(renderer.render(mesh, camera).color, target, loss)
        gradients.append(mesh.colors.grad.to_numpy())
    assert np.abs(gradients[0]).max() > 1e-5
    np.testing.assert_array_equal(*gradients)


def some_lights():
    return dr.Lights(ambient=0.2, directional=[dr.DirectionalLight((1, 2, 3), 0.7)], point=[dr.PointLight((0, 0, 3))])


def test_a_tape_holds_operations_alone(own_runtime):
    """What else it recorded it would reverse: copies into fields, which put zeros into their gradients."""
    dr.init("cpu", float64=True)  # anew: the maps of views made before are kept; float64: there fill() is a kernel
    loss, target = ti.field(ti.f64, (), needs_grad=True), np.zeros((1, SIZE, SIZE, 3))

    def compare(renderer):
        frame = renderer.render(mesh, camera, lights, view_mesh=[0])
        dr.losses.mse(frame.color, target, loss)
        return frame

    with ti.ad.Tape(loss) as tape:
        mesh, camera, lights = colored_sphere(), front(), some_lights()
        renderers = dr.Rasterizer(SIZE, antialias=True), dr.SoftRasterizer(SIZE)
        mesh.set("vertices", mesh.numpy("vertices"))
        for thing in (mesh, camera, lights):
            thing.check()
        camera[0].to_opencv(SIZE, SIZE)
        for renderer in renderers:
            frame = compare(renderer)
            for name in ("color", "depth", "normal"):
                frame.numpy(name)
        assert [type(arguments[0]) for _, arguments in tape.calls if arguments] == 4 * [_Call]
        assert len(tape.calls) == 4
    fields = {"vertices": mesh.vertices, "color": lights.color, "vector": lights.vector, "eye": camera.eye}
    inside = {name: field.grad.to_numpy() for name, field in fields.items()}
    with ti.ad.Tape(loss):
        for renderer in renderers:
            compare(renderer)
    for name, field in fields.items():
        assert np.abs(inside[name]).max() > 1e-4, name
        np.testing.assert_allclose(inside[name], field.grad.to_numpy(), rtol=1e-9, err_msg=name)


@every_renderer
def test_a_render_off_the_tape_adds_no_gradient(cpu32, make):
    mesh, camera, target = colored_sphere(), front(), np.zeros((1, SIZE, SIZE, 3))
    loss, unseen_loss = (ti.field(ti.f32, (), needs_grad=True) for _ in range(2))
    renderer, other, gradients = make(), make(), []

    @off_tape
    def look():
        for _ in range(2):
            dr.losses.mse(other.render(mesh, camera).color, target, unseen_loss)
        mesh.set("colors", mesh.numpy("colors"))

    for looks in (False, True):
        with ti.ad.Tape(loss) as tape:
            if looks:
                look()
                assert tape.calls == []
            dr.losses.mse(renderer.render(mesh, camera).color, target, loss)
        gradients.append(mesh.colors.grad.to_numpy())
    assert unseen_loss[None] > 0
    assert np.abs(gradients[0]).max() > 1e-5
    np.testing.assert_array_equal(*gradients)


def test_a_second_render_within_a_step_is_refused_where_it_is(cpu32):
    """Under ``ti.ad.no_grad`` a step of a run may render, but not by a renderer whose gradient the tape wants."""
    mesh, renderer, other = colored_sphere(), RENDERERS["hard"](), RENDERERS["hard"]()
    state, loss = ti.field(float, 3, needs_grad=True), ti.field(float, (), needs_grad=True)
    refused = []

    @ti.kernel
    def halve(row: int):
        state[row + 1] = 0.5 * state[row]

    def step(row, number):
        halve(row)
        ti.ad.no_grad(lambda: other.render(mesh, front()))()
        if number in refused:
            return  # on the way back
        with pytest.raises(dr.GradientError, match="has rendered within this tape before"):
            ti.ad.no_grad(lambda: renderer.render(mesh, front(azimuth_deg=60)))()
        refused.append(number)

    run = dr.checkpointed(step, state, steps=2)
    with ti.ad.Tape(loss):
        dr.losses.mse(renderer.render(mesh, front()).color, np.zeros((1, SIZE, SIZE, 3)), loss)
        run()
    assert refused == [0, 1]
