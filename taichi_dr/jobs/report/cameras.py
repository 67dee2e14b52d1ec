"""A picture of posed images: their cameras from above, from the side and from a corner, and what is where in them."""

import io
import math

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

from taichi_dr.io.files import atomic_path
from taichi_dr.io.images import linear_to_srgb
from taichi_dr.io.posed.bounds import in_view, projected
from taichi_dr.jobs.report.metrics import over_white

SHOWN = 12  # images
COLUMNS = 6
FRUSTUM = 0.12  # of the picture's extent that a camera is long; less where there are more than a few
FEW = 25
POINTS = 20_000  # that are drawn, at most
COLORED_BY = 8  # images that a point takes its colour from, at most
SNAP = math.cos(math.radians(25))  # of the angle by which the world's axis may differ from where cameras' tops point
AXES = ("#d62728", "#2ca02c", "#1f5fd6")  # x, y, z
CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
CUBE = [(a, b) for a in range(8) for b in range(8) if a < b and bin(a ^ b).count("1") == 1]


def draw_cameras(path, posed, bounds, title):
    """Writes the picture of ``posed`` and its ``SceneBounds`` to ``path`` (PNG or JPEG)."""
    rows = math.ceil(min(SHOWN, len(posed)) / COLUMNS)
    tall = 2.6 * posed.height / posed.width + 0.35
    figure = Figure(figsize=(16.5, 6.1 + rows * tall), dpi=100)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13, y=0.995)
    above, below = figure.subfigures(2, 1, height_ratios=(5.6, rows * tall))
    _draw_space(above, posed, bounds)
    _draw_images(below, posed, bounds, rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    with atomic_path(path) as temporary:
        Image.open(buffer).convert("RGB").save(temporary)


def _colors(posed):
    """A colour (V, 4) for each view, from the first to the last."""
    return colormaps["plasma"](np.linspace(0, 0.9, len(posed)))


def _draw_space(figure, posed, bounds):
    """The cameras in three projections, none of which has perspective."""
    sideways, depth, up = _basis(posed)
    corner = _turned(sideways, depth, up)
    views = ("from above", sideways, depth), ("from the side", sideways, up), ("from a corner", *corner)
    grid = {"left": 0.035, "right": 0.99, "top": 0.9, "bottom": 0.09, "wspace": 0.12}
    axes = figure.subplots(1, 3, gridspec_kw=grid)
    points, colors = _points(posed)
    for axis, (name, across, upward) in zip(axes, views, strict=True):
        plane = np.stack([across, upward], axis=1)
        _draw_projection(axis, posed, bounds, plane, points, colors)
        axis.set_title(name, fontsize=11, loc="left")


def _draw_projection(axis, posed, bounds, plane, points, colors):
    eyes = posed.camera_to_world[:, :3, 3]
    spread = np.concatenate([eyes @ plane, bounds.center @ plane + bounds.radius * CORNERS])
    low, high = spread.min(axis=0), spread.max(axis=0)
    middle, half = (low + high) / 2, 0.56 * max((high - low).max(), 1e-9)
    if len(points):
        axis.scatter(*(points @ plane).T, s=3, c=colors, linewidths=0, zorder=1)
    length = 2 * half * FRUSTUM * min(1, math.sqrt(FEW / len(posed)))
    lines, line_colors = [], []
    for view, color in enumerate(_colors(posed)):
        base = _corners(posed, view, length) @ plane
        eye = eyes[view] @ plane
        lines += [np.stack([eye, corner]) for corner in base] + [np.concatenate([base, base[:1]])]
        line_colors += [color] * 5
    axis.add_collection(LineCollection(lines, colors=line_colors, linewidths=0.9, zorder=3))
    ahead = eyes - posed.camera_to_world[:, :3, 2] * _reach(posed, bounds, half)[:, None]
    ways = np.stack([eyes @ plane, ahead @ plane], axis=1)
    axis.add_collection(LineCollection(ways, colors=_colors(posed), linewidths=0.35, alpha=0.6))
    axis.scatter(*(eyes @ plane).T, s=9, c=_colors(posed), zorder=4)
    axis.add_patch(Circle(bounds.center @ plane, bounds.radius, fill=False, color="0.3", linewidth=1.2, zorder=2))
    for name, color, direction in zip("xyz", AXES, np.eye(3), strict=True):
        tip = (bounds.center + 0.6 * max(bounds.radius, 0.12 * half) * direction) @ plane
        start = bounds.center @ plane
        axis.plot(*np.stack([start, tip], axis=1), color=color, linewidth=2, zorder=5)
        if np.linalg.norm(tip - start) > 0.02 * half:
            axis.annotate(name, tip, color=color, fontsize=10, fontweight="bold", zorder=6)
    axis.set_xlim(middle[0] - 1.25 * half, middle[0] + 1.25 * half)
    axis.set_ylim(middle[1] - half, middle[1] + half)
    axis.set_aspect("equal")
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.2)


def _reach(posed, bounds, half):
    """How far the axis of each view is drawn: to the depth of the centre, and not out of the picture."""
    offsets = bounds.center - posed.camera_to_world[:, :3, 3]
    depth = np.einsum("vi,vi->v", offsets, -posed.camera_to_world[:, :3, 2])
    return np.clip(depth, 0.2 * half, 4 * half)


def _corners(posed, view, depth):
    """The four corners (4, 3) of what a view sees at a depth."""
    half = np.array([posed.width, posed.height]) / 2
    slopes = (CORNERS * half + half - posed.principal_point[view]) / posed.focal[view]
    local = np.stack([slopes[:, 0], -slopes[:, 1], -np.ones(4)], axis=1) * depth
    matrix = posed.camera_to_world[view]
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def _basis(posed):
    """Directions sideways, into the picture from above, and up: along the world's axes where those are near."""
    up = posed.camera_to_world[:, :3, 1].mean(axis=0)
    up = up / max(np.linalg.norm(up), 1e-9) if np.linalg.norm(up) > 0.1 else np.array([0.0, 0.0, 1.0])
    axis = int(np.argmax(np.abs(up)))
    if abs(up[axis]) > SNAP:
        up = np.eye(3)[axis] * np.sign(up[axis])
    right = posed.camera_to_world[:, :3, 0].mean(axis=0)
    if np.linalg.norm(right) < 0.5:  # they look from all sides
        right = np.eye(3)[int(np.argmin(np.abs(up)))]
    right = right - up * (up @ right)
    right /= np.linalg.norm(right)
    return right, np.cross(up, right), up


def _turned(sideways, depth, up):
    """What is right and up for somebody who looks from a corner, 30 degrees from above."""
    right = math.cos(math.radians(35)) * sideways + math.sin(math.radians(35)) * depth
    away = np.cross(up, right)
    return right, math.cos(math.radians(30)) * up + math.sin(math.radians(30)) * away


def _points(posed):
    """Points (n, 3) and their colours (n, 3), the median of what some images show there."""
    if posed.points is None:
        return np.zeros((0, 3)), np.zeros((0, 3))
    points = posed.points[:: max(1, math.ceil(len(posed.points) / POINTS))]
    seen = np.full((COLORED_BY, len(points), 3), np.nan, np.float32)
    for slot, view in enumerate(np.linspace(0, len(posed) - 1, COLORED_BY).round().astype(int)):
        inside = np.flatnonzero(in_view(posed, view, points))
        x, y, _ = projected(posed, view, points[inside])
        column, row = np.minimum(x.astype(int), posed.width - 1), np.minimum(y.astype(int), posed.height - 1)
        seen[slot, inside] = posed.images[view, row, column]
    known = ~np.isnan(seen[..., 0]).all(axis=0)
    return points[known], np.clip(linear_to_srgb(np.nanmedian(seen[:, known], axis=0)), 0, 1)


def _draw_images(figure, posed, bounds, rows):
    """Some images, with the world's axes at the scene's centre, a cube around it, and points."""
    chosen = np.unique(np.linspace(0, len(posed) - 1, SHOWN).round().astype(int))
    grid = {"left": 0.01, "right": 0.99, "top": 0.97, "bottom": 0.01, "wspace": 0.03, "hspace": 0.16}
    axes = np.ravel(figure.subplots(rows, COLUMNS, gridspec_kw=grid))
    colors = _colors(posed)
    for axis in axes:
        axis.set_axis_off()
    for axis, view in zip(axes, chosen, strict=False):
        axis.set_axis_on()
        axis.set_xticks([])
        axis.set_yticks([])
        axis.imshow(over_white(np.concatenate([posed.images[view], posed.alpha[view][..., None]], axis=-1)))
        axis.images[0].set_extent((0, posed.width, posed.height, 0))
        _draw_overlay(axis, posed, view, bounds)
        for spine in axis.spines.values():
            spine.set(color=colors[view], linewidth=2.5)
        axis.set_title(f"{view}  {posed.names[view]}", fontsize=8, loc="left", pad=2)
        axis.set_xlim(0, posed.width)
        axis.set_ylim(posed.height, 0)


def _draw_overlay(axis, posed, view, bounds):
    signs = np.array([[(corner >> k & 1) * 2 - 1 for k in range(3)] for corner in range(8)])
    corners = bounds.center + bounds.radius / math.sqrt(3) * signs
    lines = [corners[list(edge)] for edge in CUBE]
    colors = ["white"] * len(lines)
    for color, direction in zip(AXES, np.eye(3), strict=True):
        lines.append(np.stack([bounds.center, bounds.center + 0.5 * bounds.radius * direction]))
        colors.append(color)
    if posed.points is not None:
        inside = posed.points[in_view(posed, view, posed.points)]
        x, y, _ = projected(posed, view, inside[:: max(1, len(inside) // 300)])
        axis.scatter(x, y, s=1.5, c="#00e5ff", linewidths=0)
    for line, color in zip(lines, colors, strict=True):
        x, y, _ = projected(posed, view, line)
        if not np.isnan(x).any():
            width = 0.8 if color == "white" else 2.2
            axis.plot(x, y, color="black", linewidth=width + 0.8, alpha=0.5)
            axis.plot(x, y, color=color, linewidth=width)
