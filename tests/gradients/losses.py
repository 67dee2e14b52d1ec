"""The losses of ``dr.losses`` and the smooth coordinates of ``dr.LargeSteps``, by every field that they read."""

import numpy as np

import taichi_dr as dr
from taichi_dr.losses.inputs import numpy_dtype
from tests.gradients.program import Operation, TapeProgram, new_field, single

VIEWS, SIDE = 2, 13  # the structural similarity needs 11 pixels
# An octahedron with one face missing: inner edges, boundary edges, obtuse and acute angles once it is jittered.
FACES = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5]])
CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)


def images(name, components=3, **options):
    """A loss that compares two images, both of them fields."""

    def make(rng):
        prediction, target = (_image(rng, components) for _ in range(2))
        fields = {"prediction": prediction, "target": target}
        return TapeProgram(fields, lambda loss: getattr(dr.losses, name)(prediction, target, loss, 1.3, **options))

    return make


def image_and_array(name, components=3):
    """A loss whose target is a NumPy array."""

    def make(rng):
        prediction = _image(rng, components)
        target = single(rng.random((VIEWS, SIDE, SIDE) + ((components,) if components else ())))
        target = target.astype(numpy_dtype())
        return TapeProgram({"prediction": prediction}, lambda loss: getattr(dr.losses, name)(prediction, target, loss))

    return make


def of_surfaces(name, components, **options):
    """A loss of depths or normals, some of whose pixels do not count."""

    def make(rng):
        prediction, target = (_image(rng, components) for _ in range(2))
        alpha, mask = (single(rng.random((VIEWS, SIDE, SIDE))) for _ in range(2))
        given = {"alpha": alpha, "mask": mask, **options}
        fields = {"prediction": prediction, "target": target}
        return TapeProgram(fields, lambda loss: getattr(dr.losses, name)(prediction, target, loss, 1.3, **given))

    return make


def of_closest(name, **options):
    """A loss of the signed closest approach, a few pixels to either side."""

    def make(rng):
        closest = new_field(rng.normal(scale=3, size=(VIEWS, SIDE, SIDE)), 0)
        mask = single(rng.random((VIEWS, SIDE, SIDE)))
        return TapeProgram(
            {"closest": closest}, lambda loss: getattr(dr.losses, name)(closest, mask, loss, 1.3, **options)
        )

    return make


def latent_prior(components):
    """The prior of five codes of four numbers, as vectors or as rows."""

    def make(rng):
        codes = new_field(rng.normal(size=(5, 4)), components)
        return TapeProgram({"codes": codes}, lambda loss: dr.losses.latent_prior(codes, loss, 1.3, sigma=0.7))

    return make


def of_mesh(name, batch=2, **options):
    """A loss of a mesh's vertices."""

    def make(rng):
        mesh = _octahedra(rng, batch)
        return TapeProgram(
            {"mesh.vertices": mesh.vertices}, lambda loss: getattr(dr.losses, name)(mesh, loss, 0.7, **options)
        )

    return make


def of_grid(name, *components, shape=(4, 3, 5)):
    """A loss of a grid whose spacing differs from axis to axis."""

    def make(rng):
        grid = dr.VoxelGrid(single(rng.normal(size=(*shape, *components))), ((0, 0, 0), (1, 2, 1.5)))
        return TapeProgram({"grid.values": grid.values}, lambda loss: getattr(dr.losses, name)(grid, loss, 1.3))

    return make


def chamfer_of_points(rng):
    source, target = (_points(rng, count) for count in (9, 7))
    fields = {"source": source, "target": target}
    return TapeProgram(fields, lambda loss: dr.losses.chamfer(source, target, loss))


def chamfer_of_a_surface(rng):
    mesh, target = _octahedra(rng, 1), single(rng.normal(size=(40, 3)))
    return TapeProgram(
        {"mesh.vertices": mesh.vertices}, lambda loss: dr.losses.chamfer(mesh, target, loss, 2.0, samples=50, seed=3)
    )


def large_steps(rng):
    mesh = _octahedra(rng, 2)
    smooth = dr.LargeSteps(mesh, strength=3.0)

    def run(loss):
        smooth.apply()
        dr.losses.edge_length(mesh, loss)

    return TapeProgram({"coordinates": smooth.coordinates}, run)


def _image(rng, components):
    return new_field(rng.random((VIEWS, SIDE, SIDE) + ((components,) if components else ())), components)


def _points(rng, count):
    return new_field(rng.normal(size=(2, count, 3)), 3)


def _octahedra(rng, batch):
    return dr.Mesh(CORNERS + rng.normal(scale=0.3, size=(batch, 6, 3)), FACES)


IMAGE_LOSSES = {
    "mse": {"two fields": images("mse"), "an array": image_and_array("mse")},
    "l1": {"two fields": images("l1"), "an array": image_and_array("l1")},
    "huber": {"delta 0.1": images("huber"), "delta 0.4": images("huber", delta=0.4)},
    "iou": {
        "two fields": images("iou", 0),
        "of the paper": images("iou", 0, kind="soft_jaccard"),
        "an array": image_and_array("iou", 0),
    },
    "ssim": {"scalars": images("ssim", 0), "colours": images("ssim"), "an array": image_and_array("ssim")},
}
MESH_LOSSES = {
    "laplacian": {"a mesh": of_mesh("laplacian", 1), "two meshes": of_mesh("laplacian")},
    "edge_length": {"squared": of_mesh("edge_length"), "to a target": of_mesh("edge_length", target=1.1)},
    "normal_consistency": {"a mesh": of_mesh("normal_consistency", 1), "two meshes": of_mesh("normal_consistency")},
    "flatten": {"a mesh": of_mesh("flatten", 1), "two meshes": of_mesh("flatten")},
    "chamfer": {"points": chamfer_of_points, "a surface": chamfer_of_a_surface},
}
GRID_LOSSES = {
    "eikonal": {"numbers": of_grid("eikonal"), "two points along an axis": of_grid("eikonal", shape=(2, 6, 4))},
    "grid_laplacian": {"numbers": of_grid("grid_laplacian"), "vectors": of_grid("grid_laplacian", 3)},
}
SURFACE_LOSSES = {
    "depth": {"squared": of_surfaces("depth", 0), "delta 0.2": of_surfaces("depth", 0, delta=0.2)},
    "normal": {"two fields": of_surfaces("normal", 3)},
    "missed": {"a mask": of_closest("missed")},
    "extra": {"a mask": of_closest("extra")},
    "silhouette_cross_entropy": {"a mask": of_closest("silhouette_cross_entropy", softness=1.7)},
    "latent_prior": {"vectors": latent_prior(4), "rows": latent_prior(0)},
}
CONSTANT = {
    "depth": {"alpha, mask": "which pixels count is a choice", "weight, delta": "plain numbers"},
    "normal": {"alpha, mask": "which pixels count is a choice", "weight": "a plain number"},
    "missed": {"mask, weight": "plain numbers"},
    "extra": {"mask, weight": "plain numbers"},
    "silhouette_cross_entropy": {"mask, weight, softness": "plain numbers"},
    "latent_prior": {"weight, sigma": "plain numbers"},
    "l1": {"weight, and equality": "a plain number; the slope of abs(x) at 0 is 0"},
    "huber": {"weight, delta": "plain numbers"},
    "normal_consistency": {"weight, softness": "plain numbers"},
    "flatten": {"weight, softness": "plain numbers"},
    "laplacian": {
        'the weights of kind="cotangent"': "held constant, as is usual; `tests/losses/test_mesh.py` holds them as well"
    },
    "chamfer": {
        "which faces and barycentrics are drawn": "random; gradients flow through the corners' positions",
        "which points are nearest": "a choice",
    },
}

OPERATIONS = [
    *(
        Operation("losses", name, cases, CONSTANT.get(name, {"weight": "a plain number"}))
        for name, cases in (IMAGE_LOSSES | SURFACE_LOSSES | MESH_LOSSES | GRID_LOSSES).items()
    ),
    Operation("optimisation", "LargeSteps.apply", {"two meshes": large_steps}, {"strength": "a plain number"}),
]
