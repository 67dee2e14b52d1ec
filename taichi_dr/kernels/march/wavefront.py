"""Marching in lock-step: the rays that are still on their way take a step together, by values that are given.

For functions that have no code to be put into a kernel: networks.  What rays do is what ``trace``, ``layers`` and
``approach`` have them do, step by step:

    place     writes the points where the rays are
    (the function is evaluated at them: all rays at once)
    advance_* moves every ray by its value, and says whether it has arrived
    compact   drops those that have

State that a ray has between steps is a row of ``state``; the columns are named.
"""

import taichi as ti

from taichi_dr.kernels.base.launch import is_serial
from taichi_dr.kernels.base.replay import replayed
from taichi_dr.kernels.base.types import Ints, Numbers, Rows
from taichi_dr.kernels.camera.pack import F
from taichi_dr.kernels.camera.rays import Eye, ray_components
from taichi_dr.kernels.march.bounds import NEVER, Bounds, interval, past_middle
from taichi_dr.kernels.march.bracket import PROBES, SMOOTH, Bracket, lowest_in, narrow_bracket
from taichi_dr.kernels.march.rays import pixel_ray
from taichi_dr.kernels.march.settings import BAND, BROKEN, CUT, LAYERS, MISS, OPAQUE
from taichi_dr.kernels.march.stretch import Stretch, close, ends_before, entry, note
from taichi_dr.kernels.march.trace import (
    BAND_REACH,
    BLOCK,
    CLOSE,
    LEAST,
    MARGIN,
    PATIENCE,
    SPREAD,
    Ray,
    around,
    block_of,
    blocks,
    middles,
)
from taichi_dr.kernels.screen.pixels import Screen, pixel_size

CHUNK = 256  # rays that one thread counts
SERIAL_RAYS = 1 << 15

T, LEAVE = range(2)
"""Columns of every state: where on its ray it is, where that ends."""

STEP, PREVIOUS, WITHIN, PATIENCE_LEFT, ENTERED, DEEPEST = range(2, 8)
"""... of pixels: the latest step, the value before it, whether that was in the band, evaluations in the band that are
left, where the band was entered, where a ray that has arrived looks whether the surface covers the pixel."""

STRETCH = 2
"""The first column of rays that graze: their ``Stretch``."""

BEST, NEAREST, AROUND, INSIDE = range(2, 6)
"""... of rays to their closest points; see ``approach``."""

COLUMNS = STRETCH + len(Stretch._fields)

FORETOLD, SHIFT, PROBED, OUTSIDE, H_OUTSIDE, BRACKET = 2, 3, 4, 7, 8, 9
"""Columns of a bracket behind its two ends: whether there was one before; from the middle of that to its own, in
quarters of that; the three values at its probes; the last sample outside and the value there; the number of columns."""


def compact(active, keep, count, block, kept):
    """Writes those of ``active`` (count,) that are to be kept into ``kept``, in their order; returns their number.

    ``block``: scratch of ``chunks(count) + 1`` numbers.
    """
    return _compact(active, keep, count, block, kept, is_serial(count, SERIAL_RAYS))


def chunks(count):
    """Chunks that so many rays are counted in."""
    return -(-count // CHUNK)


@replayed
@ti.kernel
def _compact(active: Ints, keep: Ints, count: ti.i32, block: Ints, kept: Ints, serial: ti.template()) -> ti.i32:
    ti.loop_config(serialize=serial)
    for chunk in range((count + CHUNK - 1) // CHUNK):
        total = 0
        for i in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, count)):
            total += keep[i]
        block[chunk] = total
    ti.loop_config(serialize=True)
    for _ in range(1):
        total = 0
        for chunk in range((count + CHUNK - 1) // CHUNK):
            here = block[chunk]
            block[chunk] = total
            total += here
        block[(count + CHUNK - 1) // CHUNK] = total
    ti.loop_config(serialize=serial)
    for chunk in range((count + CHUNK - 1) // CHUNK):
        at = block[chunk]
        for i in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, count)):
            if keep[i] == 1:
                kept[at] = active[i]
                at += 1
    return block[(count + CHUNK - 1) // CHUNK]


@ti.func
def cone_ray(block, eye: ti.template(), screen: ti.template()):
    """The same of the middle of a block of pixels, at t within ``constant + slope t`` of which its rays are."""
    across, down = blocks(screen.width), blocks(screen.height)
    view = block // (across * down)
    inside = block - view * across * down
    x, y = middles(inside // across, inside % across, screen, BLOCK, 1, 1)
    ox, oy, oz, dx, dy, dz, cosine = ray_components(eye, view, x, y)
    lens = ti.min(eye.camera[view, F], eye.camera[view, F + 1])
    constant, slope = 0.71 * BLOCK * pixel_size(screen) / lens, 0.0
    if ti.static(not eye.orthographic):
        constant, slope = slope, constant
    return ox, oy, oz, dx, dy, dz, cosine, constant, slope


@replayed
@ti.kernel
def place(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    pixels: Ints,
    state: Rows,
    column: ti.i32,
    is_cone: ti.template(),
    points: Rows,
):
    """Writes ``points`` (count, 3): of active ray i, that of pixel (or block) ``pixels[active[i]]``, at its state's t.

    The t is in a column of the state.
    """
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        pixel, t = pixels[active[i]], state[active[i], column]
        if ti.static(is_cone):
            ox, oy, oz, dx, dy, dz, _, _, _ = cone_ray(pixel, eye, screen)
            points[i, 0], points[i, 1], points[i, 2] = ox + t * dx, oy + t * dy, oz + t * dz
        else:
            ox, oy, oz, dx, dy, dz, _, _, _ = pixel_ray(pixel, eye, screen)
            points[i, 0], points[i, 1], points[i, 2] = ox + t * dx, oy + t * dy, oz + t * dz


@replayed
@ti.kernel
def begin_cones(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    state: Rows,
    start: Numbers,
    keep: Ints,
):
    """State of the cone of every block where it enters the bounds; those that miss these are not kept."""
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    for block in range(start.shape[0]):
        ox, oy, oz, dx, dy, dz, cosine, constant, slope = cone_ray(block, eye, screen)
        ray = ti.static(Ray((ox, oy, oz), (dx, dy, dz), cosine, constant, slope))
        entry, leave = around(ray, bounds)
        state[block, T] = ti.max(entry - constant, near)
        state[block, LEAVE] = ti.min(leave + constant, far / cosine * (1.0 + slope))
        keep[block] = ti.select(state[block, T] < state[block, LEAVE], 1, 0)
        start[block] = NEVER


@replayed
@ti.kernel
def advance_cones(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    values: Rows,
    scale: float,
    band: float,
    state: Rows,
    start: Numbers,
    keep: Ints,
):
    """A step of every active cone; ``start`` of those that end where the surface may be inside of them."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        block = active[i]
        _, _, _, _, _, _, _, constant, slope = cone_ray(block, eye, screen)
        t = state[block, T]
        reach = (constant + slope * t) * (SPREAD + 0.2 * band)
        free = values[i, 0] * scale - reach
        keep[i] = 0
        if free > 0.1 * reach:
            t += free / (1.0 + slope * (SPREAD + 0.2 * band))
            state[block, T] = t
            if t < state[block, LEAVE]:
                keep[i] = 1
        start[block] = ti.select(t < state[block, LEAVE], t, NEVER)


@replayed
@ti.kernel
def begin_pixels(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    start: Numbers,
    state: Rows,
    status: Ints,
    where: Numbers,
    evaluations: Ints,
    keep: Ints,
):
    """State of the ray of every pixel where it enters the bounds, or where its block may begin; MISS until further."""
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    for pixel in range(status.shape[0]):
        view = pixel // (width * height)
        inside = pixel - view * width * height
        ox, oy, oz, dx, dy, dz, cosine, _, _ = pixel_ray(pixel, eye, screen)
        entry, leave = interval((ox, oy, oz), (dx, dy, dz), bounds)
        first = start[block_of(view, inside // width, inside % width, screen)]
        t = ti.max(entry, near / cosine, first)
        leave = ti.min(leave, far / cosine)
        state[pixel, T], state[pixel, LEAVE], state[pixel, STEP], state[pixel, PREVIOUS] = t, leave, 1.0, NEVER
        state[pixel, WITHIN], state[pixel, PATIENCE_LEFT], state[pixel, ENTERED] = 0.0, PATIENCE, t
        status[pixel], where[pixel], evaluations[pixel] = MISS, 0.0, 0
        keep[pixel] = ti.select(t < leave, 1, 0)


@replayed
@ti.kernel
def advance_pixels(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    values: Rows,
    scale: float,
    band: float,
    is_last: ti.i32,
    state: Rows,
    status: Ints,
    where: Numbers,
    evaluations: Ints,
    keep: Ints,
):
    """A step of every active ray: on, past the band or out of the bounds, or there (OPAQUE until ``settle``)."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        pixel = active[i]
        _, _, _, _, _, _, _, constant, slope = pixel_ray(pixel, eye, screen)
        t, h = state[pixel, T], values[i, 0] * scale
        w = constant + slope * t
        here = h < (BAND_REACH * band + MARGIN) * w
        within, entered = state[pixel, WITHIN] > 0.0, state[pixel, ENTERED]
        evaluations[pixel] += 1
        keep[i] = 0
        if here:
            state[pixel, PATIENCE_LEFT] = state[pixel, PATIENCE_LEFT] - 1.0
            if not within:
                entered = t
        if ti.math.isnan(h) or ti.math.isinf(h):
            status[pixel] = BROKEN
        elif h < CLOSE * w:
            status[pixel] = OPAQUE
            _arrive(pixel, t, h, w, band, state, where)
        elif (within and not here) or state[pixel, PATIENCE_LEFT] <= 0.0:
            status[pixel], where[pixel] = BAND, entered
        else:
            step = ti.max(h, LEAST * w)
            state[pixel, T], state[pixel, STEP], state[pixel, PREVIOUS] = t + step, step, h
            state[pixel, WITHIN] = ti.select(here, 1.0, 0.0)
            if t + step > state[pixel, LEAVE]:
                if here:
                    status[pixel], where[pixel] = BAND, entered
            elif is_last == 1:
                status[pixel], where[pixel] = BAND, ti.select(here, entered, t + step)
            else:
                keep[i] = 1
        state[pixel, ENTERED] = entered


@ti.func
def _arrive(pixel, t, h, w, band, state: ti.template(), where: ti.template()):
    """Writes where a ray meets the surface, and where to look whether that covers the pixel."""
    previous, step = state[pixel, PREVIOUS], state[pixel, STEP]
    closing = ti.min(ti.max((previous - h) / step, 0.05), 1.0)  # how fast the ray came closer: the cosine there
    surface = t
    if previous < NEVER:
        surface += ti.max(ti.min(h / closing, w), -step)
    where[pixel] = surface
    state[pixel, DEEPEST] = surface + (BAND_REACH * band + MARGIN) * w / ti.max(closing, 0.15)
    state[pixel, T] = t


@replayed
@ti.kernel
def begin_settling(status: Ints, keep: Ints):
    """Keeps the rays that are there."""
    for pixel in range(status.shape[0]):
        keep[pixel] = ti.select(status[pixel] == OPAQUE, 1, 0)


@replayed
@ti.kernel
def settle(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    values: Rows,
    scale: float,
    band: float,
    state: Rows,
    status: Ints,
    where: Numbers,
    evaluations: Ints,
):
    """What the value a little deeper says of rays that are there: OPAQUE, CUT by the bounds, or a BAND."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        pixel = active[i]
        _, _, _, _, _, _, _, constant, slope = pixel_ray(pixel, eye, screen)
        w = constant + slope * state[pixel, T]
        evaluations[pixel] += 1
        if values[i, 0] * scale > -BAND_REACH * band * w or state[pixel, DEEPEST] > state[pixel, LEAVE]:
            status[pixel], where[pixel] = BAND, state[pixel, ENTERED]
        elif state[pixel, PREVIOUS] >= NEVER:
            status[pixel] = CUT


@replayed
@ti.kernel
def begin_grazing(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    far: float,
    grazing: Ints,
    count: ti.i32,
    where: Numbers,
    state: Rows,
    found: Ints,
    bracket: Rows,
    keep: Ints,
):
    """State of the rays of the ``grazing`` pixels, which have no layers yet, and so no ``bracket`` of any."""
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    for i in range(count):
        ox, oy, oz, dx, dy, dz, cosine, _, _ = pixel_ray(grazing[i], eye, screen)
        _, leave = interval((ox, oy, oz), (dx, dy, dz), bounds)
        t = where[grazing[i]]
        state[i, T], state[i, LEAVE] = t, ti.min(leave, far / cosine)
        _save(i, ti.static(Stretch(NEVER, t, NEVER, t, -NEVER, NEVER, t, NEVER, t, NEVER)), state)
        found[i] = 0
        for layer in range(LAYERS):
            bracket[LAYERS * i + layer, 0], bracket[LAYERS * i + layer, FORETOLD] = NEVER, 0.0
        keep[i] = ti.select(t <= state[i, LEAVE], 1, 0)


@replayed
@ti.kernel
def advance_grazing(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    grazing: Ints,
    active: Ints,
    count: ti.i32,
    values: Rows,
    scale: float,
    band: float,
    is_last: ti.i32,
    state: Rows,
    surface: Numbers,
    closest: Numbers,
    found: Ints,
    bracket: Rows,
    evaluations: Ints,
    keep: Ints,
):
    """A step of every ray that grazes; layers that end here get their bracket, or are opaque."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for k in range(count):
        i = active[k]
        _, _, _, _, _, _, _, constant, slope = pixel_ray(grazing[i], eye, screen)
        t, h = state[i, T], values[k, 0] * scale
        w = constant + slope * t
        reach = (BAND_REACH * band + MARGIN) * w
        lowest, low, h_low, high, highest, crossing, outside, h_outside, t_before, h_before = _saved(i, state)
        stretch = ti.static(
            Stretch(lowest, low, h_low, high, highest, crossing, outside, h_outside, t_before, h_before),
        )
        evaluations[grazing[i]] += 1
        keep[k] = 1
        if ends_before(h, w, reach, stretch) > 0.0:
            close(t, 1.0, stretch)
            _end_layer(i, scale, stretch, surface, found, bracket)
        if h < reach and found[i] < LAYERS:
            note(t, h, 1.0, stretch)
        if h < -reach and found[i] < LAYERS:
            row = LAYERS * i + found[i]
            surface[row], closest[row] = crossing, NEVER
            found[i] += 1
            keep[k] = 0
        else:
            t_before, h_before = t, h
            state[i, T] = t + ti.max(ti.abs(h), w)
            if found[i] == LAYERS:
                keep[k] = 0
            elif state[i, T] > state[i, LEAVE] or is_last == 1:
                keep[k] = 0
                if lowest < NEVER:
                    close(state[i, LEAVE], 1.0, stretch)
                    _end_layer(i, scale, stretch, surface, found, bracket)
        _save(i, stretch, state)


@ti.func
def _saved(i, state: ti.template()):
    """The numbers of a ray's ``Stretch``."""
    return (
        state[i, STRETCH],
        state[i, STRETCH + 1],
        state[i, STRETCH + 2],
        state[i, STRETCH + 3],
        state[i, STRETCH + 4],
        state[i, STRETCH + 5],
        state[i, STRETCH + 6],
        state[i, STRETCH + 7],
        state[i, STRETCH + 8],
        state[i, STRETCH + 9],
    )


@ti.func
def _save(i, stretch: ti.template(), state: ti.template()):
    for k in ti.static(range(len(stretch))):
        state[i, STRETCH + k] = stretch[k]


@ti.func
def _end_layer(
    i,
    scale,
    stretch: ti.template(),
    surface: ti.template(),
    found: ti.template(),
    bracket: ti.template(),
):
    """Writes a layer but for its closest point, which is between the two ends of its bracket."""
    row = LAYERS * i + found[i]
    surface[row] = stretch.crossing
    bracket[row, 0], bracket[row, 1] = stretch.low, stretch.high
    bracket[row, OUTSIDE] = stretch.outside
    bracket[row, H_OUTSIDE] = ti.select(stretch.h_outside < NEVER, stretch.h_outside / scale, NEVER)
    found[i] += 1


@replayed
@ti.kernel
def begin_closing(bracket: Rows, grazing: Ints, pixels: Ints, count: ti.i32, keep: Ints):
    """Keeps the layers (count,) that have a bracket; ``pixels`` gets whose they are."""
    for row in range(count):
        pixels[row] = grazing[row // LAYERS]
        keep[row] = ti.select(bracket[row, 0] < NEVER, 1, 0)


@replayed
@ti.kernel
def place_probes(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    pixels: Ints,
    bracket: Rows,
    points: Rows,
):
    """Writes the probes of the active brackets, those of each in a row: ``points`` (PROBES count, 3)."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(PROBES * count):
        row, k = active[i // PROBES], i % PROBES
        ox, oy, oz, dx, dy, dz, _, _, _ = pixel_ray(pixels[row], eye, screen)
        t = bracket[row, 0] + 0.25 * (k + 1) * (bracket[row, 1] - bracket[row, 0])
        points[i, 0], points[i, 1], points[i, 2] = ox + t * dx, oy + t * dy, oz + t * dz


@replayed
@ti.kernel
def narrow(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    values: Rows,
    pixels: Ints,
    is_last: ti.i32,
    bracket: Rows,
    surface: Numbers,
    closest: Numbers,
    evaluations: Ints,
    keep: Ints,
):
    """Halves every active bracket around the lowest of its probes, until the values there follow a parabola.

    That is when the parabola through the probes before has foretold those of now; its lowest point is the layer's
    closest one, and what is seen of the layer where the ray does not go through the surface before.
    """
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        row = active[i]
        _, _, _, _, _, _, _, constant, slope = pixel_ray(pixels[row], eye, screen)
        first, second, third = values[PROBES * i, 0], values[PROBES * i + 1, 0], values[PROBES * i + 2, 0]
        low, quarter = bracket[row, 0], 0.25 * (bracket[row, 1] - bracket[row, 0])
        known, shift = bracket[row, FORETOLD], bracket[row, SHIFT]
        before, middle, after = bracket[row, PROBED], bracket[row, PROBED + 1], bracket[row, PROBED + 2]
        narrowed = ti.static(Bracket(low, quarter, known, shift, before, middle, after))
        t, tolerance = lowest_in(first, second, third, narrowed), SMOOTH * (constant + slope * low)
        good = narrow_bracket(first, second, third, tolerance, narrowed)
        keep[i] = 0
        if good > 0.0 or is_last == 1:
            closest[row] = t
            h = ti.min(first, second, third)
            surface[row] = entry(t, h, surface[row], bracket[row, OUTSIDE], bracket[row, H_OUTSIDE])
        else:
            keep[i] = 1
            bracket[row, 0], bracket[row, 1] = low, low + 4.0 * quarter
            bracket[row, FORETOLD], bracket[row, SHIFT] = known, shift
            bracket[row, PROBED], bracket[row, PROBED + 1], bracket[row, PROBED + 2] = before, middle, after
        ti.atomic_add(evaluations[pixels[row]], PROBES)


@replayed
@ti.kernel
def begin_approach(
    camera: Rows,
    orthographic: ti.template(),
    numbers: Numbers,
    is_ball: ti.template(),
    width: ti.i32,
    height: ti.i32,
    near: float,
    far: float,
    state: Rows,
    count: ti.i32,
    keep: Ints,
):
    """State of the ray of every pixel on the way to its closest point: where it enters the bounds, or passes them."""
    eye, bounds, screen = ti.static(Eye(camera, orthographic), Bounds(numbers, is_ball), Screen(width, height))
    for pixel in range(count):
        ox, oy, oz, dx, dy, dz, cosine, _, _ = pixel_ray(pixel, eye, screen)
        entry, leave = interval((ox, oy, oz), (dx, dy, dz), bounds)
        t = ti.max(entry, near / cosine)
        if entry >= leave:
            t = ti.max(past_middle((ox, oy, oz), (dx, dy, dz), bounds), near / cosine)
        state[pixel, T], state[pixel, LEAVE] = t, ti.min(leave, far / cosine)
        state[pixel, BEST], state[pixel, NEAREST], state[pixel, AROUND], state[pixel, INSIDE] = t, NEVER, 0.0, 0.0
        keep[pixel] = ti.select(entry < leave and t < state[pixel, LEAVE], 1, 0)


@replayed
@ti.kernel
def advance_approach(
    camera: Rows,
    orthographic: ti.template(),
    width: ti.i32,
    height: ti.i32,
    active: Ints,
    count: ti.i32,
    values: Rows,
    scale: float,
    state: Rows,
    keep: Ints,
):
    """A step of every active ray, which ends where it comes out of the surface."""
    eye, screen = ti.static(Eye(camera, orthographic), Screen(width, height))
    for i in range(count):
        pixel = active[i]
        _, _, _, _, _, _, _, constant, slope = pixel_ray(pixel, eye, screen)
        t, h = state[pixel, T], values[i, 0] * scale
        keep[i] = 0
        if state[pixel, INSIDE] == 0.0 or h <= 0.0:
            step = ti.max(ti.abs(h), constant + slope * t)
            if h < state[pixel, NEAREST]:
                state[pixel, BEST], state[pixel, NEAREST], state[pixel, AROUND] = t, h, step
            if h < 0.0:
                state[pixel, INSIDE] = 1.0
            state[pixel, T] = t + step
            keep[i] = ti.select(t + step < state[pixel, LEAVE], 1, 0)


@replayed
@ti.kernel
def bracket_approach(state: Rows, count: ti.i32, bracket: Rows, keep: Ints):
    """A bracket around the closest of each ray's samples; those that have none are not kept."""
    for pixel in range(count):
        reach = state[pixel, AROUND]
        bracket[pixel, 0], bracket[pixel, 1] = state[pixel, BEST] - reach, state[pixel, BEST] + reach
        bracket[pixel, FORETOLD], bracket[pixel, OUTSIDE], bracket[pixel, H_OUTSIDE] = 0.0, 0.0, NEVER
        keep[pixel] = ti.select(reach > 0.0, 1, 0)


@replayed
@ti.kernel
def copy_best(state: Rows, t: Numbers):
    """Writes where every ray has been closest."""
    for pixel in range(t.shape[0]):
        t[pixel] = state[pixel, BEST]
