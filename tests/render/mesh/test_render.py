"""Renders as a user meets them: shapes, outputs, invariants, the tape, and what is refused."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr

RENDERERS = {
    "hard": lambda size=24, **k: dr.Rasterizer(size, **k),
    "antialiased": lambda size=24, **k: dr.Rasterizer(size, antialias=True, **k),
    "soft": lambda size=24, **k: dr.SoftRasterizer(size, **k),
}
every_renderer = pytest.mark.parametrize("make", RENDERERS.values(), ids=RENDERERS)


def front(**settings):
    return dr.Camera.orbit(**{"azimuth_deg": 30, "elevation_deg": 20, "distance": 2.7, "fov_y_deg": 60} | settings)


def colored_sphere(subdivisions=2):
    sphere = dr.shapes.icosphere(subdivisions)
    vertices = sphere.numpy("vertices")[0]
    return dr.Mesh(vertices, sphere.numpy("faces"), colors=0.5 + 0.4 * vertices)


@every_renderer
def test_outputs_have_the_documented_shapes_and_ranges(any32, make):
    frame = make((16, 24), background=(0.2, 0.4, 0.6)).render(colored_sphere(), front(azimuth_deg=[0, 90, 180]))
    assert frame.color.shape == frame.alpha.shape == frame.face_id.shape == (3, 16, 24)
    assert frame.color.n == frame.normal.n == frame.barycentric.n == 3
    np.testing.assert_allclose(frame.numpy("color")[:, 0, 0], [(0.2, 0.4, 0.6)] * 3, atol=1e-6)
    assert (frame.numpy("face_id")[:, 0, 0] == -1).all()
    np.testing.assert_allclose(frame.numpy("depth")[:, 0, 0], 2.7 * 37, rtol=1e-4)
    np.testing.assert_allclose(frame.numpy("alpha")[:, 8, 12], 1, atol=1e-4)
    np.testing.assert_allclose(frame.numpy("barycentric")[:, 8, 12].sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(frame.numpy("normal")[:, 8, 12], axis=-1), 1, atol=0.05)
    np.testing.assert_allclose(frame.numpy("depth")[:, 8, 12], 1.7, atol=0.08)


def test_a_sphere_is_lit_as_lambert_says(cpu32):
    """Where a unit sphere's normal makes 60 degrees with the light, the colour is ambient + half the light."""
    sphere = dr.shapes.icosphere(5, colors=(1, 1, 1), material=dr.Material("phong"))
    lights = dr.Lights(ambient=0.1, directional=[dr.DirectionalLight((0, 0, 5.0), 0.8)])
    camera = dr.Camera.orthographic(eye=(0, 0, 5), half_height=1.25)
    image = dr.Rasterizer(100).render(sphere, camera, lights).numpy("color")[0]
    rows, columns = np.mgrid[:100, :100]
    x, y = (columns + 0.5 - 50) / 40, (50 - rows - 0.5) / 40
    inside = x**2 + y**2 < 0.9
    expected = 0.1 + 0.8 * np.sqrt(1 - (x**2 + y**2)[inside])
    np.testing.assert_allclose(image[inside][:, 0], expected, atol=4e-3)


@every_renderer
def test_moving_camera_and_scene_together_changes_nothing(cpu32, make):
    mesh, shift = colored_sphere(), np.array([0.3, -1.2, 0.7])
    before = make().render(mesh, front()).numpy("color")
    mesh.set("vertices", mesh.numpy("vertices") + shift)
    moved = front(target=tuple(shift))
    np.testing.assert_allclose(make().render(mesh, moved).numpy("color"), before, atol=5e-3)


@every_renderer
def test_permuted_faces_and_vertices_change_nothing(cpu32, make):
    mesh = colored_sphere()
    rng = np.random.default_rng(0)
    order = rng.permutation(mesh.vertex_count)
    new_index = np.argsort(order)
    faces = rng.permutation(new_index[mesh.numpy("faces")])
    shuffled = dr.Mesh(mesh.numpy("vertices")[0][order], faces, colors=mesh.numpy("colors")[0][order])
    for name in ("color", "alpha", "depth"):
        expected, got = (make().render(m, front()).numpy(name) for m in (mesh, shuffled))
        np.testing.assert_allclose(got, expected, atol=2e-5, err_msg=name)


@every_renderer
def test_a_batch_is_the_single_renders(any32, make):
    angles, mesh = [0, 100, 230], colored_sphere()
    vertices = mesh.numpy("vertices") * np.array([[[1, 0.8, 1.1]], [[0.7, 1, 1]], [[1, 1, 0.6]]], np.float32)
    batch = dr.Mesh(vertices, mesh.numpy("faces"), colors=mesh.numpy("colors")[0])
    together = make().render(batch, front(azimuth_deg=angles)).numpy("color")
    swapped = make().render(batch, front(azimuth_deg=angles), view_mesh=[2, 0, 1]).numpy("color")
    for view, angle in enumerate(angles):
        for shown, images in ((view, together), ((2, 0, 1)[view], swapped)):
            single = dr.Mesh(vertices[shown], mesh.numpy("faces"), colors=mesh.numpy("colors")[0])
            alone = make().render(single, front(azimuth_deg=angle)).numpy("color")[0]
            np.testing.assert_allclose(images[view], alone, atol=1e-6)


@pytest.mark.parametrize("antialias", [False, True])
def test_faces_seen_from_behind_may_be_left_out(cpu32, antialias):
    mesh, culling = colored_sphere(), dr.Rasterizer(24, antialias=antialias, cull_back=True)
    expected = dr.Rasterizer(24, antialias=antialias).render(mesh, front()).numpy("color")
    np.testing.assert_array_equal(culling.render(mesh, front()).numpy("color"), expected)
    inside_out = dr.Mesh(mesh.numpy("vertices")[0], mesh.numpy("faces")[:, ::-1])
    np.testing.assert_allclose(culling.render(inside_out, front()).numpy("depth")[0, 12, 12], 3.7, atol=0.08)
    nearest = mesh.numpy("faces")[culling.render(mesh, front()).numpy("face_id")[0, 12, 12]]
    away = dr.Mesh(mesh.numpy("vertices")[0], nearest[None, ::-1])
    frame = culling.render(away, front())
    assert not frame.numpy("alpha").any()
    frame.color.grad.fill(1)
    frame.alpha.grad.fill(1)
    culling.backward()
    assert not away.vertices.grad.to_numpy().any()


@every_renderer
def test_geometry_behind_the_camera_contributes_nothing(cpu32, make):
    mesh = colored_sphere()
    vertices, faces, colors = mesh.numpy("vertices")[0], mesh.numpy("faces"), mesh.numpy("colors")[0]
    eye = front().frames()[3][0]
    behind = vertices + 2.5 * eye  # the sphere again, on the far side of the eye
    both = dr.Mesh(
        np.concatenate([vertices, behind]),
        np.concatenate([faces, faces + len(vertices)]),
        colors=np.tile(colors, (2, 1)),
    )
    renderer = make()
    frame = renderer.render(both, front())
    np.testing.assert_allclose(frame.numpy("color"), make().render(mesh, front()).numpy("color"), atol=1e-6)
    frame.color.grad.fill(1.0)
    frame.alpha.grad.fill(1.0)
    renderer.backward()
    assert not both.vertices.grad.to_numpy()[0, len(vertices) :].any()


@every_renderer
def test_two_renders_in_one_tape_are_refused(cpu32, make):
    mesh, camera, renderer = colored_sphere(), front(), make()
    loss = ti.field(ti.f32, (), needs_grad=True)
    with ti.ad.Tape(loss):
        renderer.render(mesh, camera)
        with pytest.raises(dr.GradientError, match="use one renderer for each"):
            renderer.render(mesh, camera)
    for _ in range(2):  # one render in each of two tapes is fine
        with ti.ad.Tape(loss):
            dr.losses.mse(renderer.render(mesh, camera).color, np.zeros((1, 24, 24, 3)), loss)
    assert np.abs(mesh.colors.grad.to_numpy()).max() > 1e-5


def test_a_render_between_forward_and_backward_is_noticed(cpu32):
    mesh, renderer, loss = colored_sphere(), dr.Rasterizer(16), ti.field(ti.f32, (), needs_grad=True)
    tape = ti.ad.Tape(loss)
    tape.eval_on_exit = False
    with tape:
        dr.losses.mse(renderer.render(mesh, front()).color, np.zeros((1, 16, 16, 3)), loss)
    renderer.render(mesh, front(azimuth_deg=77))
    with pytest.raises(dr.GradientError, match="rendered again"):
        tape.grad()


def test_the_tape_reaches_the_fields_of_a_simulation(cpu64):
    """Frames of a motion as a batch: d(image)/d(speed) by the tape and by differences."""
    sphere = dr.shapes.icosphere(1)
    rest = sphere.numpy("vertices")[0]
    mesh = dr.Mesh(np.stack([rest] * 3), sphere.numpy("faces"), colors=0.5 + 0.4 * rest)
    start = ti.Vector.field(3, ti.f64, len(rest))
    start.from_numpy(rest)
    velocity = ti.Vector.field(3, ti.f64, (), needs_grad=True)
    velocity[None] = (0.1, 0.23, -0.31)
    loss = ti.field(ti.f64, (), needs_grad=True)
    renderer, camera = dr.SoftRasterizer(16, sigma=1e-3), front(azimuth_deg=[20] * 3)
    target = np.random.default_rng(0).random((3, 16, 16, 3))

    @ti.kernel
    def move(vertices: ti.template()):
        for frame, n in vertices:
            vertices[frame, n] = start[n] + 0.3 * frame * velocity[None]

    def program():
        move(mesh.vertices)
        dr.losses.mse(renderer.render(mesh, camera).color, target, loss)
        return loss

    report = dr.check_gradients(program, {"velocity": velocity})
    assert report.ok, str(report)


def test_mistakes_are_named(cpu32):
    mesh, camera, renderer = colored_sphere(), front(azimuth_deg=[0, 90]), dr.Rasterizer(8)
    batch = dr.Mesh(np.tile(mesh.numpy("vertices"), (3, 1, 1)), mesh.numpy("faces"))
    with pytest.raises(dr.ShapeError, match="2 views of 3 meshes"):
        renderer.render(batch, camera)
    with pytest.raises(dr.ShapeError, match=r"view_mesh: expected shape \(2,\), got \(3,\)"):
        renderer.render(batch, camera, view_mesh=[0, 1, 2])
    with pytest.raises(dr.InputError, match=r"view_mesh\[1\] = 3: expected 0 to 2"):
        renderer.render(batch, camera, view_mesh=[0, 3])
    for size in ((0, 3), 8.0, "8", (8, 8, 8)):
        with pytest.raises(dr.InputError, match="size: expected"):
            dr.Rasterizer(size)
    with pytest.raises(dr.InputError, match="gamma"):
        dr.SoftRasterizer(8, gamma=0)
    with pytest.raises(dr.InputError, match="product, sum, hard"):
        dr.SoftRasterizer(8, alpha="max")
    with pytest.raises(dr.GradientError, match="before any render"):
        dr.Rasterizer(8).backward()
    with pytest.raises(dr.InputError, match="unknown output 'colour'"):
        renderer.render(mesh, camera).field("colour")


@every_renderer
def test_what_is_not_finite_is_named(any32, make):
    mesh, camera, renderer = colored_sphere(), front(), make()
    vertices = mesh.numpy("vertices")
    vertices[0, 7, 1] = np.nan
    mesh.set("vertices", vertices)
    with pytest.raises(dr.GeometryError, match=r"vertices\[0, 7\] is not finite"):
        renderer.render(mesh, camera)
    broken = front()
    broken.fov_y.fill(float("inf"))
    with pytest.raises(dr.CameraError):
        renderer.render(colored_sphere(), broken)


def test_a_new_runtime_is_noticed(own_runtime):
    ti.reset()
    with pytest.raises(dr.RuntimeStateError, match="not initialised"):
        dr.Rasterizer(8)
    dr.init("cpu")
    mesh, camera, renderer = colored_sphere(), front(), dr.Rasterizer(8)
    frame = renderer.render(mesh, camera)
    assert frame.depth.shape == (1, 8, 8)
    dr.init("cpu")
    for use in (lambda: renderer.render(mesh, camera), renderer.backward):
        with pytest.raises(dr.RuntimeStateError, match="renderer: made before"):
            use()
    for use in (lambda: frame.numpy("color"), lambda: frame.numpy("depth"), lambda: frame.depth):
        with pytest.raises(dr.RuntimeStateError, match="frame: made before"):
            use()
    with pytest.raises(dr.RuntimeStateError, match="made before the latest"):
        dr.Rasterizer(8).render(mesh, front())


@every_renderer
def test_backends_agree(gpu, make, tmp_path, own_runtime):
    images = []
    for name in (gpu, "cpu"):
        dr.init(name)
        images.append(make().render(colored_sphere(), front(), dr.Lights.default()).numpy("color"))
    different = np.abs(images[0] - images[1]).max(-1) > 1e-4
    assert different.mean() < 2e-3  # pixels within rounding of an edge


@every_renderer
def test_a_frame_of_another_number_of_views_is_kept(cpu32, make):
    mesh, renderer = colored_sphere(), make()
    one = renderer.render(mesh, front())
    color = one.numpy("color")
    renderer.render(mesh, front(azimuth_deg=[10, 20, 30]))
    np.testing.assert_array_equal(one.numpy("color"), color)
    for ask in (lambda: one.numpy("normal"), lambda: one.normal, lambda: one.normal):
        with pytest.raises(dr.RuntimeStateError, match="another number of views"):
            ask()
    with pytest.raises(dr.InputError, match="unknown output 'colour'"):
        one.numpy("colour")


def test_saved_pictures(cpu32, tmp_path):
    frame = dr.Rasterizer((8, 12)).render(colored_sphere(), front(azimuth_deg=[0, 120, 240]))
    frame.save(tmp_path / "sheet.png")
    frame.save(tmp_path / "turn.gif")
    assert dr.load_image(tmp_path / "sheet.png").shape[:2] == (16, 24)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sheet.png", "turn.gif"]


@ti.data_oriented
class FrameReader:
    def __init__(self, frame):
        self.frame = frame

    @ti.kernel
    def middle_alpha(self) -> float:
        return self.frame.alpha[0, 4, 4]


def test_a_kernel_that_is_the_first_to_name_an_output_makes_it(any32):
    frame = dr.Rasterizer(8).render(colored_sphere(), front())
    assert FrameReader(frame).middle_alpha() == 1
    assert frame.alpha[0, 4, 4] == 1


def test_arguments_of_another_kind(cpu32):
    mesh, renderer = colored_sphere(), dr.Rasterizer(8)
    for arguments, message in (
        ((None, front()), "mesh: expected a Mesh object, got None"),
        ((mesh, mesh), "camera: expected a Camera object"),
        ((mesh, front(), 0.3), "lights: expected a Lights object, got 0.3"),
    ):
        with pytest.raises(dr.InputError, match=message):
            renderer.render(*arguments)
    with pytest.raises(dr.InputError, match=r"view_mesh: expected integers .* got float64"):
        renderer.render(mesh, front(), view_mesh=[0.0])


SPOILED_LENSES = {
    "wide": ({"fov_y": 0.8}, "fov_y", 4.0, r"view 1: expected fov_y in \(0, pi\)"),
    "nan": ({"fov_y": 0.8}, "fov_y", float("nan"), "view 1: expected finite numbers as fov_y"),
    "focal": ({"focal": (1.5, 1.2)}, "focal", (1.5, -1.0), "view 1: expected focal > 0"),
    "half height": ({"half_height": 1.0}, "half_height", 0.0, "view 1: expected half_height > 0"),
}


@pytest.mark.parametrize("spoiled", SPOILED_LENSES.values(), ids=SPOILED_LENSES)
def test_a_lens_that_went_wrong(any32, spoiled):
    lens, name, value, message = spoiled
    camera = dr.Camera([[0, 0, 3], [0, 3, 1]], **lens)
    getattr(camera, name)[1] = value
    with pytest.raises(dr.CameraError, match=message):
        dr.Rasterizer(8).render(colored_sphere(), camera)


def test_depths_that_went_wrong(cpu32):
    camera, renderer = front(), dr.Rasterizer(8)
    for near, far, message in ((3.0, 2.0, "near < far"), (-1.0, 2.0, "near > 0"), ("x", 2.0, "finite near and far")):
        camera.near, camera.far = near, far
        with pytest.raises(dr.CameraError, match=message):
            renderer.render(colored_sphere(), camera)


@pytest.mark.parametrize("shading", ["flat", "gouraud", "phong"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(cpu32, shading, value):
    lights, camera, renderer = dr.Lights.default(), front(), dr.Rasterizer(8)
    mesh = dr.shapes.icosphere(1)
    mesh.material = dr.Material(shading)
    mesh.colors[0, 5] = (0.5, value, 0.5)
    for lit in (None, lights):
        with pytest.raises(dr.GeometryError, match=r"colors\[0, 5\] is not finite"):
            renderer.render(mesh, camera, lit)
    mesh.set("colors", 0.5)
    lights.color[1] = (value, 1, 1)
    with pytest.raises(dr.InputError, match="light 1: expected three finite numbers as color"):
        renderer.render(mesh, camera, lights)
    directional, point = dr.DirectionalLight((0, 0, 1)), dr.PointLight((0, 0, 3))
    for name, row in (("vector", 1), ("vector", 2), ("axis", 3)):  # a light from nowhere would just be dark
        lights = dr.Lights(directional=directional, point=point, spot=dr.SpotLight((0, 0, 3), (0, 0, -1)))
        getattr(lights, name)[row] = (value, 0, 1)
        with pytest.raises(dr.InputError, match=f"light {row}: expected three finite numbers as"):
            renderer.render(mesh, camera, lights)


@pytest.mark.parametrize("make", [RENDERERS["hard"], RENDERERS["soft"]], ids=["hard", "soft"])
def test_a_texel_that_is_not_finite(any32, make):
    corners, faces = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]]
    uv, texture = [[0, 0], [1, 0], [1, 1], [0, 1]], np.full((5, 7, 3), 0.5)
    mesh = dr.Mesh(corners, faces, uv=uv, texture=texture)
    make(8).render(mesh, front())
    mesh.texture[4, 6] = (0.5, float("nan"), 0.5)
    with pytest.raises(dr.GeometryError, match=r"texture\[4, 6\] is not finite"):
        make(8).render(mesh, front())


@every_renderer
def test_the_background_may_be_changed_but_is_validated(cpu32, make):
    renderer, mesh = make(8), colored_sphere()
    for background in ((0.1, 0.2, 0.3), [0.4, 0.5, 0.6], np.array([0.7, 0.8, 0.9], np.float32)):
        renderer.background = background
        corner = renderer.render(mesh, front()).numpy("color")[0, 0, 0]
        np.testing.assert_allclose(corner, background, rtol=1e-6)
    for background in ((1.0,), (1.0, float("nan"), 0.0), "white", np.ones((1, 1, 8, 8, 3)), [[1, 1, 1, 1]], 1.0, []):
        with pytest.raises(dr.InputError, match=r"background: expected (a colour|finite numbers)"):
            renderer.background = background
        with pytest.raises(dr.InputError, match=r"background: expected (a colour|finite numbers)"):
            make(8, background=background)
    np.testing.assert_allclose(renderer.background, (0.7, 0.8, 0.9), rtol=1e-6)


@every_renderer
def test_what_is_fixed_cannot_be_changed_and_what_is_no_setting_is_refused(cpu32, make):
    renderer = make(8)
    shown, fixed = repr(renderer), {"height", "width"}
    fixed |= {"alpha", "color", "distance"} if "sigma" in shown else {"antialias", "cull_back"}
    for name in fixed:
        with pytest.raises(AttributeError, match=rf"{name}: is fixed: make another .*; .* you may change size, back"):
            setattr(renderer, name, getattr(renderer, name))
    for name in ("backgroud", "sigmma", "camera", "render"):
        with pytest.raises(AttributeError, match=rf"Rasterizer\.{name}: "):
            setattr(renderer, name, 1)
    assert repr(renderer) == shown


def test_a_refused_setting_stays_as_it_was(cpu32):
    renderer = dr.SoftRasterizer(8, 0.25, 0.5)
    for name, wrong in {"sigma": -1.0, "gamma": float("nan"), "size": 0, "background": "white"}.items():
        with pytest.raises(dr.InputError, match=f"{name}: expected"):
            setattr(renderer, name, wrong)
    settings = "size=(8, 8), background=(0.0, 0.0, 0.0), sigma=0.25, gamma=0.5"
    assert repr(renderer) == f"SoftRasterizer({settings}, alpha='product', color='softmax', distance='euclidean')"


@every_renderer
def test_another_size_makes_other_frames_and_compiles_nothing(cpu32, make):
    """The same renders as a new renderer's; the frame of the size before keeps its numbers, those not asked for too.

    Turned by a right angle the image has as many pixels, so that arrays by size alone would be shared.
    """
    mesh, camera, outputs = colored_sphere(), front(azimuth_deg=[0, 90]), ("color", "alpha", "depth", "face_id")
    renderer = make((9, 14))
    old = renderer.render(mesh, camera)
    depths = old.depth.to_numpy()
    renderer.size = (14, 9)
    with pytest.raises(dr.GradientError, match=r"backward\(\) before any render"):
        renderer.backward()
    with pytest.raises(dr.RuntimeStateError, match=r"another size.* ask for frame\.normal before"):
        old.numpy("normal")
    new = renderer.render(mesh, camera)
    assert (renderer.size, renderer.height, renderer.width, new.shape) == ((14, 9), 14, 9, (2, 14, 9))
    for frame in (old, new):
        expected = make(frame.shape[1:]).render(mesh, camera)
        for name in outputs:
            np.testing.assert_array_equal(frame.numpy(name), expected.numpy(name))
    np.testing.assert_array_equal(old.depth.to_numpy(), depths)
    renderer.size = (9, 14)
    mesh.set("colors", 1.0)
    assert renderer.render(mesh, camera) is not old
    np.testing.assert_array_equal(old.numpy(), make((9, 14)).render(colored_sphere(), camera).numpy())


def test_a_size_that_changes_within_a_tape_is_reported(cpu32):
    tape, renderer = ti.ad.Tape(ti.field(ti.f32, (), needs_grad=True)), dr.Rasterizer(8)
    tape.__enter__()
    renderer.render(colored_sphere(), front())
    renderer.size = 9
    with pytest.raises(dr.GradientError, match="changed its size, since the render whose gradient"):
        tape.__exit__(None, None, None)


def test_softness_may_be_any_real_number(cpu32):
    images = []
    for number in (float, np.float32):
        renderer, camera = dr.SoftRasterizer(8, sigma=number(0.03125)), front(far=100.0)
        renderer.gamma, camera.near = number(0.25), number(0.5)
        images.append(renderer.render(colored_sphere(), camera).numpy("color"))
    np.testing.assert_array_equal(*images)
    for wrong in (np.float32(0), np.float64("nan"), "0.1", None, [0.1]):
        with pytest.raises(dr.InputError, match="sigma: expected a finite number > 0"):
            dr.SoftRasterizer(8, sigma=wrong)
