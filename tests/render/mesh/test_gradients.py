"""The gradient of whole renders, from every output to every field, against central differences in float64.

Visibility and the soft rasterizer's cut-off at a coverage of 1e-4 are steps of the image: the scenes are small and the
differences short, so that no pixel takes one within them.
"""

from functools import partial

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

SIZE = (11, 14)
STEP = 1e-5


def tetrahedra(batch=1, **extras):
    """Two overlapping tetrahedra in general position, different in every mesh of the batch."""
    rng = np.random.default_rng(1)
    corners = np.array([[0.6, 0.5, 0.4], [-0.7, -0.4, 0.5], [-0.3, 0.7, -0.6], [0.5, -0.6, -0.3]])
    vertices = np.concatenate([corners, 0.7 * corners[:, [1, 2, 0]] + (0.25, 0.1, 0.35)])
    vertices = vertices + 0.05 * rng.standard_normal((batch, 8, 3))
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    faces = np.concatenate([faces, faces + 4])
    if "face_colors" not in extras:
        extras["colors"] = rng.random((batch, 8, 3))
    return dr.Mesh(vertices, faces, **extras)


def textured(**extras):
    rng = np.random.default_rng(2)
    uv = 0.3 + 0.4 * rng.random((8, 2))
    return tetrahedra(uv=uv, texture=rng.random((2, 3, 3)), **extras)  # magnified: no level to hold constant


def two_views(**extras):
    settings = {"azimuth_deg": [26, 133], "elevation_deg": [17, -21], "distance": 2.7, "fov_y_deg": 48, "near": 0.5}
    return dr.Camera.orbit(**settings | {"far": 6.0} | extras)


def some_lights():
    return dr.Lights(
        ambient=(0.2, 0.25, 0.3),
        directional=[dr.DirectionalLight((0.4, 1.0, 0.7), 0.5, (1.0, 0.9, 0.8))],
        point=[dr.PointLight((1.5, 2.0, 2.5), 0.4)],
    )


def spot_lights():
    """Cones that end on what is around the origin, so that some of it is where they fade."""
    return dr.Lights(
        ambient=(0.2, 0.25, 0.3),
        spot=[
            dr.SpotLight((1.5, 2.0, 2.5), (-1.6, -1.9, -2.3), 0.75, (1.0, 0.9, 0.8), inner_deg=2, outer_deg=20),
            dr.SpotLight((-2.0, 1.0, 1.0), (2.0, -1.2, -0.8), 0.5, inner_deg=5, outer_deg=40),
        ],
    )


def weights(frame, names):
    """Random weights that turn the outputs into one number."""
    rng = np.random.default_rng(3)
    made = {}
    for name in names:
        values = rng.standard_normal(frame.numpy(name).shape)
        made[name] = ti.Vector.field(3, ti.f64, frame.shape) if values.ndim == 4 else ti.field(ti.f64, frame.shape)
        made[name].from_numpy(values)
    return made


@ti.kernel
def add_vectors(image: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(image):
        loss[None] += image[index].dot(weight[index])


@ti.kernel
def add_scalars(image: ti.template(), weight: ti.template(), loss: ti.template()):
    for index in ti.grouped(image):
        loss[None] += image[index] * weight[index]


def assert_gradients(renderer, mesh, camera, lights, outputs, parameters, samples=3, **arguments):
    """Central differences of random functionals of the outputs agree with the tape's gradients."""
    loss = ti.field(ti.f64, (), needs_grad=True)
    weight = weights(renderer.render(mesh, camera, lights, **arguments), outputs)

    def program():
        frame = renderer.render(mesh, camera, lights, **arguments)
        for name in outputs:
            add = add_vectors if name in ("color", "normal", "barycentric") else add_scalars
            add(frame.field(name), weight[name], loss)
        return loss

    report = dr.check_gradients(program, parameters, step=STEP, samples=samples)
    assert report.ok, str(report)


def camera_fields(camera):
    return {f"camera.{name}": field for name, field in camera.fields.fields.items()}


def light_fields(lights):
    return {f"lights.{name}": field for name, field in lights.fields.fields.items()}


def mesh_fields(mesh):
    return {f"mesh.{name}": field for name, field in mesh.fields.fields.items() if name not in unused(mesh)}


def unused(mesh):
    return {"colors"} if mesh.texture is not None else set()


def hard(**settings):
    return dr.Rasterizer(SIZE, background=(0.1, 0.4, 0.2), **settings)


def soft():
    return dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=2e-2, background=(0.1, 0.4, 0.2))


MATERIALS = ["none", "flat", "gouraud", "phong"]


@pytest.mark.parametrize("shading", MATERIALS)
@pytest.mark.parametrize("make_mesh", [tetrahedra, textured])
def test_rasterizer_every_surface(cpu64, shading, make_mesh):
    mesh = make_mesh(material=dr.Material(shading, specular=0.3, shininess=7.0))
    camera, lights = two_views(), some_lights()
    parameters = mesh_fields(mesh) | camera_fields(camera) | (light_fields(lights) if shading != "none" else {})
    assert_gradients(hard(), mesh, camera, lights, ["color"], parameters)


@pytest.mark.parametrize("shading", MATERIALS)
@pytest.mark.parametrize("make_mesh", [tetrahedra, textured])
def test_soft_rasterizer_every_surface(cpu64, shading, make_mesh):
    mesh = make_mesh(material=dr.Material(shading, specular=0.3, shininess=7.0))
    camera, lights = two_views(), some_lights()
    parameters = mesh_fields(mesh) | camera_fields(camera) | (light_fields(lights) if shading != "none" else {})
    assert_gradients(soft(), mesh, camera, lights, ["color", "alpha", "depth"], parameters)


@pytest.mark.parametrize("make", [hard, soft])
def test_other_outputs(cpu64, make):
    mesh, camera = tetrahedra(), two_views()
    outputs = ["color", "depth", "normal"] + (["barycentric"] if make is hard else ["alpha"])
    parameters = {"vertices": mesh.vertices} | camera_fields(camera)
    assert_gradients(make(), mesh, camera, None, outputs, parameters)


@pytest.mark.parametrize("make", [hard, soft])
def test_batches_and_view_mesh(cpu64, make):
    mesh, camera, lights = tetrahedra(batch=2), two_views(), some_lights()
    parameters = mesh_fields(mesh) | light_fields(lights)
    assert_gradients(make(), mesh, camera, lights, ["color"], parameters)
    camera = two_views(azimuth_deg=[10, 70, 200], elevation_deg=10)
    assert_gradients(make(), mesh, camera, lights, ["color"], parameters, view_mesh=[1, 0, 1])


@pytest.mark.parametrize("make", [hard, soft])
@pytest.mark.parametrize("shading", MATERIALS[:3])
def test_face_colors(cpu64, make, shading):
    material = dr.Material(shading, specular=0.3, shininess=7.0)
    mesh = tetrahedra(face_colors=np.random.default_rng(4).random((8, 3)), material=material)
    camera, lights = two_views(), some_lights()
    parameters = mesh_fields(mesh)
    if make is soft or shading == "gouraud":
        parameters |= camera_fields(camera) | (light_fields(lights) if shading != "none" else {})
    elif shading == "none":  # one colour over each face: nothing but the colours matters
        parameters = {"colors": mesh.colors}
    assert_gradients(make(), mesh, camera, lights, ["color"], parameters)


@pytest.mark.parametrize("make", [hard, soft])
def test_other_cameras(cpu64, make):
    mesh = tetrahedra()
    orthographic = dr.Camera.orthographic(eye=(1.1, 0.8, 2.1), half_height=1.2, near=0.3, far=6.0)
    assert_gradients(make(), mesh, orthographic, None, ["color"], mesh_fields(mesh) | camera_fields(orthographic))
    close = two_views(distance=0.9, near=0.55)  # the near plane cuts the tetrahedra
    assert_gradients(make(), mesh, close, None, ["color"], mesh_fields(mesh) | camera_fields(close))


def test_antialiased_rasterizer(cpu64):
    mesh, camera, lights = tetrahedra(), two_views(), some_lights()
    parameters = mesh_fields(mesh) | camera_fields(camera) | light_fields(lights)
    assert_gradients(hard(antialias=True), mesh, camera, lights, ["color", "alpha"], parameters)


@pytest.mark.parametrize("make", [hard, partial(hard, antialias=True), soft], ids=["hard", "antialiased", "soft"])
@pytest.mark.parametrize("background", ["images", None])
def test_backgrounds(cpu64, make, background):
    """An edge moves over a background that changes from pixel to pixel, or over nothing."""
    mesh, camera, renderer = tetrahedra(), two_views(), make()
    renderer.background = background and np.random.default_rng(6).random((2, *SIZE, 3))
    outputs = ["color", "alpha", "depth"] if make is soft else ["color"]
    assert_gradients(renderer, mesh, camera, None, outputs, mesh_fields(mesh) | camera_fields(camera))


def colored_faces():
    return tetrahedra(face_colors=np.random.default_rng(4).random((8, 3)))


@pytest.mark.parametrize("shading", ["flat", "gouraud", "phong"])
@pytest.mark.parametrize("make_mesh", [tetrahedra, textured, colored_faces])
def test_antialiased_surfaces(cpu64, shading, make_mesh):
    mesh, camera, lights = make_mesh(), two_views(), some_lights()
    mesh.material = dr.Material(shading, specular=0.3, shininess=7.0)
    parameters = mesh_fields(mesh) | {"eye": camera.eye, "light": lights.vector}
    assert_gradients(hard(antialias=True), mesh, camera, lights, ["color", "alpha"], parameters, samples=1)


def test_antialiased_batches_and_cameras(cpu64):
    mesh, camera = tetrahedra(batch=2), two_views(azimuth_deg=[10, 70, 200], elevation_deg=10)
    renderer, outputs = hard(antialias=True), ["color", "alpha"]
    assert_gradients(renderer, mesh, camera, None, outputs, mesh_fields(mesh), samples=1, view_mesh=[1, 0, 1])
    mesh = tetrahedra()
    orthographic = dr.Camera.orthographic(eye=(1.1, 0.8, 2.1), half_height=1.2, near=0.3, far=6.0)
    parameters = mesh_fields(mesh) | camera_fields(orthographic)
    assert_gradients(renderer, mesh, orthographic, None, outputs, parameters, samples=1)
