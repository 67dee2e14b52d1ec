"""``taichi-dr compare-mesh``: how far two shapes differ in 3-D, as a table and as JSON."""

from dataclasses import asdict

from rich.table import Table

from taichi_dr.io.files import check_creatable, write_json
from taichi_dr.jobs.pictures.named_mesh import found_mesh
from taichi_dr.jobs.terminal.progress import console
from taichi_dr.measure.comparison import compare_meshes

LENGTHS = ("chamfer", "accuracy", "completeness", "hausdorff", "threshold")


def judge(settings):
    """Prints the comparison that ``settings`` (CompareMeshSettings) describes, and writes it; returns it.

    Raises:
        InputError: a setting outside its domain.
        FileError: no such mesh, or the JSON file cannot be written.
        GeometryError: a mesh whose faces have no area.
    """
    settings.check()
    if settings.json is not None:
        check_creatable(settings.json)
    mesh, reference = found_mesh(settings.mesh), found_mesh(settings.reference, normalize=settings.normalize)
    options = {name: getattr(settings, name) for name in ("align", "threshold", "samples", "seed")}
    found = compare_meshes(mesh, reference, **options)
    console.print(_shapes(found), "", _differences(found), sep="\n")
    if settings.json is not None:
        write_json(settings.json, _record(settings, found))
        console.print(f"numbers: {settings.json}", soft_wrap=True, markup=False)
    return found


def _shapes(found):
    table = _table("", "mesh", "reference")
    for name in asdict(found.shape):
        table.add_row(name, *(_said(getattr(one, name)) for one in (found.shape, found.reference)))
    return table


def _differences(found):
    table = _table("", "world units", "of the diagonal")
    for name in LENGTHS[:-1]:
        length = getattr(found, name)
        share = length / found.reference.diagonal
        table.add_row({"hausdorff": "Hausdorff"}.get(name, name), _said(length), f"{share:.3%}")
    table.add_row("normal error", f"{found.normal_error_deg:.2f}\N{DEGREE SIGN}", "")
    table.add_row("F-score", f"{found.f_score:.4f}", f"within {found.threshold / found.reference.diagonal:.3g}")
    table.add_row("IoU", _said(found.iou), "")
    return table


def _table(*columns):
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    return table


def _said(value):
    """A number or a truth as people read it; a dash where there is none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def _record(settings, found):
    """Everything, for JSON; what is not defined is null."""
    lengths = {name: getattr(found, name) for name in LENGTHS}
    diagonal = found.reference.diagonal
    return {
        "mesh": {"name": settings.mesh, **asdict(found.shape)},
        "reference": {"name": settings.reference, **asdict(found.reference)},
        **lengths,
        "of_diagonal": {name: length / diagonal for name, length in lengths.items()},
        **{name: getattr(found, name) for name in ("normal_error_deg", "precision", "recall", "f_score", "iou")},
        "align": settings.align,
        "matrix": found.matrix.tolist(),
        "samples": settings.samples,
        "seed": settings.seed,
    }
