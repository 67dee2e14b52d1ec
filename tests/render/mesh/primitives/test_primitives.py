"""Pieces put together are what the rasterizers show; gradients of programs of them; what is refused."""

import functools

import numpy as np
import pytest
import taichi as ti
from backends import SINGLE

import taichi_dr as dr
from taichi_dr.tape import off_tape

SIZE = (21, 28)


def ball(batch=1):
    """A bumpy ball of colours and a texture, another one in every mesh of the batch."""
    rng, sphere = np.random.default_rng(1), dr.shapes.icosphere(1)
    vertices = sphere.numpy("vertices")[0] + 0.08 * rng.standard_normal((batch, 42, 3))
    uv, texture = 0.3 + 0.02 * rng.random((42, 2)), rng.random((5, 6, 3))  # magnified, on faces seen edge-on too
    return dr.Mesh(vertices, sphere.numpy("faces"), colors=rng.random((batch, 42, 3)), uv=uv, texture=texture)


def views(*azimuths):
    return dr.Camera.orbit(azimuth_deg=azimuths, elevation_deg=15, distance=2.7, fov_y_deg=50, near=0.5, far=6.0)


def image(count, components=3):
    """A field of ``count`` images."""
    shape = (count, *SIZE)
    if components == 0:
        return ti.field(float, shape, needs_grad=True)
    return ti.Vector.field(components, float, shape, needs_grad=True)


def weights(like, seed):
    weight = ti.Vector.field(like.n, float, like.shape)
    weight.from_numpy(np.random.default_rng(seed).standard_normal((*like.shape, like.n)).astype(dtype()))
    return weight


def dtype():
    return np.float64 if ti.cfg.default_fp == ti.f64 else np.float32


@ti.kernel
def add(values: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(values):
        loss[None] += values[index].dot(weight[index])


@ti.kernel
def cover(face_id: ti.template(), color: ti.template(), rgba: ti.template()):
    for index in ti.grouped(color):
        alpha = ti.select(face_id[index] >= 0, 1.0, 0.0)
        rgba[index] = ti.Vector([color[index][0], color[index][1], color[index][2], alpha])


def plain(mesh):
    """The mesh without its texture: vertex colours."""
    return dr.Mesh(mesh.numpy("vertices"), mesh.numpy("faces"), colors=mesh.numpy("colors"))


def test_interpolated_colors_are_the_rasterizers(any32):
    mesh, camera, draw, color = ball(), views(20, 130), dr.Primitives(SIZE), image(2)
    frame = draw.rasterize(mesh, camera)
    draw.interpolate(mesh.colors, color)
    expected = dr.Rasterizer(SIZE).render(plain(mesh), camera)
    np.testing.assert_array_equal(color.to_numpy(), expected.numpy("color"))
    for name in frame.outputs:
        np.testing.assert_array_equal(frame.numpy(name), expected.numpy(name), err_msg=name)


def test_a_mesh_for_each_view_and_rows_of_their_own(any32):
    mesh, camera, draw, color = ball(batch=2), views(20, 130, 250), dr.Primitives(SIZE), image(3)
    draw.rasterize(mesh, camera, view_mesh=[1, 0, 1])
    draw.interpolate(mesh.colors, color)
    expected = dr.Rasterizer(SIZE).render(plain(mesh), camera, view_mesh=[1, 0, 1]).numpy("color")
    np.testing.assert_array_equal(color.to_numpy(), expected)


def test_scalars_are_interpolated_too(any32):
    mesh, camera, draw, depth = ball(), views(20), dr.Primitives(SIZE), image(1, 0)
    frame = draw.rasterize(mesh, camera)
    distance = ti.field(float, mesh.vertex_count, needs_grad=True)
    eye, _, _, w = camera.frames()[3][0], *camera.frames()[:3]
    distance.from_numpy(((eye - mesh.numpy("vertices")[0]) @ w[0]).astype(dtype()))
    draw.interpolate(distance, depth)
    hit = frame.numpy("face_id") >= 0
    np.testing.assert_allclose(depth.to_numpy()[hit], frame.numpy("depth")[hit], atol=1e-5)
    assert not depth.to_numpy()[~hit].any()


@pytest.mark.parametrize("mapped", [False, True], ids=["magnified", "minified"])
def test_textures_times_colors_are_the_rasterizers(any32, mapped):
    mesh, camera, draw, uv, texel, color = ball(), views(20, 130), dr.Primitives(SIZE), image(2, 2), image(2), image(2)
    if mapped:
        mesh.set("uv", 200 * mesh.numpy("uv"))
    draw.rasterize(mesh, camera)
    draw.interpolate(mesh.uv, uv, mesh.uv_faces)
    draw.interpolate(mesh.colors, color)
    draw.texture(mesh.texture, uv, texel, corners=(mesh.uv, mesh.uv_faces))
    expected = dr.Rasterizer(SIZE).render(mesh, camera).numpy("color")
    np.testing.assert_allclose(texel.to_numpy() * color.to_numpy(), expected, atol=1e-6)
    draw.texture(mesh.texture, uv, texel)
    assert (np.abs(texel.to_numpy() * color.to_numpy() - expected).max() < 1e-6) == (not mapped)


def test_blended_images_are_the_rasterizers(any32):
    mesh, camera, draw = ball(), views(20, 130), dr.Primitives(SIZE)
    color, rgba, blended = image(2), image(2, 4), image(2, 4)
    frame = draw.rasterize(mesh, camera)
    draw.interpolate(mesh.colors, color)
    cover(frame.face_id, color, rgba)
    draw.antialias(rgba, blended)
    expected = dr.Rasterizer(SIZE, antialias=True).render(plain(mesh), camera)
    np.testing.assert_allclose(blended.to_numpy()[..., :3], expected.numpy("color"), atol=1e-6)
    np.testing.assert_allclose(blended.to_numpy()[..., 3], expected.numpy("alpha"), atol=1e-6)
    assert np.abs(blended.to_numpy() - rgba.to_numpy()).max() > 0.1


@ti.func
def unit(v):
    return v / ti.sqrt(v.dot(v) + 1e-12)


@ti.kernel
def shade(frame: ti.template(), texel: ti.template(), position: ti.template(), sun: ti.template(), rgba: ti.template()):
    for p in ti.grouped(rgba):
        value = ti.Vector([0.1, 0.2, 0.3, 0.0])
        if frame.face_id[p] >= 0:
            light = unit(sun[None] - position[p]).dot(unit(frame.normal[p] + texel[p]))
            color = texel[p] * (0.5 + 0.5 * light) + 0.1 * frame.barycentric[p] + 0.02 * frame.depth[p]
            value = ti.Vector([color[0], color[1], color[2], 1.0])
        rgba[p] = value


class Program:
    """A shader of all primitives over a mesh, to a number; its fields."""

    def __init__(self, batch=1, view_mesh=None):
        azimuths = (20, 130, 250) if view_mesh else (20, 130)
        self.mesh, self.camera, self.view_mesh = ball(batch), views(*azimuths), view_mesh
        self.draw = dr.Primitives(SIZE)
        self.position, self.texel = image(len(azimuths)), image(len(azimuths))
        self.uv, self.rgba, self.blended = (image(len(azimuths), n) for n in (2, 4, 4))
        self.sun, self.loss = ti.Vector.field(3, float, (), needs_grad=True), ti.field(float, (), needs_grad=True)
        self.sun.from_numpy(np.array([1.5, 2.0, 1.2], dtype()))
        self.weight = weights(self.blended, 3)
        mesh = {name: mesh_field for name, mesh_field in self.mesh.fields.fields.items() if name != "colors"}
        self.parameters = mesh | {"sun": self.sun, "eye": self.camera.eye, "pose": self.camera.pose}

    def run(self):
        mesh, draw = self.mesh, self.draw
        frame = draw.rasterize(mesh, self.camera, view_mesh=self.view_mesh)
        draw.interpolate(mesh.vertices, self.position)
        draw.interpolate(mesh.uv, self.uv, mesh.uv_faces)
        draw.texture(mesh.texture, self.uv, self.texel, corners=(mesh.uv, mesh.uv_faces))
        shade(frame, self.texel, self.position, self.sun, self.rgba)
        draw.antialias(self.rgba, self.blended)
        add(self.blended, self.weight, self.loss)
        return self.loss

    def gradients(self):
        self.loss[None] = 0
        with ti.ad.Tape(self.loss):
            self.run()
        return {name: field.grad.to_numpy() for name, field in self.parameters.items()}


@pytest.mark.parametrize("scene", [{}, {"batch": 2, "view_mesh": [1, 0, 1]}], ids=["one mesh", "view_mesh"])
def test_gradients_of_a_shader_equal_central_differences(cpu64, scene):
    program = Program(**scene)
    report = dr.check_gradients(program.run, program.parameters, step=1e-6, samples=4)
    assert report.ok, str(report)


@functools.cache
def double_gradients():
    """The CPU in double precision must be in use."""
    return Program().gradients()


@pytest.mark.parametrize("backend", SINGLE)
def test_gradients_in_single_precision(request, backend):
    request.getfixturevalue("cpu64")
    expected = double_gradients()
    request.getfixturevalue(backend)
    for name, got in Program().gradients().items():
        largest = np.abs(expected[name]).max()
        assert largest > 0.01, name
        np.testing.assert_allclose(got, expected[name], rtol=0, atol=2e-3 * largest, err_msg=name)


def test_gradients_again_are_the_same(cpu32):
    """Nothing is left over from one tape to the next; a texture's gradient is summed by atomics."""
    program = Program()
    first, second = program.gradients(), program.gradients()
    for name in set(first) - {"texture"}:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_a_render_may_serve_several_tapes(cpu32):
    mesh, draw, color = ball(), dr.Primitives(SIZE), image(1)
    draw.rasterize(mesh, views(20))
    loss, weight, found = ti.field(float, (), needs_grad=True), weights(color, 4), []
    for _ in range(3):
        with ti.ad.Tape(loss):
            draw.interpolate(mesh.colors, color)
            add(color, weight, loss)
        found.append(mesh.colors.grad.to_numpy())
    assert np.abs(found[0]).max() > 0.1
    np.testing.assert_array_equal(found[2], found[0])


def test_variables_need_no_fields(cpu32):
    mesh, draw, loss = ball(), dr.Primitives(SIZE), ti.field(float, (), needs_grad=True)
    color = dr.Rasterizer(SIZE).render(mesh, views(20)).variable("color")  # an image to write to
    target = np.zeros((1, *SIZE, 3))
    with ti.ad.Tape(loss):
        draw.rasterize(mesh, views(20))
        draw.interpolate(mesh.variable("colors"), color)
        dr.losses.mse(color, target, loss)
    assert np.abs(mesh.gradient("colors")).max() > 1e-4
    assert not mesh.variable("colors").fields


def test_textured_meshes_are_rendered_without_fields(cpu32):
    mesh = ball()
    for renderer in (dr.Rasterizer(SIZE), dr.Primitives(SIZE)):
        (renderer.rasterize if isinstance(renderer, dr.Primitives) else renderer.render)(mesh, views(20))
    assert not mesh.variable("texture").fields


def test_what_is_refused(cpu32):
    mesh, draw = ball(), dr.Primitives(SIZE)
    color, uv = image(1), image(1, 2)
    with pytest.raises(dr.RuntimeStateError, match="rasterize"):
        draw.interpolate(mesh.colors, color)
    draw.rasterize(mesh, views(20))
    with pytest.raises(dr.ShapeError, match=r"out: expected shape \(1, 21, 28, 3\), got \(1, 21, 28, 2\)"):
        draw.interpolate(mesh.colors, uv)
    with pytest.raises(dr.ShapeError, match=r"faces: expected shape \(80, 3\), got \(7, 3\)"):
        draw.interpolate(mesh.colors, color, np.zeros((7, 3), int))
    with pytest.raises(dr.ShapeError, match="rows: expected as many as faces name, 0 to 41, got 5"):
        draw.interpolate(ti.Vector.field(3, float, 5, needs_grad=True), color)
    with pytest.raises(
        dr.ShapeError, match=r"rows: expected a field of shape \(rows,\) or \(1, rows\), got \(3, 42, 3\)"
    ):
        draw.interpolate(ti.Vector.field(3, float, (3, 42), needs_grad=True), color)
    with pytest.raises(dr.InputError, match="needs_grad=True"):
        draw.interpolate(ti.Vector.field(3, float, 42), color)
    with pytest.raises(dr.ShapeError, match=r"texture: expected shape \(any, any, 3\)"):
        draw.texture(ti.Vector.field(2, float, (4, 4), needs_grad=True), uv, color)
    with pytest.raises(dr.InputError, match="another field than image"):
        draw.antialias(color, color)
    with pytest.raises(dr.InputError, match="background: primitives have none"):
        draw.background = (1, 1, 1)
    with pytest.raises(dr.InputError, match="mesh: expected a Mesh object"):
        draw.rasterize("cow", views(20))


def test_what_a_tape_cannot_hold_is_refused(cpu32):
    mesh, draw, color = ball(), dr.Primitives(SIZE), image(1)
    loss = ti.field(float, (), needs_grad=True)
    with ti.ad.Tape(loss):
        draw.rasterize(mesh, views(20))
        draw.interpolate(mesh.colors, color)
        for kept_off in (lambda function: function, off_tape):  # off the tape, it is overwritten none the less
            with pytest.raises(dr.GradientError, match="a field of its own for every image"):
                kept_off(draw.interpolate)(mesh.vertices, color)
            with pytest.raises(dr.GradientError, match="use one renderer for each"):
                kept_off(draw.rasterize)(mesh, views(40))
