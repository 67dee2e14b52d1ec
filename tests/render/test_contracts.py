"""The contracts of renderers, inputs and frames, by a renderer that knows no mesh: a soft disc."""

from typing import ClassVar

import numpy as np
import pytest
import taichi as ti
from oracles.differences import relative_errors

import taichi_dr as dr
from taichi_dr.fields.group import FieldGroup
from taichi_dr.inputs import Inputs
from taichi_dr.kernels.base.arrays import array_from, make_array
from taichi_dr.render.camera_input import CameraInput
from taichi_dr.render.frame import INDEX
from taichi_dr.render.mesh.renderer import MeshRenderer
from taichi_dr.render.mesh.surface.base import Surface
from taichi_dr.render.renderer import Renderer
from taichi_dr.render.shot import Shot
from taichi_dr.tape import off_tape

RADIUS, SOFTNESS, SIZE = 3.0, 4.0, (8, 9)


class Disc(Renderer):
    """``alpha = 1 / (1 + exp((d^2 - r^2) / s))`` at the squared distance d^2 of a pixel from the disc's centre."""

    OUTPUTS: ClassVar = {"alpha": 0, "inside": INDEX, "offset": 2}
    ON_DEMAND = ("offset",)

    def render(self, disc):
        return self._submit(Shot(frame=self._frame(1), inputs=(disc,)))

    def _forward(self, shot):
        center, frame = shot.inputs[0].arrays["center"], shot.frame
        draw(center, frame.array("alpha"), frame.array("inside"), self.width)

    def _produce(self, shot, name):
        offsets(shot.inputs[0].arrays["center"], shot.frame.array(name), self.width)

    def _adjoint(self, shot):
        disc, frame = shot.inputs[0], shot.frame
        outputs = (frame.array("alpha"), *(self._adjoint_or_zero(frame, name) for name in ("alpha", "offset")))
        draw_adjoint(disc.arrays["center"], *outputs, disc.adjoints["center"], self.width)


@ti.func
def offset_at(center: ti.template(), pixel, width):
    return ti.Vector([pixel % width + 0.5 - center[0, 0], pixel // width + 0.5 - center[0, 1]])


@ti.kernel
def draw(center: ti.types.ndarray(), alpha: ti.types.ndarray(), inside: ti.types.ndarray(), width: int):
    for pixel in range(alpha.shape[0]):
        excess = offset_at(center, pixel, width).norm_sqr() - RADIUS**2
        alpha[pixel], inside[pixel] = 1.0 / (1.0 + ti.exp(excess / SOFTNESS)), int(excess < 0.0)


@ti.kernel
def offsets(center: ti.types.ndarray(), offset: ti.types.ndarray(), width: int):
    for pixel, k in ti.ndrange(offset.shape[0], 2):
        offset[pixel, k] = offset_at(center, pixel, width)[k]


@ti.kernel
def draw_adjoint(
    center: ti.types.ndarray(),
    alpha: ti.types.ndarray(),
    alpha_adjoint: ti.types.ndarray(),
    offset_adjoint: ti.types.ndarray(),
    center_adjoint: ti.types.ndarray(),
    width: int,
):
    for pixel, k in ti.ndrange(alpha.shape[0], 2):
        slope = alpha[pixel] * (1.0 - alpha[pixel]) * 2.0 * offset_at(center, pixel, width)[k] / SOFTNESS
        center_adjoint[0, k] += slope * alpha_adjoint[pixel] - offset_adjoint[pixel, k]


CENTER = np.array([[4.3, 3.1]])
RNG = np.random.default_rng(7)
WEIGHTS = {"alpha": RNG.normal(size=(1, *SIZE)), "offset": 0.1 * RNG.normal(size=(1, *SIZE, 2))}


def functional(inputs):
    """What the tests differentiate, in NumPy: the outputs times ``WEIGHTS``."""
    row, col = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    offset = np.stack([col, row], axis=-1) - inputs["center"][0]
    alpha = 1 / (1 + np.exp(((offset**2).sum(axis=-1) - RADIUS**2) / SOFTNESS))
    return (alpha * WEIGHTS["alpha"][0]).sum() + (offset * WEIGHTS["offset"][0]).sum()


def assert_right(gradient):
    adjoints = {"center": np.asarray(gradient).reshape(1, 2)}
    errors = relative_errors(functional, {"center": CENTER}, adjoints, ["center"], step=1e-5)
    assert errors["center"] < 1e-6


def new_disc():
    disc = FieldGroup("disc", center=((1,), 2))
    disc.set("center", CENTER)
    return disc


@ti.kernel
def weigh(images: ti.template(), weights: ti.template(), loss: ti.template()):
    for pixel in ti.grouped(images[0]):
        loss[None] += images[0][pixel] * weights[0][pixel] + images[1][pixel].dot(weights[1][pixel])


def test_gradients_flow_through_the_tape_and_the_fields_of_the_frame(cpu64):
    disc, renderer, loss = new_disc(), Disc(SIZE), ti.field(ti.f64, (), needs_grad=True)
    weights = ti.field(ti.f64, (1, *SIZE)), ti.Vector.field(2, ti.f64, (1, *SIZE))
    for field, values in zip(weights, WEIGHTS.values(), strict=True):
        field.from_numpy(values)
    with ti.ad.Tape(loss):
        frame = renderer.render(disc)
        weigh((frame.alpha, frame.offset), weights, loss)
    assert loss[None] == pytest.approx(functional({"center": CENTER}), rel=1e-12)
    assert_right(disc.fields["center"].grad.to_numpy())


def fill_gradients(frame):
    frame.alpha.grad.from_numpy(WEIGHTS["alpha"])
    frame.offset.grad.from_numpy(WEIGHTS["offset"])


def test_gradients_flow_through_backward_and_are_added(cpu64):
    disc, renderer = new_disc(), Disc(SIZE)
    fill_gradients(renderer.render(disc))
    renderer.backward()
    assert_right(disc.fields["center"].grad.to_numpy())
    renderer.backward()
    assert_right(disc.fields["center"].grad.to_numpy() / 2)


class Owned(Inputs):
    """NumPy arrays with gradients: inputs without a field."""

    def __init__(self, **values):
        self.values, self.gradients = values, {name: np.zeros_like(value) for name, value in values.items()}
        self.arrays, self.adjoints = {}, {}

    def check(self):
        pass

    def pull(self):
        self.arrays = {name: array_from(value) for name, value in self.values.items()}

    def zero_adjoints(self):
        self.adjoints = {name: make_array(value.shape) for name, value in self.values.items()}

    def push_gradients(self):
        for name, adjoint in self.adjoints.items():
            self.gradients[name] += adjoint.to_numpy()


def test_a_renderer_does_not_see_who_owns_its_inputs(cpu64):
    disc, renderer = Owned(center=CENTER), Disc(SIZE)
    fill_gradients(renderer.render(disc))
    renderer.backward()
    assert_right(disc.gradients["center"])


def test_a_frame_has_the_outputs_of_its_renderer(cpu64):
    frame = Disc(SIZE).render(new_disc())
    assert {"alpha", "inside", "offset"} < set(dir(frame))
    assert not {"color", "depth", "face_id"} & set(dir(frame))
    assert frame.inside.dtype == ti.i32
    np.testing.assert_array_equal(frame.numpy("inside"), frame.numpy("alpha") > 0.5)
    assert frame.numpy("offset").shape == (1, *SIZE, 2)
    for ask in (frame.numpy, frame.field):
        with pytest.raises(dr.InputError, match=r"unknown output 'color': expected one of alpha, inside, offset"):
            ask("color")
    with pytest.raises(AttributeError, match=r"no attribute 'color'; the outputs are alpha, inside, offset"):
        _ = frame.color
    with pytest.raises(AttributeError, match=r"alpha: expected to be read"):
        frame.alpha = np.zeros((1, *SIZE))
    mesh_frame = dr.Rasterizer(4).render(dr.shapes.icosphere(0), dr.Camera.orbit())
    assert {*MeshRenderer.OUTPUTS} < set(dir(mesh_frame))


def test_an_output_on_demand_is_of_the_latest_render_only(cpu64):
    disc, renderer = new_disc(), Disc(SIZE)
    frame = renderer.render(disc)
    assert frame.numpy("offset")[0, 0, 0].tolist() == pytest.approx((0.5 - CENTER[0]).tolist())
    disc.set("center", CENTER + 1)
    assert renderer.render(disc) is frame
    assert frame.offset.to_numpy()[0, 0, 0].tolist() == pytest.approx((-0.5 - CENTER[0]).tolist())


def test_a_second_render_within_a_tape_is_refused(cpu64):
    disc, renderer, loss = new_disc(), Disc(SIZE), ti.field(ti.f64, (), needs_grad=True)
    with ti.ad.Tape(loss):
        renderer.render(disc)
        with pytest.raises(dr.GradientError, match="rendered within this tape before"):
            renderer.render(disc)
        with pytest.raises(dr.GradientError, match="rendered within this tape before"):
            off_tape(renderer.render)(disc)  # where the mistake is, and not when the tape closes
    with ti.ad.Tape(loss):
        off_tape(renderer.render)(disc)
        renderer.render(disc)


def test_inputs_older_than_the_runtime_are_refused(own_runtime):
    dr.init("cpu")
    disc, camera = new_disc(), dr.Camera.orbit()
    renderer, packed = Disc(SIZE), CameraInput(camera, *SIZE, None)
    dr.init("cpu")
    for inputs in (disc, packed):
        for use in (inputs.check, inputs.pull):
            with pytest.raises(dr.RuntimeStateError, match="made before the latest ti"):
                use()
    with pytest.raises(dr.RuntimeStateError, match="disc: made before the latest ti"):
        Disc(SIZE).render(disc)
    with pytest.raises(dr.RuntimeStateError, match="renderer: made before the latest ti"):
        renderer.render(new_disc())


@pytest.mark.parametrize("contract", [Inputs, Renderer, MeshRenderer, Surface])
def test_a_contract_is_abstract(contract):
    with pytest.raises(TypeError, match="abstract"):
        contract()
