"""A simulation in segments has the numbers and gradients of all its steps on the tape, and those of closed forms."""

import numpy as np
import pytest
import taichi as ti

import taichi_dr as dr
from taichi_dr.tape import off_tape, recorded


def fields(rows, dtype=float):
    """State, start, factor and loss of ``x_(k+1) = factor x_k``."""
    shapes = (rows, (), (), ())
    return [ti.field(dtype, shape, needs_grad=True) for shape in shapes]


@ti.kernel
def release(x: ti.template(), start: ti.template()):
    x[0] = start[None]


@ti.kernel
def grow(x: ti.template(), factor: ti.template(), row: int):
    for i in range(row, row + 1):
        x[i + 1] = factor[None] * x[i]


@ti.kernel
def add_last(x: ti.template(), loss: ti.template(), row: int):
    loss[None] += x[row] * x[row]


@pytest.mark.parametrize("segment", [1, 2, 3, 7, 10])
def test_powers(cpu64, segment):
    x, start, factor, loss = fields(segment + 1)
    start[None], factor[None] = 2.0, 1.1
    run = dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=7)
    for _ in range(2):
        with ti.ad.Tape(loss):
            release(x, start)
            run()
            add_last(x, loss, segment)
        assert loss[None] == pytest.approx((1.1**7 * 2) ** 2)
        assert start.grad[None] == pytest.approx(2 * 1.1**14 * 2)
        assert factor.grad[None] == pytest.approx(14 * 1.1**13 * 4)


@ti.data_oriented
class Particles:
    """Points in a plane that push each other through a grid and turn: vectors, matrices, scratch, and what is shown."""

    COUNT, CELLS, STEPS, MOMENTS = 5, 4, 11, (3, 6, 11)

    def __init__(self, segment=None):
        self.segment = segment
        rows = (segment or self.STEPS) + 1
        self.place = ti.Vector.field(2, float, (rows, self.COUNT), needs_grad=True)
        self.shape = ti.Matrix.field(2, 2, float, (rows, self.COUNT), needs_grad=True)
        self.age = ti.field(float, rows, needs_grad=True)
        self.grid = ti.field(float, (rows, self.CELLS), needs_grad=True)
        self.start = ti.Vector.field(2, float, self.COUNT, needs_grad=True)
        self.stiffness = ti.field(float, (), needs_grad=True)
        self.shown = ti.Vector.field(2, float, (len(self.MOMENTS), self.COUNT), needs_grad=True)
        self.loss = ti.field(float, (), needs_grad=True)
        states = [self.place, self.shape, self.age]
        self.run = segment and dr.checkpointed(self.step, states, self.STEPS, scratch=self.grid)
        self.start.from_numpy(np.random.default_rng(3).uniform(0.5, 2.5, (self.COUNT, 2)))
        self.stiffness[None] = 0.7

    def simulate(self):
        self.release()
        if self.run:
            self.run()
        else:
            for number in range(self.STEPS):
                self.step(number, number)
        self.measure(self.segment or self.STEPS)

    def step(self, row, number):
        self.clear(row)
        self.spread(row)
        self.advance(row)
        if number + 1 in self.MOMENTS:
            self.show(row + 1, self.MOMENTS.index(number + 1))

    @ti.kernel
    def release(self):
        for i in range(self.COUNT):
            self.place[0, i] = self.start[i]
            self.shape[0, i] = ti.Matrix([[1.0, 0.1], [0.0, 1.0]]) * self.start[i].x
        for i in range(1):
            self.age[i] = self.stiffness[None] * 0.1

    @ti.kernel
    def clear(self, row: int):
        for cell in range(self.CELLS):
            self.grid[row, cell] = 0.0

    @ti.kernel
    def spread(self, row: int):
        for i in range(self.COUNT):
            for cell in ti.static(range(self.CELLS)):
                off = self.place[row, i].x - cell
                self.grid[row, cell] += ti.exp(-off * off) * (1.0 + self.age[row])

    @ti.kernel
    def advance(self, row: int):
        for i in range(self.COUNT):
            push = ti.Vector([0.0, 0.0])
            for cell in ti.static(range(self.CELLS)):
                push += self.grid[row, cell] * ti.sin(self.place[row, i] - cell)
            self.place[row + 1, i] = self.place[row, i] + 0.05 * self.stiffness[None] * (self.shape[row, i] @ push)
            self.shape[row + 1, i] = self.shape[row, i] + 0.1 * push.outer_product(self.place[row, i])
        for i in range(row, row + 1):
            self.age[i + 1] = self.age[i] * 1.05 + 0.01

    @ti.kernel
    def show(self, row: int, moment: int):
        for i in range(self.COUNT):
            self.shown[moment, i] = self.place[row, i]

    @ti.kernel
    def measure(self, row: int):
        for moment, i in self.shown:
            self.loss[None] += ti.sin(self.shown[moment, i].dot(ti.Vector([1.0, 2.0])))
        for i in range(self.COUNT):
            self.loss[None] += self.shape[row, i].determinant() * self.age[row]

    def gradients(self):
        with ti.ad.Tape(self.loss):
            self.simulate()
        return self.loss[None], self.start.grad.to_numpy(), self.stiffness.grad[None]


@pytest.fixture(scope="module")
def kept():
    """What all steps on the tape give: computed once."""
    return {}


@pytest.mark.parametrize("segment", [1, 3, 11, 20])
def test_segments_have_the_gradient_of_all_steps(cpu64, kept, segment):
    if not kept:
        kept["all"] = Particles().gradients()
    expected, found = kept["all"], Particles(segment).gradients()
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-10)
    assert found[2] == pytest.approx(expected[2], rel=1e-10)


def test_the_gradient_is_that_of_central_differences(cpu64):
    particles = Particles(segment=4)

    def program():
        particles.loss[None] = 0
        particles.simulate()
        return particles.loss

    report = dr.check_gradients(program, {"start": particles.start, "stiffness": particles.stiffness})
    assert report.ok, report


def test_single_precision(any32):
    expected, found = Particles().gradients(), Particles(segment=4).gradients()
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-3, atol=1e-4)
    assert found[2] == pytest.approx(expected[2], rel=1e-3)


def test_a_step_may_call_operations_and_losses(cpu64):
    x, start, factor, loss = fields(3)
    square = dr.tape_operation(
        lambda row: grow(x, factor, row), lambda row: grow.grad(x, factor, row)
    )  # by hand, what Taichi would do
    start[None], factor[None] = 2.0, 1.1
    run = dr.checkpointed(lambda row, number: square(row), x, steps=6)
    with ti.ad.Tape(loss):
        release(x, start)
        run()
        dr.losses.mse(x, np.array([0.0, 0.0, 0.0]), loss)
    assert loss[None] == pytest.approx(4 * (1.1**8 + 1.1**10 + 1.1**12) / 3), "the rows of the last segment"
    assert start.grad[None] == pytest.approx(4 * (1.1**8 + 1.1**10 + 1.1**12) / 3)


def test_fields_that_are_placed_by_hand(cpu32):
    """Values and gradients in one block, in double precision in a run of single precision."""
    x, start, factor, loss = (ti.field(ti.f64, needs_grad=True) for _ in range(4))
    builder = ti.FieldsBuilder()
    builder.dense(ti.i, 4).place(x, x.grad)
    builder.place(start, start.grad, factor, factor.grad, loss, loss.grad)
    builder.finalize()
    start[None], factor[None] = 2.0, 1.1
    run = dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=8)
    with ti.ad.Tape(loss):
        release(x, start)
        run()
        add_last(x, loss, 3)
    assert loss[None] == pytest.approx((1.1**8 * 2) ** 2, rel=1e-13)
    assert factor.grad[None] == pytest.approx(16 * 1.1**15 * 4, rel=1e-13)


@pytest.mark.parametrize("decorator", [ti.ad.no_grad, ti.ad.grad_replaced], ids=["no_grad", "grad_replaced"])
@pytest.mark.parametrize("segment", [2, 7])
def test_a_step_may_call_what_has_no_gradient(cpu64, segment, decorator):
    """Taichi puts what follows it back on the tape: other steps, and the copies of rows."""
    x, start, factor, loss = fields(segment + 1)
    start[None], factor[None] = 2.0, 1.1
    nothing = decorator(lambda: None)
    nothing.grad = lambda: None
    run = dr.checkpointed(lambda row, number: (nothing(), grow(x, factor, row), nothing()), x, steps=7)
    for _ in range(2):
        with ti.ad.Tape(loss) as tape:
            release(x, start)
            run()
            assert len(tape.calls) == 2
            add_last(x, loss, segment)
        assert loss[None] == pytest.approx((1.1**7 * 2) ** 2)
        assert start.grad[None] == pytest.approx(2 * 1.1**14 * 2)
        assert factor.grad[None] == pytest.approx(14 * 1.1**13 * 4)


def test_what_has_no_gradient_where_operations_are_listed(cpu64):
    """As PyTorch's losses do it: the operations of a step are part of the run, and no call of their own."""
    x, start, factor, _ = fields(3)
    start[None], factor[None] = 2.0, 1.1
    release(x, start)
    nothing, operation = ti.ad.no_grad(lambda: None), dr.tape_operation(lambda: None, lambda: None)
    run = dr.checkpointed(lambda row, number: (nothing(), operation(), grow(x, factor, row)), x, steps=4)
    with recorded() as calls:
        run()
    assert len(calls) == 1
    x.grad[2] = 1.0
    calls[0][0]()
    assert x.grad[0] == pytest.approx(1.1**4)


@pytest.mark.parametrize("segment", [2, 6])
def test_operations_of_the_package_within_a_step(cpu64, segment):
    """The last step smooths a mesh that is read after the run; its numbers have no fields, and are cleared."""
    x, start, factor, loss = fields(segment + 1)
    start[None], factor[None] = 2.0, 1.1
    mesh = dr.shapes.icosphere(0)
    smooth, target = dr.LargeSteps(mesh, strength=3.0), mesh.numpy("vertices")[:, ::-1]
    coordinates = smooth.variable()

    def step(row, number):
        grow(x, factor, row)
        if number == 5:
            smooth.apply()

    run = dr.checkpointed(step, x, steps=6)

    def gradients(*programs):
        with ti.ad.Tape(loss):
            release(x, start)
            for program in programs:
                program()
            dr.losses.mse(mesh.variable("vertices"), target, loss)
            add_last(x, loss, segment)
        return coordinates.gradient_to_numpy(), start.grad[None]

    expected, _ = gradients(smooth.apply)
    assert np.abs(expected).max() > 1e-3
    for _ in range(2):
        found, of_start = gradients(run)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
        assert of_start == pytest.approx(2 * 1.1**12 * 2)


@ti.kernel
def add_product(x: ti.template(), factor: ti.template(), clock: ti.template(), shift: ti.template(), row: int):
    for i in range(row, row + 1):
        x[i + 1] = x[i] + factor[None] * (clock[None] + shift[None].y) * x[i]


@pytest.mark.parametrize("segment", [1, 2, 5])
def test_a_step_may_write_from_python(cpu64, segment):
    """``x_5 = (1 + f) (1 + 2 f) (1 + 3 f) (1 + 4 f) (1 + 5 f)`` times the start, with a clock that Python winds."""
    x, start, factor, loss = fields(segment + 1)
    clock, shift = ti.field(float, ()), ti.Vector.field(2, ti.i32, ())
    start[None], factor[None] = 1.0, 0.1

    def step(row, number):
        clock[None] = number / 2
        shift[None] = (7, 1 - number)
        clock[None] = 2 * number
        add_product(x, factor, clock, shift, row)

    run = dr.checkpointed(step, x, steps=5)
    with ti.ad.Tape(loss):
        release(x, start)
        run()
        add_last(x, loss, segment)
    product = 1.1 * 1.2 * 1.3 * 1.4 * 1.5
    assert loss[None] == pytest.approx(product**2)
    assert start.grad[None] == pytest.approx(2 * product**2)
    assert factor.grad[None] == pytest.approx(2 * product**2 * sum(k / (1 + k / 10) for k in range(1, 6)))


@ti.kernel
def add_all(x: ti.template(), loss: ti.template()):
    for i in x:
        loss[None] += x[i] * x[i]


def test_an_array_as_the_loss_counts_once(cpu64):
    x, start, factor, _ = fields(3)
    start[None], factor[None] = 2.0, 1.1
    loss = ti.ndarray(float, 1, needs_grad=True)

    @ti.kernel
    def add(x: ti.template(), row: int, loss: ti.types.ndarray()):
        loss[0] += x[row] * x[row]

    def step(row, number):
        grow(x, factor, row)
        add(x, row + 1, loss)

    with ti.ad.Tape(loss):
        release(x, start)
        dr.checkpointed(step, x, steps=6)()
    assert loss[0] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(1, 7)))
    assert start.grad[None] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(1, 7)))


@pytest.mark.parametrize("write", [lambda f, n: f.from_numpy(np.array([n])), lambda f, n: f.fill(n)])
def test_a_step_may_not_write_whole_fields_from_python(cpu64, write):
    x, _, _, loss = fields(3)
    f = ti.field(float, 1, needs_grad=True)
    run = dr.checkpointed(lambda row, number: write(f, number + 1.0), x, steps=4)
    message = r"writes whole fields from Python .*field\[i\] = value"
    with ti.ad.Tape(loss), pytest.raises(dr.GradientError, match=message):
        run()


def test_a_step_may_look_at_whole_fields(cpu64):
    x, start, factor, loss = fields(3)
    start[None], factor[None], seen = 2.0, 1.1, []

    def step(row, number):
        grow(x, factor, row)
        seen.append(x.to_numpy()[row + 1])

    with ti.ad.Tape(loss):
        release(x, start)
        dr.checkpointed(step, x, steps=4)()
        add_last(x, loss, 2)
    assert start.grad[None] == pytest.approx(2 * 1.1**8 * 2)
    np.testing.assert_allclose(seen[:4], 2 * 1.1 ** np.arange(1, 5))


def test_a_run_that_failed_may_be_made_again(cpu64):
    x, start, factor, loss = fields(3)
    start[None], factor[None], failures = 2.0, 1.1, [ValueError("once")]

    def step(row, number):
        if failures:
            raise failures.pop()
        grow(x, factor, row)

    run = dr.checkpointed(step, x, steps=4)
    with ti.ad.Tape(loss):
        release(x, start)
        with pytest.raises(ValueError, match="once"):
            run()
        run()
        add_last(x, loss, 2)
    assert start.grad[None] == pytest.approx(2 * 1.1**8 * 2)


def test_all_rows_may_be_read_when_steps_are_not_whole_segments(cpu64):
    """Seven steps, three at a time: the rows are those of steps 4 to 7, and so are their gradients."""
    x, start, factor, loss = fields(4)
    start[None], factor[None] = 2.0, 1.1
    run = dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=7)
    with ti.ad.Tape(loss):
        release(x, start)
        run()
        np.testing.assert_allclose(x.to_numpy(), 2 * 1.1 ** np.arange(4, 8))
        add_all(x, loss)
    assert loss[None] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(4, 8)))
    assert start.grad[None] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(4, 8)))
    assert factor.grad[None] == pytest.approx(4 * sum(2 * k * 1.1 ** (2 * k - 1) for k in range(4, 8)))


@ti.kernel
def release_two(x: ti.template(), start: ti.template()):
    x[0], x[1] = start[None], 3.0 * start[None]


def test_fewer_steps_than_rows(cpu64):
    """Two steps in five rows: the start stays in row 0, row 1 is left alone, and rows 2 to 4 are the states."""
    x, start, factor, loss = fields(5)
    start[None], factor[None] = 2.0, 1.1
    run = dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=2)
    with ti.ad.Tape(loss):
        release_two(x, start)
        run()
        np.testing.assert_allclose(x.to_numpy(), [2, 6, 2, 2.2, 2.42])
        add_all(x, loss)
    assert start.grad[None] == pytest.approx(2 * 2 * (1 + 9 + 1 + 1.1**2 + 1.1**4))
    assert factor.grad[None] == pytest.approx(4 * (2 * 1.1 + 4 * 1.1**3))


@pytest.mark.parametrize(("rows", "steps"), [(2, 5), (3, 5), (4, 6), (9, 5)])
def test_the_end_and_the_start_are_there_after_the_tape(cpu64, rows, steps):
    x, start, factor, loss = fields(rows)
    start[None], factor[None] = 2.0, 1.1
    run = dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=steps)
    with ti.ad.Tape(loss):
        release(x, start)
        add_last(x, loss, 0)  # reads the start again on its way back, after that of the run
        run()
        add_last(x, loss, rows - 1)
    assert (x[0], x[rows - 1]) == pytest.approx((2.0, 2 * 1.1**steps))
    assert start.grad[None] == pytest.approx(2 * 2 * (1 + 1.1 ** (2 * steps)))


@ti.kernel
def show(x: ti.template(), shown: ti.template(), row: int):
    for i in shown:
        shown[i] = x[row]


@pytest.mark.parametrize("segment", [1, 2, 6])
def test_steps_may_add_to_the_loss_of_the_tape(cpu64, segment):
    """The sum of ``x_k^2``, ``x_k = 2 1.1^k``, for k = 1 to 6: each step runs twice, and counts once."""
    x, start, factor, loss = fields(segment + 1)
    start[None], factor[None] = 2.0, 1.1
    shown = ti.field(float, 1, needs_grad=True)

    def step(row, number):
        grow(x, factor, row)
        if segment > 1:
            add_last(x, loss, row + 1)
        else:  # a loss of the package, of a field that holds one step
            show(x, shown, row + 1)
            dr.losses.mse(shown, np.zeros(1), loss)

    run = dr.checkpointed(step, x, steps=6, scratch=shown)
    with ti.ad.Tape(loss):
        release(x, start)
        run()
        assert loss[None] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(1, 7)))
    assert loss[None] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(1, 7)))
    assert start.grad[None] == pytest.approx(4 * sum(1.1 ** (2 * k) for k in range(1, 7)))
    assert factor.grad[None] == pytest.approx(4 * sum(2 * k * 1.1 ** (2 * k - 1) for k in range(1, 7)))


def test_it_runs_off_the_tape(cpu64):
    x, start, factor, _ = fields(3)
    start[None], factor[None] = 2.0, 1.1
    release(x, start)
    dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=5)()
    assert x[2] == pytest.approx(2 * 1.1**5)


def test_a_second_run_in_a_tape_is_refused(cpu64):
    x, start, factor, loss = fields(3)
    run = dr.checkpointed(lambda row, number: grow(x, factor, row), x, steps=5)

    def twice(second):
        release(x, start)
        run()
        second()

    for second in (run, ti.ad.no_grad(run)):  # kept off the tape, it overwrites rows and copies none the less
        with pytest.raises(dr.GradientError, match="this simulation has run within this tape before"), ti.ad.Tape(loss):
            twice(second)


def test_two_runs_over_the_same_states_are_refused(cpu64):
    """A loss between the two would be differentiated where the second one left off."""
    x, _, factor, loss = fields(3)
    y, place = ti.field(float, 3, needs_grad=True), ti.Vector.field(2, float, 3, needs_grad=True)

    def run(states, scratch=()):
        return dr.checkpointed(lambda row, number: grow(x, factor, row), states, 5, scratch)

    def in_turn(one, other):
        one()
        other()

    refused = [(run(x), run(x)), (run([y, x]), run(y)), (run(x), run(y, x)), (run(y, x), run(x))]
    refused += [(run([x, place]), run(place.get_scalar_field(1)))]
    for pair in refused:
        with pytest.raises(dr.GradientError, match="another simulation over the same states"), ti.ad.Tape(loss):
            in_turn(*pair)
    with ti.ad.Tape(loss):
        run(x, scratch=place)()
        run(y, scratch=place)()  # the grid of particles may serve both: each step fills its rows anew
    for _ in range(2):
        with ti.ad.Tape(loss):
            run(x)()


def test_a_render_within_a_step_is_refused(cpu64):
    """Off the tape, it is seen."""
    x, _, factor, loss = fields(2)
    mesh, camera, renderer = dr.shapes.icosphere(0), dr.Camera.orbit(20, 30, 3, 45), dr.Rasterizer(4)
    run = dr.checkpointed(lambda row, number: (grow(x, factor, row), renderer.render(mesh, camera)), x, steps=3)
    with pytest.raises(dr.GradientError, match=r"a step .* may not render"), ti.ad.Tape(loss):
        run()
    run()


@pytest.mark.parametrize("outer", [ti.ad.no_grad, off_tape], ids=["no_grad", "off_tape"])
@pytest.mark.parametrize("inner", [ti.ad.no_grad, off_tape, lambda function: function])
def test_a_step_may_do_what_it_likes_off_the_tape(cpu64, outer, inner):
    """It renders, writes whole fields and calls what is under ``no_grad``, with no tape and an open one."""
    x, start, factor, loss = fields(3)
    start[None], factor[None] = 2.0, 1.1
    mesh, camera, renderer = dr.shapes.icosphere(0), dr.Camera.orbit(20, 30, 3, 45), dr.Rasterizer(4)
    counter, seen = ti.field(float, 1, needs_grad=True), []

    def step(row, number):
        ti.ad.no_grad(lambda: None)()
        counter.from_numpy(np.array([number]))
        grow(x, factor, row)
        seen.append(renderer.render(mesh, camera).numpy("alpha").max())

    run = dr.checkpointed(step, x, steps=6)
    watch = outer(lambda: (ti.ad.no_grad(release)(x, start), inner(run)()))
    watch()
    with ti.ad.Tape(loss):
        watch()
        add_last(x, loss, 2)
    assert (seen, counter[0]) == (12 * [1.0], 5.0)
    assert loss[None] == pytest.approx((2 * 1.1**6) ** 2)
    assert (start.grad[None], factor.grad[None]) == (0.0, 0.0)


def test_a_run_is_watched_before_it_is_differentiated(cpu64):
    """In one tape: what is off it leaves nothing in the gradient of the run that follows."""
    x, start, factor, loss = fields(3)
    start[None], factor[None], is_watched = 2.0, 1.1, [True]
    mesh, camera, renderer = dr.shapes.icosphere(0), dr.Camera.orbit(20, 30, 3, 45), dr.Rasterizer(4)
    run = dr.checkpointed(
        lambda row, number: (grow(x, factor, row), is_watched and renderer.render(mesh, camera)), x, steps=5
    )
    with ti.ad.Tape(loss):
        release(x, start)
        ti.ad.no_grad(run)()
        is_watched.clear()
        release(x, start)
        run()
        add_last(x, loss, 2)
    assert loss[None] == pytest.approx((2 * 1.1**5) ** 2)
    assert factor.grad[None] == pytest.approx(10 * 1.1**9 * 4)


def test_what_is_wrong_is_named(cpu64):
    plain, good = ti.field(float, 3), ti.field(float, 3, needs_grad=True)
    cases = [
        ((plain, 5), dr.InputError, r"states\[0\]: expected a field of numbers with a gradient"),
        (([good, np.zeros(3)], 5), dr.InputError, r"states\[1\]: .* got ndarray"),
        ((good, 0), dr.InputError, "steps: expected at least 1, got 0"),
        ((good, 2.0), dr.InputError, "steps: expected an integer, got 2.0"),
        ((good, "3"), dr.InputError, "steps: expected an integer, got '3'"),
        (([], 5), dr.InputError, "at least one field"),
        (([good, ti.field(float, 4, needs_grad=True)], 5), dr.ShapeError, r"got \[3, 4\]"),
        ((ti.field(float, 1, needs_grad=True), 5), dr.ShapeError, "at least 2"),
        ((ti.field(float, (), needs_grad=True), 5), dr.ShapeError, "at least 2"),
        ((good, 5, plain), dr.InputError, r"scratch\[0\]"),
    ]
    for arguments, kind, message in cases:
        with pytest.raises(kind, match=message):
            dr.checkpointed(lambda row, number: None, *arguments)
