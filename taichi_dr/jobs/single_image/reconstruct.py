"""``taichi-dr reconstruct --as network``: a coloured mesh from one image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taichi_dr import runtime
from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.io.images import quantized, save_animation
from taichi_dr.io.meshes import save_mesh
from taichi_dr.io.shape_views import SIZE, STEP_DEG, VIEWS, view_camera
from taichi_dr.jobs.report.metrics import over_white, soft_iou
from taichi_dr.jobs.report.pages import write_grid
from taichi_dr.jobs.single_image.picture import network_picture
from taichi_dr.jobs.single_image.pictures import SAMPLES, network_mesh
from taichi_dr.jobs.terminal.output import alone_in, claim
from taichi_dr.jobs.terminal.progress import say
from taichi_dr.render.mesh.supersample import Supersampler
from taichi_dr.torch.single_image.checkpoint import SHIPPED, load_network
from taichi_dr.torch.single_image.predict import predict

FILES = ("mesh.obj", "mesh.glb", "preview.png", "turntable.gif", "metrics.json")
SHOWN_SIZE = 256
BEHIND = (8, 16)  # views on from the one that fits best: 120 and 240 degrees
FRAMES_PER_SECOND = 12


@dataclass(frozen=True)
class NetworkSummary:
    """What was made: the folder, and the contents of ``metrics.json``."""

    folder: Path
    metrics: dict


def reconstruct_image(settings):
    """Makes the mesh that ``settings`` (NetworkSettings) describes, and writes its files.

    Raises:
        InputError: a picture without alpha, or of nothing.
        FileError: no such picture or network, one that is cut short or of another architecture, an output folder that
            may not be written.
        BackendError: the backend asked for is not there.
    """
    with alone_in(settings.out):
        return _reconstruct(settings)


def _reconstruct(settings):
    claim(settings.out, FILES, settings.overwrite)
    check_creatable(settings.out / FILES[0])
    image, note = network_picture(settings.data)
    say(f"{settings.data}: {note}")
    network = load_network(model_file(settings.model))
    runtime.init(settings.backend)
    vertices, colors = predict(network, image[None])
    mesh = network_mesh(vertices[0], network.faces.numpy(), colors[0], settings.data.stem)
    for name in ("mesh.obj", "mesh.glb"):
        save_mesh(mesh, settings.out / name)
    turn = Supersampler(SHOWN_SIZE, SAMPLES).render(mesh, view_camera(np.arange(VIEWS)))
    best, iou = best_view(mesh, image)
    _write_preview(settings.out / "preview.png", image, turn, best, iou)
    save_animation(settings.out / "turntable.gif", turn, fps=FRAMES_PER_SECOND)
    metrics = {"azimuth_deg": STEP_DEG * best, "silhouette_iou": iou, "files": list(FILES)}
    write_json(settings.out / "metrics.json", metrics)
    return NetworkSummary(settings.out, metrics)


def best_view(mesh, image):
    """Which of the 24 views shows the mesh's silhouette most like that of an image (64, 64, 4) of bytes; and its IoU.

    The network is not told where the image was taken from, and does not say.
    """
    pictures = Supersampler(SIZE, SAMPLES).render(mesh, view_camera(np.arange(VIEWS)))
    ious = [float(soft_iou(picture[..., 3], image[..., 3] / 255)) for picture in pictures]
    best = int(np.argmax(ious))
    return best, ious[best]


def model_file(model):
    """The file of a network that was named by it, by its folder, or not at all: then it is the package's own."""
    if model is None:
        return SHIPPED
    return Path(model) / "model.npz" if Path(model).is_dir() else Path(model)


def _write_preview(path, image, turn, best, iou):
    times = SHOWN_SIZE // SIZE
    given = image.repeat(times, axis=0).repeat(times, axis=1)
    opaque = (given[..., :3] * (given[..., 3:] / 255) + 255 - given[..., 3:] + 0.5).astype(np.uint8)
    row = [("the image", opaque), (f"from {STEP_DEG * best:.0f} degrees", quantized(over_white(turn[best])))]
    for further in BEHIND:
        view = (best + further) % VIEWS
        row.append((f"from {STEP_DEG * view:.0f} degrees", quantized(over_white(turn[view]))))
    write_grid(path, [row], f"overlap of the silhouettes where they agree best: {iou:.2f}")
