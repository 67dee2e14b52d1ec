"""The pages about what is public: groups of names, each with its signature and docstring."""

import inspect
from pkgutil import iter_modules, resolve_name

from extensions import aliases, torchless

import taichi_dr as dr

GROUPS = {
    "Start": ("init", "backend", "available_backends", "__version__"),
    "Meshes, materials, lights": (
        *("Mesh", "Material", "Texture", "Lights", "DirectionalLight", "PointLight", "SpotLight"),
        *("RectangleLight", "SphereLight", "Environment"),
    ),
    "Cameras and frames": ("Camera", "Frame"),
    "Renderers of meshes": ("Rasterizer", "SoftRasterizer", "Primitives", "Supersampler", "supersampled"),
    "Signed distances": ("SphereTracer", "Unrolled", "Box", "Ball", "Unbounded"),
    "Volumes and fields": ("VolumeRenderer", "VoxelGrid", "Sample", "render_rays", "NeRFFit", "KnownRays"),
    "Networks of coordinates": ("CoordinateNetwork",),
    "Rays": ("RayTracer", "Scene", "Sphere", "Plane", "Rectangle", "Implicit", "RayCaster"),
    "Optimisers": ("SGD", "Adam", "UniformAdam", "LargeSteps", "GaussNewton", "Estimate", "jacobian"),
    "Tapes and gradients": ("tape_operation", "checkpointed", "check_gradients"),
    "Recipes": ("fit_pose", "PoseFit", "fit_colors", "ColorFit", "fit_shape", "ShapeFit"),
    "Files": (
        *("load_mesh", "save_mesh", "load_image", "save_image", "save_animation", "load_posed_images"),
        *("save_posed_images", "PosedImages", "linear_to_srgb", "srgb_to_linear", "compare_meshes"),
    ),
    "Errors": (
        *("Error", "BackendError", "CameraError", "DataSetError", "FileError", "GeometryError", "GradientError"),
        *("InputError", "RuntimeStateError", "ShapeError", "TooLargeError"),
    ),
}
"""The pages of ``dr.NAME``, and what is on each."""

MODULES = {
    "shapes": "Shapes",
    "losses": "Losses",
    "sdf": "Functions of signed distances",
    "radiance": "Radiance fields",
    "encodings": "Encodings",
    "schedules": "Schedules",
    "gui": "Viewer",
    "torch": "PyTorch",
    "torch.losses": "PyTorch: losses",
    "torch.single_image": "PyTorch: a mesh from one image",
    "torch.dreamer": "PyTorch: a diffusion model that knows words",
    "torch.distributed": "PyTorch: several processes",
    "types": "Type hints",
    "kernels": "Kernels",
}
"""The pages of rooms, named as in ``dr.NAME``."""


def write(folder):
    """Writes a page for each group and each room into ``folder``, and ``index.rst`` about them."""
    pages = {slug(title): group(title, names) for title, names in GROUPS.items()}
    torchless.replace()
    pages |= {slug(name): room(name, title) for name, title in MODULES.items()}
    folder.mkdir()
    for name, text in {**pages, "index": index(pages)}.items():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")


def slug(title):
    """The name of a page's file."""
    return title.lower().replace(",", "").replace(" ", "-")


def heading(title, line="="):
    """A title in reStructuredText."""
    return f"{title}\n{line * len(title)}\n\n"


def index(pages):
    """The page that leads to all others."""
    entries = "\n".join(f"   {name}" for name in pages)
    return f"""{heading("In Python")}After ``import taichi_dr as dr``: every public name, with shapes, units and errors.

.. toctree::
   :maxdepth: 1

{entries}
"""


def group(title, names):
    """A page of names of ``dr``."""
    return heading(title) + "\n".join(entry(getattr(dr, name), f"taichi_dr.{name}") for name in names)


def room(name, title):
    """A page of a room: what it says of itself, and its names."""
    module = resolve_name(f"taichi_dr.{name}")
    text = heading(title) + about(module)
    if name == "types":
        named = "\n".join(alias(*item) for item in aliases.described().items())
        return f"{text}{named}\n{entry(module.Field, 'taichi_dr.types.Field')}"
    if name == "kernels":
        rooms = (resolve_name(found.name) for found in iter_modules(module.__path__, "taichi_dr.kernels."))
        return text + "\n".join(heading(room.__name__.removeprefix("taichi_dr."), "-") + about(room) for room in rooms)
    return text + "\n".join(entry(getattr(module, member), f"taichi_dr.{name}.{member}") for member in members(module))


def about(module):
    """The directive that shows what a room says of itself."""
    return f".. automodule:: {module.__name__}\n   :no-index:\n\n"


def alias(name, described):
    """The directive that shows a type that has a name."""
    definition, text = described
    options = f"   :module: taichi_dr.types\n   :canonical: {definition}\n"
    return f"{heading(name, '-')}.. py:type:: {name}\n{options}\n   {text}\n"


def members(module):
    """The public names of a room that are no rooms: those of ``__all__``, else those that it defines."""
    names = getattr(module, "__all__", None) or [
        name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__
    ]
    return [name for name in names if not (name.startswith("_") or inspect.ismodule(getattr(module, name)))]


def entry(thing, name):
    """A section about something public: a directive that shows it, with the members that it has of its families."""
    text = heading(name.rpartition(".")[2], "-")
    if inspect.isclass(thing):
        options = "   :members:\n   :inherited-members: object, tuple, Module, BaseException, Protocol\n"
        return f"{text}.. autoclass:: {name}\n{options}"
    return f"{text}.. auto{'function' if callable(thing) else 'data'}:: {name}\n"
