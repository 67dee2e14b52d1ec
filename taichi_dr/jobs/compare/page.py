"""``comparison.html``: one page that needs nothing else, on a screen or a phone, by day or by night."""

import base64
from html import escape

from taichi_dr.io.files import write_text
from taichi_dr.jobs.compare.measure import Failed
from taichi_dr.jobs.compare.pictures import encoded, tiles
from taichi_dr.jobs.compare.table import is_best, known_rows, written
from taichi_dr.version import __version__

BRIEF = {
    "mesh": "a mesh with vertex colours",
    "sdf": "a signed distance on a grid, with colours",
    "grid": "a radiance field on a grid",
    "hash": "a radiance field of a hash grid",
    "nerf": "a radiance field of two networks",
    "light": "a mesh, and the light that it is in",
}

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --soft: #63636b; --paper: #fbfbfa; --card: #fff; --line: #dcdce0;
  --best: #0a6b3d; --bad: #a3260f; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececee; --soft: #a2a2ab; --paper: #151517; --card: #1e1e21;
  --line: #36363c; --best: #6fd3a0; --bad: #ff9a85; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 16px 48px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 1.15rem; margin: 36px 0 8px; }
h3 { font-size: 1rem; margin: 20px 0 6px; }
p { margin: 6px 0; } .soft { color: var(--soft); font-size: .9rem; }
ul { padding-left: 20px; margin: 6px 0; } li { margin: 4px 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--card); }
tr:last-child > * { border-bottom: 0; } td.best { color: var(--best); font-weight: 650; }
td.failed { text-align: left; white-space: normal; color: var(--bad); }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.turn img { border: 1px solid var(--line); border-radius: 8px; width: 100%; }
.views { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
figure { margin: 0; min-width: 0; } figcaption { font-size: .9rem; padding: 2px 0 4px; }
figure img { width: 100%; border: 1px solid var(--line); margin-bottom: 6px; }
.scale { display: inline-block; width: 90px; height: 10px; border-radius: 3px; vertical-align: middle;
  background: linear-gradient(90deg, #000004, #420a68, #932667, #dd513a, #fca50a, #fcffa4); }
@media (max-width: 600px) { body { padding: 16px 12px 32px; } .views { grid-template-columns: 1fr 1fr; gap: 10px; }
  th, td { padding: 6px 8px; } }
"""


def write_page(path, found, scene, settings, advice, turntables):
    """Writes the page about ``found`` ([Measured or Failed, ...]).

    ``advice``: [Sentence, ...]; ``turntables``: the animations as bytes, for screens and for phones.
    """
    done = [one for one in found if not isinstance(one, Failed)]
    name = settings.data.resolve().name or str(settings.data)
    title = f"{name}: which representation?".encode("utf-8", "replace").decode()  # names need not be UTF-8
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_about(scene, settings, found))}</p>',
        "<h2>Which to use when</h2>",
        _advice([line for line in advice if line.about not in {one.name for one in done}]),
        "<h2>Numbers</h2>",
        _table(found, done),
        _meanings(done, scene),
        "<h2>All around</h2>",
        _turntables(turntables, done),
        "<h2>Held-out images</h2>",
        '<p class="soft">None of these was used. Below each: where they differ most (framed), magnified, and the'
        ' difference from the image there <span class="scale"></span> 0 to 0.5 and more.</p>',
        *_views(done, scene),
        "<h2>One by one</h2>",
        _advice([line for line in advice if line.about in {one.name for one in done}]),
        f'<p class="soft">taichi-dr {__version__}. Each folder beside this page has the files of its reconstruction;'
        " comparison.json has the numbers with all digits.</p>",
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(title)}</title><style>{STYLE}</style>"
    body = "\n".join(parts)
    write_text(path, f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n')


def _about(scene, settings, found):
    size = f"{scene.train.width} × {scene.train.height}"
    said = f"{len(scene.train)} images of {size} pixels, {settings.minutes:g} min of optimising for each"
    backends = {one.metrics["backend"] for one in found if not isinstance(one, Failed)}
    said += f", on {' and '.join(sorted(backends))}"
    others = [f"{one.name}: {minutes:g}" for one in found if (minutes := _minutes(one)) not in (None, settings.minutes)]
    if others:
        said += f" (but made before, of {', '.join(others)} min)"
    short = [one.name for one in found if not isinstance(one, Failed) and one.metrics["interrupted"]]
    if short:
        said += f" (stopped before its time: {', '.join(short)})"
    missing = [name for name in settings.names if name not in {one.name for one in found}]
    return said + (f"; not yet made: {', '.join(missing)}" if missing else "")


def _minutes(one):
    """The budget that a reconstruction was made with; None if it has failed, or has none in minutes."""
    return None if isinstance(one, Failed) else one.metrics["settings"].get("minutes")


def _advice(lines):
    items = (f"<li><b>{escape(line.about)}</b>: {escape(line.text)}</li>" for line in lines)
    return f"<ul>{''.join(items)}</ul>"


def _table(found, done):
    rows = known_rows(done)
    head = "".join(f'<th scope="col" title="{escape(row.meaning)}">{escape(row.name)}</th>' for row in rows)
    lines = []
    for one in found:
        if isinstance(one, Failed):
            cells = f'<td class="failed" colspan="{len(rows)}">{escape(one.error)}</td>'
        else:
            best = [' class="best"' * is_best(row, one, done) for row in rows]
            cells = "".join(f"<td{b}>{escape(written(r, one))}</td>" for r, b in zip(rows, best, strict=True))
        lines.append(f'<tr><th scope="row" title="{BRIEF[one.name]}">{escape(one.name)}</th>{cells}</tr>')
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'


def _meanings(done, scene):
    said = "; ".join(f"{row.name}: {row.meaning}" for row in known_rows(done))
    if scene.truth is None:
        said += ". The true surface is not known: --truth MESH measures how far each is from it"
    if scene.reduced is not None:
        said += f". Times, and pictures and dB of single images below, are those of {scene.reduced}; else of all pixels"
    without = [f"{one.name}: {one.no_shape}" for one in done if one.no_shape is not None]
    return "".join(f'<p class="soft">{escape(line)}.</p>' for line in [said, *without])


def _turntables(turntables, done):
    wide, narrow = (_data(animation) for animation in turntables)
    names = escape(", ".join(one.name for one in done))
    return (
        f'<picture class="turn"><source media="(max-width: 600px)" srcset="{narrow}">'
        f'<img src="{wide}" alt="turntables side by side: {names}"></picture>'
    )


def _views(done, scene):
    """A section for each held-out view that is shown."""
    for view, name in enumerate(scene.shown.names):
        target, *others = tiles(scene.target[view], [one.pictures[view] for one in done])
        figures = [_figure("the image", "", target)]
        for one, tile in zip(done, others, strict=True):
            figures.append(_figure(one.name, f"{one.views[view]['psnr']:.1f} dB", tile))
        yield f'<h3>{escape(name)}</h3><div class="views">{"".join(figures)}</div>'


def _figure(name, number, tile):
    labels = f"{name}", f"{name}, magnified", f"difference of {name} from the image, magnified"
    pictures = [
        f'<img src="{_data(encoded(pixels))}" alt="{escape(label)}">'
        for label, pixels in zip(labels, tile, strict=True)
        if pixels is not None
    ]
    caption = f"<b>{escape(name)}</b> {escape(number)}"
    return f"<figure><figcaption>{caption}</figcaption>{''.join(pictures)}</figure>"


def _data(picture):
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
