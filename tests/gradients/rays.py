"""Ray tracing, from every output to every field of objects, materials, lights, environment and camera."""

from functools import partial

import numpy as np
import taichi as ti

import taichi_dr as dr
from tests.gradients.march import orthographic
from tests.gradients.program import Operation, TapeProgram, add_scalars, add_vectors, new_field, single
from tests.render.mesh.test_gradients import spot_lights, two_views

SIZE = (7, 9)
OUTPUTS = {"color": 3, "depth": 0, "normal": 3, "position": 3}


def lamps(rng):
    """Lights with places that nothing is right at the edge of."""
    point = dr.PointLight(single((1.5, 2.5, 3.0)), 0.75)
    return dr.Lights(0.25, point=point, directional=dr.DirectionalLight(single((-1, 1, 0.5)), 0.375))


def meshes(rng):
    ball = dr.shapes.icosphere(1).normalized(0.75)
    ball.set("colors", single(rng.uniform(0.2, 0.9, ball.numpy("colors").shape)))
    ball.material = dr.Material(shading="phong", specular=0.25, shininess=8.0)
    quad = dr.Mesh(
        [[-3, -1, -3], [3, -1, -3], [3, -1, 3], [-3, -1, 3]],
        [[0, 2, 1], [0, 3, 2]],
        uv=[[0, 0], [1, 0], [1, 1], [0, 1]],
        texture=single(rng.uniform(0.2, 0.9, (5, 4, 3))),
        material=dr.Material(shading="flat"),
        name="floor",
    )
    return dr.Scene([ball, quad], lamps(rng))


def mirrors(rng, make_lights=lamps):
    mirror = dr.Material(albedo=0.5, reflectivity=0.5, specular=0.25, shininess=4.0)
    objects = [
        dr.Sphere((0, 0, 0), 0.75, material=mirror),
        dr.Plane((0, -1, 0), (0, 1, 0), material=dr.Material(albedo=0.5, emission=0.125, reflectivity=0.25)),
        dr.Rectangle((0.25, 0.5, -1.5), (2, 0, 0), (0, 2, 0.25), material=dr.Material(albedo=0.75, specular=0.5)),
    ]
    return dr.Scene(objects, make_lights(rng))


def area_light(rng):
    lamp = dr.RectangleLight((0.25, 3, 1), u=(0.5, 0, 0), v=(0, 0.125, 0.5), radiance=(5, 6, 7))
    plane = dr.Plane((0, -1, 0), (0, 1, 0), material=dr.Material(albedo=0.5))
    return dr.Scene([dr.Sphere((0, 0, 0), 0.75), plane], dr.Lights(0.125, area=lamp))


def reflected_environment(rng):
    mirror = dr.Sphere((0, 0, 0), 0.75, material=dr.Material(albedo=0, reflectivity=0.75))
    return dr.Scene(mirror, environment=dr.Environment(single(rng.random((5, 9, 3)))))


def signed_distance(rng):
    radius = new_field(single(np.array([0.7])), 1)

    @ti.func
    def ball(p):
        return p.norm() - radius[None][0]

    scene = dr.Scene(
        [dr.Implicit(ball, dr.Box(-1, 1), material=dr.Material(specular=0.25)), dr.Plane((0, -1, 0), (0, 1, 0))],
        lamps(rng),
    )
    scene.radius = radius
    return scene


def rays(make_scene, make_camera=two_views, samples=1):
    """A program: the outputs of one render, weighted with random numbers and added up."""

    def make(rng):
        scene, camera = make_scene(rng), make_camera()
        renderer = dr.RayTracer(SIZE, samples=samples, bounces=2, background=(0.1, 0.4, 0.2))
        frame = renderer.render(scene, camera)
        thing, weights = frame.numpy("object_id"), {}
        for name, components in OUTPUTS.items():
            values = rng.standard_normal(frame.numpy(name).shape)
            hidden = at_edges(thing) if name == "color" else at_edges(thing) | (thing < 0)
            values[hidden] = 0
            weights[name] = new_field(single(values), components, False)

        def run(loss):
            frame = renderer.render(scene, camera)
            for name, weight in weights.items():
                (add_vectors if OUTPUTS[name] else add_scalars)(frame.field(name), weight, loss)

        return TapeProgram(fields_of(scene) | {f"camera.{k}": f for k, f in camera.fields.fields.items()}, run)

    return make


def at_edges(thing):
    """Pixels (V, H, W) beside another thing: single precision may see what double precision does not."""
    result = np.zeros(thing.shape, bool)
    for axis in (1, 2):
        for side in (-1, 1):
            result |= np.roll(thing, side, axis) != thing
    return result


def fields_of(scene):
    """Every field of a scene and of what it holds; of materials those that are in use."""
    owners = {"scene": scene, "environment": scene.environment}
    owners |= {"lights": scene.lights} if scene.lights is not None and scene.lights.count > 1 else {}
    owners |= {thing.name: thing for thing in (*scene.objects, *scene.area_lights) if hasattr(thing, "fields")}
    found = {
        f"{title}.{name}": field
        for title, owner in owners.items()
        if owner is not None
        for name, field in owner.fields.fields.items()
    }
    found.pop("scene.index_of_refraction")
    for name in ("specular", "reflectivity", "emission"):  # at 0 they have a slope on one side only
        if (scene.numpy(name) == 0).any():
            found.pop(f"scene.{name}")
    return found | ({"function.radius": scene.radius} if "radius" in vars(scene) else {})


OPERATIONS = [
    Operation(
        "renderers",
        "RayTracer",
        {
            "meshes, with a texture": rays(meshes),
            "samples, orthographic": rays(meshes, orthographic, samples=4),
            "mirrors and solids": rays(mirrors),
            "spot lights": rays(partial(mirrors, make_lights=lambda rng: spot_lights())),
            "an area light": rays(area_light, samples=4),
            "an environment in a mirror": rays(reflected_environment),
            "a signed distance": rays(signed_distance),
        },
        {
            "samples, bounces, seed, and other settings": "plain numbers",
            "camera.near, .far": "plain numbers: they say what is cut",
        },
    ),
]
