"""The ray tracer: closed forms, the slow oracle, invariants, bad input."""

import numpy as np
import pytest
import taichi as ti
from oracles import whitted

import taichi_dr as dr

MATTE = {"albedo": np.ones(3), "specular": 0, "shininess": 32, "reflectivity": 0, "index": 0, "emission": (0, 0, 0)}
CAMERA = {"eye": (0, 0.6, 4), "target": (0, -0.1, 0), "fov_y": 0.7}
SKY = (0.5, 0.7, 1.0)


def material(**values):
    """The same material for the package and for the oracle."""
    return dr.Material(shading="flat", **values), MATTE | {
        key.replace("_of_refraction", ""): np.broadcast_to(value, 3) if key in ("albedo", "emission") else value
        for key, value in values.items()
    }


def room(glass=False):
    """(scene, the oracle's things, its lights): a box, a mirror or a ball of glass, a shiny ball, a floor."""
    wood, same_wood = material(albedo=(0.9, 0.6, 0.4), specular=0.2, shininess=10.0)
    mirror, same_mirror = material(albedo=0.7, reflectivity=0.8)
    shiny, same_shiny = material(albedo=(0.2, 0.5, 0.9), specular=0.5, emission=(0.05, 0, 0))
    floor, same_floor = material(albedo=0.6, reflectivity=0.2)
    if glass:
        mirror, same_mirror = material(index_of_refraction=1.5)
    box = dr.shapes.box()
    box = dr.Mesh(
        box.numpy("vertices")[0] * 0.5 + [-0.9, -0.4, 0.3], box.topology.faces, colors=(1, 1, 1), material=wood
    )
    objects = [
        box,
        dr.Sphere((0.3, -0.2, 0), 0.6, material=mirror),
        dr.Sphere((1.3, -0.4, 0.5), 0.4, material=shiny),
        dr.Plane(y=-0.8, material=floor),
    ]
    lights = dr.Lights(
        ambient=0.15,
        point=dr.PointLight((2, 4, 3), 0.8),
        directional=dr.DirectionalLight((-1, 1, 0.5), 0.3),
        spot=dr.SpotLight((-2, 3, 2), (2, -3, -2), 0.5, inner_deg=5, outer_deg=35),
    )
    corners = box.numpy("vertices")[0][box.topology.faces]
    things = [{"kind": "triangle", "corners": three} | same_wood for three in corners]
    things += [
        {"kind": "sphere", "center": (0.3, -0.2, 0), "radius": 0.6} | same_mirror,
        {"kind": "sphere", "center": (1.3, -0.4, 0.5), "radius": 0.4} | same_shiny,
        {"kind": "plane", "point": (0, -0.8, 0), "normal": (0, 1, 0)} | same_floor,
    ]
    same = [("ambient", [0.15] * 3, None), ("directional", [0.3] * 3, (-1, 1, 0.5)), ("point", [0.8] * 3, (2, 4, 3))]
    same += [("spot", [0.5] * 3, ((-2, 3, 2), (2, -3, -2), 5, 35))]
    return dr.Scene(objects, lights), things, same


def expected(things, lights, size, bounces):
    """The oracle's picture through the pixels' middles."""
    image, height, width = np.zeros((*size, 3)), *size
    w = whitted.unit(np.subtract(CAMERA["eye"], CAMERA["target"]))
    u = whitted.unit(np.cross((0, 1, 0), w))
    v, slope = np.cross(w, u), np.tan(CAMERA["fov_y"] / 2) / height
    for row, column in np.ndindex(height, width):
        d = (2 * column + 1 - width) * slope * u + (height - 2 * row - 1) * slope * v - w
        args = np.array(CAMERA["eye"], float), whitted.unit(d), bounces, SKY
        image[row, column] = whitted.radiance(things, lights, *args)
    return image


def test_equals_the_oracle(cpu64):
    scene, things, lights = room()
    frame = dr.RayTracer((15, 20), bounces=3, background=SKY).render(scene, dr.Camera(**CAMERA))
    assert np.abs(frame.numpy()[0] - expected(things, lights, (15, 20), 3)).max() < 1e-9


def test_glass_equals_both_ways_of_the_oracle_on_average(cpu32):
    scene, things, lights = room(glass=True)
    size, camera, tracer = (9, 12), dr.Camera(**CAMERA), dr.RayTracer((9, 12), bounces=6, background=SKY)
    runs = []
    for seed in range(400):  # one sample goes through the middle of its pixel, whatever the seed
        tracer.seed = seed
        runs.append(tracer.render(scene, camera).numpy()[0])
    mean, error = np.mean(runs, axis=0), np.std(runs, axis=0) / np.sqrt(len(runs))
    difference = np.abs(mean - expected(things, lights, size, 6))
    assert (difference < 4.5 * error + 1e-4).all()
    assert error.max() > 0.005  # some of it is glass


def test_every_backend_shows_the_same(any32):
    scene, things, lights = room()
    frame = dr.RayTracer((15, 20), bounces=3, background=SKY).render(scene, dr.Camera(**CAMERA))
    difference = np.abs(frame.numpy()[0] - expected(things, lights, (15, 20), 3)).max(axis=-1)
    assert np.sort(difference.ravel())[-2] < 2e-4  # a pixel may be right at an edge


def test_what_the_middle_of_a_pixel_shows(any32):
    scene, _, _ = room()
    camera = dr.Camera(**CAMERA)
    frame = dr.RayTracer((15, 20), samples=3).render(scene, camera)
    thing, face, depth = (frame.numpy(name)[0] for name in ("object_id", "face_id", "depth"))
    assert set(np.unique(thing)) == {-1, 0, 1, 2, 3}
    assert np.allclose(depth[thing < 0], camera.far)
    assert (frame.numpy("normal")[0][thing == 3] == [0, 1, 0]).all()
    assert np.allclose(frame.numpy("position")[0][thing == 3][:, 1], -0.8, atol=1e-6)
    assert face[thing == 0].max() > 0
    assert (face[thing > 0] == 0).all()
    assert (face[thing < 0] == -1).all()


def test_a_lit_plane_and_its_shadow_by_hand(any32):
    blocker = dr.Rectangle((0, 1, 0), (0.5, 0, 0), (0, 0, 0.5))
    scene = dr.Scene(
        [dr.Plane(y=0, material=dr.Material(albedo=0.5)), blocker], dr.Lights(0.1, point=dr.PointLight((0, 2, 0)))
    )
    camera = dr.Camera(eye=(0, 10, 0), target=(0, 0, 0), up=(0, 0, -1), half_height=2)
    color = dr.RayTracer(4).render(scene, camera).numpy()[0, ..., 0]
    # pixels' middles at -1.5, -0.5, 0.5, 1.5; the shadow reaches to +-1, under the blocker's own top at +-0.5
    assert np.allclose(color[0, 0], 0.5 * (0.1 + 2 / np.sqrt(4 + 2 * 1.5**2)), atol=1e-6)
    assert np.allclose(color[0, 1], 0.5 * (0.1 + 2 / np.sqrt(4 + 1.5**2 + 0.5**2)), atol=1e-6)


def test_a_rectangle_light_by_its_closed_form(any32):
    """Under the middle of a rectangle 2a by 2b at a height h the form factor is 4 times that of a corner."""
    a, b, h = 1.0, 0.5, 2.0
    lamp = dr.RectangleLight((0, h, 0), (a, 0, 0), (0, 0, b), radiance=3)
    scene = dr.Scene(dr.Plane(y=0, material=dr.Material(albedo=0.5)), dr.Lights(0, area=lamp))
    camera = dr.Camera(eye=(0, h / 2, 0), target=(0, 0, 0), up=(0, 0, 1), half_height=1e-3)
    color = dr.RayTracer(1, samples=4096).render(scene, camera).numpy()[0, 0, 0]
    p, q = np.hypot(h, a), np.hypot(h, b)
    form = 4 / (2 * np.pi) * (a / p * np.arctan(b / p) + b / q * np.arctan(a / q))
    assert np.allclose(color, 0.5 * 3 * form, rtol=2e-3)


def test_a_sphere_light_by_its_closed_form(any32):
    lamp = dr.SphereLight((0, 3, 0), 0.5, radiance=4)
    scene = dr.Scene(dr.Plane(y=0, material=dr.Material(albedo=0.5)), dr.Lights(0, area=lamp))
    camera = dr.Camera(eye=(0, 1, 0), target=(0, 0, 0), up=(0, 0, 1), half_height=1e-3)
    color = dr.RayTracer(1, samples=1024).render(scene, camera).numpy()[0, 0, 0]
    assert np.allclose(color, 0.5 * 4 * (0.5 / 3) ** 2, rtol=2e-3)


def test_a_soft_shadow_is_half_where_half_the_light_is_hidden(any32):
    lamp = dr.RectangleLight((0, 4, 0), (0.1, 0, 0), (0, 0, 0.1), radiance=100)
    screen = dr.Rectangle((5, 2, 0), (5, 0, 0), (0, 0, 5))  # over x > 0
    floor = dr.Plane(y=0, material=dr.Material(albedo=1))
    camera = dr.Camera(eye=(0, 1, 0), target=(0, 0, 0), up=(0, 0, 1), half_height=1e-3)
    tracer = dr.RayTracer(1, samples=4096)
    free = tracer.render(dr.Scene(floor, dr.Lights(0, area=lamp)), camera).numpy().mean()
    hidden = tracer.render(dr.Scene([floor, screen], dr.Lights(0, area=lamp)), camera).numpy().mean()
    assert abs(hidden / free - 0.5) < 0.01


def test_what_is_unlit_shows_its_own_colors(any32):
    quad = dr.Mesh(
        [[-1, -1, 0], [1, -1, 0], [0, 1, 0]], [[0, 1, 2]], colors=(0.2, 0.4, 0.6), material=dr.Material("none")
    )
    lamp = dr.RectangleLight((0, 0, 3), (1, 0, 0), (0, -1, 0), radiance=50)
    lights = dr.Lights(0.3, point=dr.PointLight((0, 0, 5)), area=lamp)
    scene = dr.Scene(quad, lights, dr.Environment.constant(2.0))
    tracer, camera = dr.RayTracer(1, samples=4), dr.Camera(eye=(0, 0, 1), target=(0, 0, 0), half_height=0.1)
    frame = tracer.render(scene, camera)
    assert np.allclose(frame.numpy()[0, 0, 0], [0.2, 0.4, 0.6], atol=1e-6)
    frame.color.grad.fill(1.0)
    tracer.backward()
    assert np.allclose(quad.gradient("colors").sum(axis=1), 1, atol=1e-5)
    assert (lights.gradient("color") == 0).all()
    assert (lamp.gradient("radiance") == 0).all()


def test_a_coarse_ball_has_no_facets_in_its_own_shadow(any32):
    """What faces the light by its interpolated normals is lit, whichever way its faces face."""
    way = np.array([1, 0.3, 0.2])
    ball = dr.shapes.icosphere(1, colors=(1, 1, 1), material=dr.Material("phong"))
    scene = dr.Scene(ball, dr.Lights(0, directional=dr.DirectionalLight(way)))
    frame = dr.RayTracer(64).render(scene, dr.Camera(eye=(0, 0, 4), target=(0, 0, 0), fov_y=0.6))
    expected = np.maximum(frame.numpy("normal") @ way, 0) / np.linalg.norm(way)
    assert np.abs(frame.numpy()[..., 0] - expected).max() < 1e-5


def test_samples_of_a_pixel_are_averaged(any32):
    half = dr.Rectangle((1, 0, 0), (1, 0, 0), (0, 1, 0), material=dr.Material(albedo=1))
    camera = dr.Camera(eye=(0.1, 0, 2), target=(0.1, 0, 0), half_height=0.5)
    frame = dr.RayTracer(1, samples=100).render(dr.Scene(half), camera)
    assert abs(frame.numpy("alpha")[0, 0, 0] - 0.6) < 1e-6  # ten columns of samples, six of which are on it
    assert np.allclose(frame.numpy()[0, 0, 0], 0.6, atol=1e-6)


def test_views_together_are_views_one_by_one(any32):
    scene, _, _ = room(glass=True)
    tracer = dr.RayTracer((10, 13), samples=4)
    both = dr.Camera.orbit([10, 50], 20, 4, fov_y_deg=40)
    together = tracer.render(scene, both).numpy()
    alone = [tracer.render(scene, both.select([v])).numpy()[0] for v in range(2)]
    assert (together == np.stack(alone)).all()


def test_a_batch_is_its_meshes_one_by_one(cpu32):
    ball = dr.shapes.icosphere(1)
    moved = np.stack([ball.numpy("vertices")[0] + [0.3 * k, 0, 0] for k in range(2)])
    batch = dr.Mesh(moved, ball.topology.faces)
    camera, lights = dr.Camera(**CAMERA).select([0, 0]), dr.Lights()
    together = dr.RayTracer(12, samples=4).render(dr.Scene(batch, lights), camera).numpy()
    for k in range(2):
        scene = dr.Scene(dr.Mesh(moved[k], ball.topology.faces), lights)
        assert (together[k] == dr.RayTracer(12, samples=4).render(scene, dr.Camera(**CAMERA)).numpy()[0]).all()


def test_moved_together_nothing_changes(cpu64):
    scene, _, _ = room()
    tracer = dr.RayTracer(12, samples=4)
    before = tracer.render(scene, dr.Camera(**CAMERA)).numpy()
    shift = np.array([3.0, -2.0, 5.0])
    box, mirror, shiny, floor = scene.objects
    box.set("vertices", box.numpy("vertices") + shift)
    mirror.set(center=mirror.numpy("center")[0] + shift)
    shiny.set(center=shiny.numpy("center")[0] + shift)
    floor.set(point=floor.numpy("point")[0] + shift)
    lights = scene.lights
    lights.fields.set("vector", lights.numpy("vector") + shift * (lights.kinds.to_numpy() >= 2)[:, None])
    moved = {key: np.add(value, shift) if key in ("eye", "target") else value for key, value in CAMERA.items()}
    assert np.abs(tracer.render(scene, dr.Camera(**moved)).numpy() - before).max() < 1e-9


def test_the_seed_decides(any32):
    scene, _, _ = room(glass=True)
    tracer, camera = dr.RayTracer(12, samples=4, seed=3), dr.Camera(**CAMERA)
    first, again = tracer.render(scene, camera).numpy(), tracer.render(scene, camera).numpy()
    tracer.seed = 4
    assert (first == again).all()
    assert (first != tracer.render(scene, camera).numpy()).any()


def test_a_thousand_bounces_between_two_mirrors_end(cpu32):
    mirror = dr.Material(reflectivity=1.0)
    scene = dr.Scene([dr.Plane(z=1, material=mirror), dr.Plane(z=-1, material=mirror)])
    color = dr.RayTracer(4, bounces=1000).render(scene, dr.Camera(eye=(0, 0, 0), target=(0.1, 0.2, -1))).numpy()
    assert (color == 0).all()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"samples": 0}, "samples: expected a whole number of at least 1, got 0"),
        ({"bounces": 10**6}, "bounces: expected a whole number from 0 to 1000, got 1000000"),
        ({"bounces": -1}, "bounces: expected a whole number from 0 to 1000, got -1"),
        ({"seed": 1.5}, "seed: expected a whole number"),
    ],
)
def test_bad_settings(cpu32, setting, words):
    with pytest.raises(dr.InputError, match=words):
        dr.RayTracer(8, **setting)


def test_bad_scenes(cpu32):
    ball = dr.Sphere((0, 0, 0), 1)
    with pytest.raises(dr.InputError, match="at least one object"):
        dr.Scene([])
    with pytest.raises(dr.InputError, match="object 1: expected a Mesh"):
        dr.Scene([ball, "ball"])
    with pytest.raises(dr.InputError, match="object 1 is there before"):
        dr.Scene([ball, ball])
    with pytest.raises(dr.InputError, match="environment: expected"):
        dr.Scene(ball, environment=np.ones((4, 8, 3)))


def test_what_is_no_material_is_refused(cpu32):
    scene = dr.Scene([dr.Sphere((0, 0, 0), 1), dr.Plane(y=-1)])
    with pytest.raises(dr.InputError, match=r"scene.reflectivity: expected numbers in \[0, 1\], got 1.5 at \(1,\)"):
        scene.set("reflectivity", [0, 1.5])
    with pytest.raises(AttributeError, match="lights: expected to be read"):
        scene.lights = dr.Lights()


def test_lights_are_no_objects_and_are_given_once(cpu32):
    lamp = dr.SphereLight((0, 0, 0), 1)
    with pytest.raises(dr.InputError, match="is a light: give it as Lights"):
        dr.Scene(lamp)
    with pytest.raises(dr.InputError, match="a light is there twice"):
        dr.Lights(area=[lamp, lamp])


def test_more_rays_than_can_be_counted(cpu32):
    with pytest.raises(dr.InputError, match="expected at most 258 samples"):
        dr.RayTracer((2160, 3840), samples=300).render(dr.Scene(dr.Sphere((0, 0, 0), 1)), dr.Camera(**CAMERA))


def test_colors_multiply_a_texture(any32):
    corners, faces, uv = [[-1, -1, 0], [1, -1, 0], [0, 1, 0]], [[0, 1, 2]], [[0, 0], [1, 0], [0, 1]]
    quad = dr.Mesh(corners, faces, colors=(0.2, 0.4, 0.6), uv=uv, texture=np.full((4, 4, 3), 0.5))
    tracer, camera = dr.RayTracer(1), dr.Camera(eye=(0, 0, 1), target=(0, 0, 0), half_height=0.1)
    frame = tracer.render(dr.Scene(quad), camera)
    assert np.allclose(frame.numpy()[0, 0, 0], [0.1, 0.2, 0.3], atol=1e-6)
    frame.color.grad.fill(1.0)
    tracer.backward()
    assert np.allclose(quad.gradient("colors").sum(axis=(0, 1)), 0.5, atol=1e-6)
    assert np.allclose(quad.gradient("texture").sum(axis=(0, 1)), [0.2, 0.4, 0.6], atol=1e-5)


def test_colors_that_were_not_given_have_no_part_in_a_texture(cpu32):
    corners, faces, uv = [[-1, -1, 0], [1, -1, 0], [0, 1, 0]], [[0, 1, 2]], [[0, 0], [1, 0], [0, 1]]
    quad = dr.Mesh(corners, faces, uv=uv, texture=np.full((4, 4, 3), 0.5))
    tracer, camera = dr.RayTracer(1), dr.Camera(eye=(0, 0, 1), target=(0, 0, 0), half_height=0.1)
    frame = tracer.render(dr.Scene(quad), camera)
    assert np.allclose(frame.numpy()[0, 0, 0], 0.5, atol=1e-6)
    frame.color.grad.fill(1.0)
    tracer.backward()
    assert (quad.gradient("colors") == 0).all()


def test_a_render_that_raises_leaves_the_one_before(cpu32):
    tracer, camera, loss = dr.RayTracer(8), dr.Camera(**CAMERA), ti.field(float, (), needs_grad=True)
    scene, other = dr.Scene(dr.Sphere((0, 0, 0), 1)), dr.Scene(dr.Sphere((1, 0, 0), 1))
    frame = tracer.render(scene, camera)
    color = frame.color
    with ti.ad.Tape(loss):
        tracer.render(scene, camera)
        with pytest.raises(dr.GradientError, match="within this tape before"):
            tracer.render(other, camera)
        dr.losses.mse(color, np.zeros((1, 8, 8, 3)), loss)
    assert (scene.gradient("albedo") > 0).all()
    assert np.isfinite(frame.numpy("depth")).all()


def test_numbers_that_are_not_finite_are_refused(cpu32):
    ball, mesh = dr.Sphere((0, 0, 0), 1), dr.shapes.icosphere(0)
    scene, tracer = dr.Scene([ball, mesh], dr.Lights()), dr.RayTracer(8)
    mesh.set("vertices", np.full((1, mesh.vertex_count, 3), np.nan))
    with pytest.raises(dr.GeometryError, match="icosphere"):
        tracer.render(scene, dr.Camera(**CAMERA))
    mesh.set("vertices", np.zeros((1, mesh.vertex_count, 3)))
    scene.fields.set("reflectivity", [np.nan, 0])
    with pytest.raises(dr.InputError, match="reflectivity"):
        tracer.render(scene, dr.Camera(**CAMERA))
    sky = dr.Environment(np.ones((2, 4, 3)))
    sky.fields.set("texels", np.full((2, 4, 3), np.inf))
    with pytest.raises(dr.InputError, match=r"environment: expected finite numbers, got inf at \(0, 0, 0\)"):
        tracer.render(dr.Scene(ball, environment=sky), dr.Camera(**CAMERA))
    sky.set(np.linspace(0, 1e35, 24).reshape(2, 4, 3))
    with pytest.raises(dr.InputError, match=r"expected finite numbers up to 1e30, got .* at \(1, 3, 2\)"):
        tracer.render(dr.Scene(ball, environment=sky), dr.Camera(**CAMERA))


def test_a_camera_inside_of_an_object_sees_its_inside(any32):
    scene = dr.Scene(dr.Sphere((0, 0, 0), 1, material=dr.Material(albedo=(0.2, 0.4, 0.6))), dr.Lights(ambient=1.0))
    frame = dr.RayTracer(4).render(scene, dr.Camera(eye=(0, 0, 0), target=(0, 0, -1), near=0.01))
    assert np.allclose(frame.numpy(), [0.2, 0.4, 0.6], atol=1e-6)
    assert np.isfinite(frame.numpy("normal")).all()


def test_a_scene_in_a_tape(cpu32):
    loss, scene = ti.field(float, (), needs_grad=True), dr.Scene(dr.Sphere((0, 0, 0), 1))
    tracer = dr.RayTracer(8)
    color = tracer.render(scene, dr.Camera(**CAMERA)).color

    @ti.kernel
    def add_up():
        for i in ti.grouped(color):
            loss[None] += color[i].sum()

    with ti.ad.Tape(loss):
        tracer.render(scene, dr.Camera(**CAMERA))
        add_up()
    covered = tracer.render(scene, dr.Camera(**CAMERA)).numpy("alpha").sum()
    assert np.allclose(scene.gradient("albedo"), covered)
