"""The kernel pairs of ``taichi_dr.kernels``, driven as their own tests drive them."""

from dataclasses import fields

from taichi_dr.kernels.shading.at_points import Layout
from tests.gradients.program import Operation, PairProgram, single
from tests.implicit import test_networks as networks
from tests.kernels.antialias import test_blend as antialias
from tests.kernels.camera import test_pack as pack
from tests.kernels.camera import test_transform as transform
from tests.kernels.networks import test_voxel_grid as voxel_grid
from tests.kernels.radiance_grid import test_at_points as radiance_grid
from tests.kernels.shading import test_at_points as at_points
from tests.kernels.shading import test_at_vertices as at_vertices
from tests.kernels.shading import test_normals as normals
from tests.kernels.shading import test_texture as texture
from tests.kernels.soft import test_shaded_pass as shaded
from tests.kernels.soft import test_soft_pass as soft
from tests.kernels.zbuffer import test_interpolate as interpolate


def radiance_grid_case(degree):
    def make(rng):
        def adjoint(x, weights):
            return radiance_grid.adjoints(x, weights[0])

        return PairProgram(rng, radiance_grid.inputs(degree), lambda x: [radiance_grid.values(x)], adjoint)

    return make


def pack_case(kind, pose):
    def make(rng):
        def adjoint(x, weights):
            return pack.adjoints(x, weights[0], kind)

        return PairProgram(rng, pack.parameters(kind, pose=pose), lambda x: [pack.packed(x, kind)], adjoint)

    return make


def transform_case(name, orthographic):
    def make(rng):
        scene = transform.Scene(*transform.SCENES[name])

        def adjoint(x, weights):
            scene.vertices, scene.camera, scene.weights = x["vertices"], x["camera"], weights[0]
            return dict(zip(("vertices", "camera"), scene.adjoint(orthographic), strict=True))

        inputs = {"vertices": scene.vertices, "camera": scene.camera}
        return PairProgram(rng, inputs, lambda x: [scene.forward(orthographic, **x)], adjoint)

    return make


def normals_case(forward, pull_back, seed):
    def make(rng):
        faces, meshes = normals.TETRAHEDRON, 2

        def adjoint(x, weights):
            return {"vertices": pull_back(x["vertices"], faces, meshes, weights[0])}

        inputs = {"vertices": normals.scene(seed)}
        return PairProgram(rng, inputs, lambda x: [forward(x["vertices"], faces, meshes)], adjoint)

    return make


def shading_case(forward, pull_back, inputs, settings):
    """Of vertices, of corners or of points, under one choice of settings."""

    def make(rng):
        def adjoint(x, weights):
            return pull_back(x, settings, weights[0])

        return PairProgram(rng, inputs(settings), lambda x: [forward(x, settings)], adjoint)

    return make


def shading_cases(variants, forward, pull_back, inputs):
    """A case for each choice of settings, named by what is not the default."""
    cases = {}
    for settings in variants:
        values = {field.name: (getattr(settings, field.name), field.default) for field in fields(settings)}
        label = ", ".join(_told(name, value) for name, (value, default) in values.items() if value != default)
        cases[label or "defaults"] = shading_case(forward, pull_back, inputs, settings)
    return cases


def _told(name, value):
    if isinstance(value, Layout):
        return " and ".join(part for part in ("albedo", "lit", "textured") if getattr(value, part))
    return f"{name}={value}"


def texture_case(width, height):
    def make(rng):
        x = texture.generic(width, height)
        lod = x.pop("lod")

        def adjoint(x, weights):
            return texture.look_up_adjoint(x | {"lod": lod}, weights[0])

        return PairProgram(rng, x, lambda x: [texture.look_up(x | {"lod": lod})], adjoint)

    return make


def interpolate_case(name):
    """Differences are the oracle's, with the faces that the z-buffer shows held."""

    def make(rng):
        case = interpolate.scenes(name)
        case.place(single(case.clips), single(case.attributes))
        face_id = case.forward()[0]

        def adjoint(x, weights):
            case.weights = [weight.reshape(len(old), -1) for weight, old in zip(weights, case.weights, strict=True)]
            return dict(zip(("clip", "attributes"), case.gradient(), strict=True))

        def forward(x):
            return case.expected(face_id, x["clip"], x["attributes"])

        return PairProgram(rng, {"clip": case.clips, "attributes": case.attributes}, forward, adjoint)

    return make


def antialias_case(name):
    def make(rng):
        picture = antialias.Picture(*antialias.SCENES[name](), 27, 20)

        def adjoint(x, weights):
            picture.run(**x)
            return dict(zip(("image", "clip"), picture.adjoints(weights[0]), strict=True))

        inputs = {"clip": picture.clip, "image": picture.image}
        return PairProgram(rng, inputs, lambda x: [picture.run(**x)], adjoint)

    return make


def soft_case(modes, **scene):
    def make(rng):
        made = soft.Scene(**scene)
        kernels = made.soft_pass(**modes)

        def forward(x):
            made.clip, made.attributes, made.background = x["clip"], x["attributes"], x["background"]
            return made.forward(kernels)[:3]

        def adjoint(x, weights):
            forward(x)
            made.adjoints = weights
            return dict(zip(x, made.adjoint(kernels), strict=True))

        inputs = {"clip": made.clip, "attributes": made.attributes, "background": made.background}
        return PairProgram(rng, inputs, forward, adjoint)

    return make


def shaded_case(layout, cut):
    def make(rng):
        scene = shaded.Scene(layout=layout, cut=cut)
        kernels = shaded.shaded_pass(scene)
        unused = set() if layout.textured else {"texture"}
        unused |= set() if layout.lit else {"camera", "light_color", "light_vector"}

        def forward(x):
            return scene.forward(kernels, scene.x | x)[:3]

        def adjoint(x, weights):
            forward(x)
            scene.adjoints = weights
            return scene.adjoint(kernels)

        inputs = {name: values for name, values in scene.x.items() if name not in unused}
        return PairProgram(rng, inputs, forward, adjoint)

    return make


LIGHT = {
    "specular, shininess": "plain numbers",
    "the side that two_sided turns a normal to": "a choice",
    "which light reaches a point (n.l > 0)": "a corner: 0 on the dark side",
}
CUTTING = {"near": "a plain number", "which corners lie before the near plane": "a choice"}
SOFTNESS = {
    "sigma, gamma, near, far": "plain numbers",
    "face_id, barycentrics": "of the face of the largest weight: a choice",
    "pairs with a coverage below 1e-4": "cut off: a step of 1e-4 at most",
}
CUT = {"faces": 4, "depth": (0.3, 2.0), "size": (11, 12)}

GRID = {"lattice": "where the grid is: plain numbers"}


def grid_case(method, components, is_distance, with_gradients=False):
    """Points inside and outside of a grid."""

    def make(rng):
        def forward(x):
            case = voxel_grid.Case(x, method, is_distance)
            return case.with_gradients() if with_gradients else [case.values()]

        def adjoint(x, weights):
            return voxel_grid.Case(x, method, is_distance).adjoints(tuple(weights) if with_gradients else weights[0])

        return PairProgram(rng, voxel_grid.inputs(components), forward, adjoint)

    return make


def mlp_case(**settings):
    """A chain with a skip and a code."""

    def make(rng):
        mlp = networks.chain(**settings)

        def forward(x):
            return [networks.output(mlp, x)]

        def adjoint(x, weights):
            return networks.adjoints(mlp, x, weights[0])

        return PairProgram(rng, networks.inputs(mlp), forward, adjoint)

    return make


OPERATIONS = [
    Operation(
        "stages",
        "camera.pack",
        {f"{kind}, pose {pose}": pack_case(kind, pose) for kind in pack.KINDS for pose in (0.0, 0.4, 2.0)},
        {"near, far": "plain numbers"},
    ),
    Operation(
        "stages",
        "camera.transform",
        {
            f"{name}, {'orthographic' if flat else 'perspective'}": transform_case(name, flat)
            for name in transform.SCENES
            for flat in (False, True)
        },
        {"view_mesh": "an index"},
    ),
    Operation(
        "stages",
        "shading.face_normals",
        {f"two tetrahedra, {seed}": normals_case(normals.face, normals.face_adjoint, seed) for seed in (0, 1)},
        {"a face without area": "it has no normal: 0"},
    ),
    Operation(
        "stages",
        "shading.vertex_normals",
        {f"two tetrahedra, {seed}": normals_case(normals.vertex, normals.vertex_adjoint, seed) for seed in (0, 1)},
        {"a vertex whose faces cancel": "it has no normal: 0"},
    ),
    Operation(
        "stages",
        "shading.shade_vertices",
        shading_cases(
            at_vertices.VARIANTS, at_vertices.shade_vertices, at_vertices.shade_vertices_adjoint, at_vertices.inputs
        ),
        LIGHT,
    ),
    Operation(
        "stages",
        "shading.shade_corners",
        shading_cases(
            at_vertices.VARIANTS,
            at_vertices.shade_corners,
            at_vertices.shade_corners_adjoint,
            at_vertices.corner_inputs,
        ),
        LIGHT,
    ),
    Operation(
        "stages",
        "shading.shade_pixels",
        shading_cases(
            at_points.VARIANTS,
            at_points.shade,
            at_points.shade_adjoint,
            lambda settings: at_points.inputs(settings, 1),
        ),
        LIGHT | {"lod": "the level of detail is held constant"},
    ),
    Operation(
        "stages",
        "shading.texture",
        {f"{width} x {height} texels": texture_case(width, height) for width, height in texture.SIZES},
        {"lod": "the level of detail is held constant", "borders of texels": "corners of the interpolant"},
    ),
    Operation(
        "stages",
        "zbuffer.interpolate",
        {name: interpolate_case(name) for name in interpolate.NAMES},
        {"visibility": "a choice, held constant"} | CUTTING,
    ),
    Operation(
        "stages",
        "antialias.blend",
        {name: antialias_case(name) for name in antialias.SCENES},
        {"pieces: which edges blend which pixels": "a choice"} | CUTTING,
    ),
    Operation(
        "stages",
        "soft",
        {", ".join(modes.values()): soft_case(modes, seed=number) for number, modes in enumerate(soft.MODES)}
        | {
            f"{', '.join(modes.values())}, cut by the near plane": soft_case(modes, seed=number, **CUT)
            for number, modes in enumerate(soft.PAIRWISE_MODES)
        },
        SOFTNESS | CUTTING,
    ),
    Operation(
        "stages",
        "soft, shaded",
        {
            f"{label}{', cut by the near plane' if cut else ''}": shaded_case(layout, cut)
            for label, layout in {
                "light and texture": shaded.EVERYTHING,
                "albedo": shaded.ALBEDO,
                "light": Layout(),
            }.items()
            for cut in (False, True)
        },
        SOFTNESS | LIGHT | CUTTING | {"lod": "the level of detail is held constant"},
    ),
    Operation(
        "stages",
        "networks.interpolate",
        {
            "linear, vectors": grid_case(voxel_grid.LINEAR, 2, False),
            "linear, a distance": grid_case(voxel_grid.LINEAR, 1, True),
            "cubic, vectors": grid_case(voxel_grid.CUBIC, 2, False),
            "cubic, a distance": grid_case(voxel_grid.CUBIC, 1, True),
        },
        GRID,
    ),
    Operation(
        "stages",
        "networks.value_and_gradient",
        {
            "linear": grid_case(voxel_grid.LINEAR, 1, True, with_gradients=True),
            "cubic": grid_case(voxel_grid.CUBIC, 1, True, with_gradients=True),
        },
        GRID,
    ),
    Operation(
        "stages",
        "radiance_grid.at_points",
        {f"degree {degree}": radiance_grid_case(degree) for degree in range(3)},
        {},
    ),
    Operation(
        "stages",
        "networks.MLP",
        {"softplus": mlp_case(), "tanh": mlp_case(activation="tanh")},
        {"beta": "a plain number"},
    ),
]
