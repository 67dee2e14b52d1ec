"""Backgrounds: a colour, one for each view, an image, one for each view, or nothing."""

import imageio.v3 as iio
import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.kernels.screen import background as kernels

SIZE, VIEWS = (18, 25), 3
RNG = np.random.default_rng(0)
COLORS, IMAGES = RNG.random((VIEWS, 3)), RNG.random((VIEWS, *SIZE, 3))

RENDERERS = {
    "hard": lambda **k: dr.Rasterizer(SIZE, **k),
    "antialiased": lambda **k: dr.Rasterizer(SIZE, antialias=True, **k),
    "soft": lambda **k: dr.SoftRasterizer(SIZE, sigma=3e-3, gamma=1e-2, **k),
}
BACKGROUNDS = {"colour": COLORS[0], "colours": COLORS, "image": IMAGES[0], "images": IMAGES}
every_renderer = pytest.mark.parametrize("make", RENDERERS.values(), ids=RENDERERS)
every_background = pytest.mark.parametrize("background", BACKGROUNDS.values(), ids=BACKGROUNDS)
z_buffers = pytest.mark.parametrize("make", [RENDERERS["hard"], RENDERERS["antialiased"]], ids=["hard", "antialiased"])


def scene(shading="gouraud"):
    """A ball that leaves room around it, and a camera before the far plane, so that the background shows through."""
    ball = dr.shapes.icosphere(1)
    vertices = ball.numpy("vertices")[0]
    mesh = dr.Mesh(vertices, ball.numpy("faces"), colors=0.5 + 0.4 * vertices, material=dr.Material(shading))
    return mesh, dr.Camera.orbit([30, 150, 250], 20, 2.7, 60, near=0.5, far=5)


def behind(background):
    """A background as images (V, H, W, 3)."""
    background = np.asarray(background)
    return np.broadcast_to(background[:, None, None] if background.ndim == 2 else background, IMAGES.shape)


def color_over(make, background, *arguments):
    return make(background=background).render(*arguments).numpy("color")


@every_renderer
@every_background
def test_a_pixel_is_what_it_is_over_black_and_its_share_of_the_background(any32, make, background):
    """The share is what white shows: ``w_b`` of the softmax, ``1 - alpha`` with a z-buffer."""
    mesh, camera = scene()
    renderer = make(background=background)
    frame = renderer.render(mesh, camera)
    black, white = (color_over(make, color, mesh, camera) for color in ((0, 0, 0), (1, 1, 1)))
    share = (white - black).mean(axis=-1, keepdims=True)
    assert 0.2 < share.mean() < 0.9
    np.testing.assert_allclose(frame.numpy("color"), black + share * behind(background), atol=2e-6)
    if isinstance(renderer, dr.Rasterizer):
        np.testing.assert_allclose(share[..., 0], 1 - frame.numpy("alpha"), atol=1e-6)


@every_renderer
@pytest.mark.parametrize("backgrounds", [COLORS, IMAGES], ids=["colours", "images"])
def test_views_with_backgrounds_of_their_own_are_single_renders(cpu32, make, backgrounds):
    mesh, camera = scene("phong")
    lights = dr.Lights.default()
    together = color_over(make, backgrounds, mesh, camera, lights)
    for view in range(VIEWS):
        alone = color_over(make, backgrounds[view], mesh, camera[view], lights)
        np.testing.assert_allclose(together[view], alone[0], atol=1e-6)


@z_buffers
@every_background
def test_a_picture_over_nothing_is_composited_by_alpha(any32, make, background):
    """Behind an edge a pixel shows its own background, not the neighbour's that it is blended with."""
    mesh, camera = scene()
    frame = make(background=None).render(mesh, camera)
    by_hand = frame.numpy("color") + (1 - frame.numpy("alpha")[..., None]) * behind(background)
    np.testing.assert_allclose(color_over(make, background, mesh, camera), by_hand, atol=1e-6)


def test_a_soft_picture_over_nothing_is_the_mean_of_the_faces_faded_by_alpha(any32):
    mesh, camera = scene()
    make = RENDERERS["soft"]
    frame = make(background=None).render(mesh, camera)
    black, white = (color_over(make, color, mesh, camera) for color in ((0, 0, 0), (1, 1, 1)))
    faces = 1 - (white - black).mean(axis=-1, keepdims=True)
    mean = np.where(faces > 1e-3, black / np.maximum(faces, 1e-3), 0)
    np.testing.assert_allclose(frame.numpy("color"), frame.numpy("alpha")[..., None] * mean, atol=1e-4)
    assert mean[faces[..., 0] > 1e-3].min() > 0.05  # the mean does not darken towards the edge


def test_colour_alone_tells_where_a_soft_edge_is_over_nothing(cpu32):
    """A grey ball beside its place: over black it hides what it touches almost fully, however faintly."""
    ball, loss = dr.shapes.icosphere(2, radius=0.6), ti.field(ti.f32, (), needs_grad=True)
    target = RENDERERS["antialiased"]().render(ball, dr.Camera.orbit()).numpy()
    found = {}
    for background in ((0, 0, 0), None):
        camera = dr.Camera((0, 0, 2.7), pose=(0, 0, 0, 0.35, 0, 0))
        renderer = RENDERERS["soft"](background=background)
        with ti.ad.Tape(loss):
            dr.losses.mse(renderer.render(ball, camera).color, target, loss)
        found[background] = camera.pose.grad.to_numpy()[0, 3]
    assert found[None] > 0.05
    assert abs(found[0, 0, 0]) < 1e-3


@ti.kernel
def composite(color: ti.template(), alpha: ti.template(), background: ti.template(), picture: ti.template()):
    for v, i, j in picture:
        picture[v, i, j] = color[v, i, j] + (1.0 - alpha[v, i, j]) * background[i, j]


def test_a_kernel_of_ones_own_composites_with_the_gradients_of_the_renderer(cpu64):
    """... and finds the background's own: that of the picture times ``1 - alpha``, added up over the views."""
    (mesh, camera), loss = scene(), ti.field(ti.f64, (), needs_grad=True)
    background = ti.Vector.field(3, ti.f64, SIZE, needs_grad=True)
    background.from_numpy(IMAGES[0])
    picture = ti.Vector.field(3, ti.f64, (VIEWS, *SIZE), needs_grad=True)
    renderer, gradients = RENDERERS["antialiased"](), []
    for given in (IMAGES[0], None):
        renderer.background = given
        with ti.ad.Tape(loss):
            frame = renderer.render(mesh, camera)
            if given is None:
                composite(frame.color, frame.alpha, background, picture)
            dr.losses.mse(picture if given is None else frame.color, IMAGES, loss)
        gradients.append((loss[None], mesh.vertices.grad.to_numpy(), mesh.colors.grad.to_numpy()))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-13)
    picture_gradient = 2 * (picture.to_numpy() - IMAGES) / IMAGES.size
    expected = ((1 - frame.numpy("alpha"))[..., None] * picture_gradient).sum(axis=0)
    np.testing.assert_allclose(background.grad.to_numpy(), expected, atol=1e-15)


@every_renderer
def test_the_gradient_is_that_of_the_background_that_was_rendered(cpu32, make):
    """Twice the same, though alpha is not in use and has no gradient of its own."""
    mesh, camera = scene()
    renderer = make(background=IMAGES)
    frame = renderer.render(mesh, camera)
    frame.color.grad.from_numpy(IMAGES.astype(np.float32))
    renderer.backward()
    once = mesh.vertices.grad.to_numpy()
    renderer.background = (0.3, 0.2, 0.1)
    renderer.backward()
    np.testing.assert_allclose(mesh.vertices.grad.to_numpy(), 2 * once, rtol=1e-5, atol=1e-5 * np.abs(once).max())


@every_renderer
def test_another_kind_of_background_or_size_compiles_nothing_again(cpu32, make):
    mesh, camera = scene()
    renderer = make(background=IMAGES)

    def backward():
        frame = renderer.render(mesh, camera)
        frame.color.grad.fill(1)
        renderer.backward()

    def compiled():
        hot = (kernels._composite, kernels._composite_adjoint, kernels._lay_behind)
        return [len(kernel._primal.compiled_kernels) for kernel in hot]

    backward()
    before = compiled()
    assert sum(before)
    for background in (COLORS, IMAGES[1], IMAGES, IMAGES[:1]):
        renderer.background = background
        backward()
    renderer.background, renderer.size = (0, 0, 0), (7, 9)
    renderer.background = IMAGES[0, :7, :9]
    backward()
    assert compiled() == before


def test_what_is_no_background_is_refused(cpu32):
    mesh, camera = scene()
    renderer = RENDERERS["hard"](background=IMAGES)
    shown = repr(renderer)
    assert "background=<array of shape (3, 18, 25, 3)>" in shown
    for wrong in (IMAGES[..., :2], IMAGES[None], np.zeros((0, 3)), 1.0):
        with pytest.raises(dr.ShapeError, match=r"background: expected a colour \(3,\), one for each view"):
            renderer.background = wrong
    for wrong in (IMAGES[:, 1:], IMAGES[0].swapaxes(0, 1)):
        with pytest.raises(dr.ShapeError, match=r"expected images of \(18, 25\) pixels \(rows, columns\), got"):
            renderer.background = wrong
    spoilt = IMAGES.copy()
    spoilt[1, 2, 3, 1] = np.inf
    with pytest.raises(dr.InputError, match=r"expected finite numbers \(linear RGB\), got inf at \(1, 2, 3, 1\)"):
        renderer.background = spoilt
    assert repr(renderer) == shown
    for background in (COLORS[:2], IMAGES[:2]):
        renderer.background = background
        with pytest.raises(dr.ShapeError, match="expected 1 or, for as many views, 3 of them; got 2"):
            renderer.render(mesh, camera)
    renderer.background, renderer.size = IMAGES[0], (25, 18)
    with pytest.raises(dr.ShapeError, match=r"expected images of \(25, 18\) pixels"):
        renderer.render(mesh, camera)


def test_a_background_is_copied_and_cannot_be_written_to(cpu32):
    mesh, camera = scene()
    given = IMAGES.copy()
    renderer = RENDERERS["hard"](background=given)
    given[:] = 0
    np.testing.assert_allclose(renderer.background, IMAGES, atol=1e-7)
    with pytest.raises(ValueError, match="read-only"):
        renderer.background[:] = 0
    renderer.background = renderer.render(mesh, camera).color  # a field gives its numbers
    np.testing.assert_array_equal(renderer.render(mesh, camera).numpy(), renderer.background)


def test_a_frame_over_nothing_is_saved_with_alpha(cpu32, tmp_path):
    mesh, camera = scene()
    renderer = RENDERERS["antialiased"](background=None)
    frame = renderer.render(mesh, camera[0])
    for name in ("a.png", "a.jpg", "a.gif"):
        frame.save(tmp_path / name)
    color, alpha = frame.numpy("color")[0], frame.numpy("alpha")[0]
    seen = alpha > 0.2  # bytes of alpha are coarse
    picture = dr.load_image(tmp_path / "a.png")
    np.testing.assert_allclose(picture[..., 3], alpha, atol=0.003)
    np.testing.assert_allclose((picture[..., :3] * picture[..., 3:])[seen], color[seen], atol=0.02)
    white = dr.linear_to_srgb(color + 1 - alpha[..., None])
    np.testing.assert_allclose(iio.imread(tmp_path / "a.jpg")[alpha == 0] / 255, 1, atol=0.3)
    assert iio.imread(tmp_path / "a.gif", index=0)[0, 0].tolist() == [255, 255, 255]
    assert white.max() <= 1 + 1e-6
    renderer.background = (0, 0, 0)
    renderer.render(mesh, camera[0]).save(tmp_path / "b.png")
    assert iio.imread(tmp_path / "b.png").shape == (*SIZE, 3)
