"""Storages go from dropped owners to new ones, but never while somebody still holds a part of them."""

import gc
import resource
from types import SimpleNamespace

import numpy as np
import pytest
import taichi as ti
from makings import kernel_instances

import taichi_dr as dr
from taichi_dr.fields import pool as fields_pool
from taichi_dr.fields.group import FieldGroup
from taichi_dr.kernels.march.packets import misfit

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
FACES = [[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]]


def storage_of(group):
    return group._storage


def group(count=3):
    made = FieldGroup("thing", points=((count,), 3), weight=((count,), 0))
    made.set("points", 1.0)
    made.set("weight", 2.0)
    return made


def dropped_after(use, count):
    """The storage of a group that ``use`` has had, and what it returned; the group is no more."""
    made = group(count)
    storage, result = storage_of(made), use(made)
    del made
    gc.collect()
    return storage, result


@ti.kernel
def double(field: ti.template()):
    for i in field:
        field[i] = 2 * field[i]


def touch_everything(made):
    """Uses of every sort that leave nothing behind."""
    double(made.field("points"))
    made.field("points").grad.fill(3)
    made.field("weight").to_numpy()
    made.field("weight")[0] = 5.0
    assert made.field("points")[1][2] == 2.0
    made.variable("points").read()
    made.gradient("points")


@pytest.mark.parametrize("use", [lambda made: None, touch_everything], ids=["arrays", "fields"])
def test_a_dropped_storage_serves_the_next(any32, use):
    storage, _ = dropped_after(use, 3)
    other = group(4)
    assert storage_of(other) is not storage
    again = group(3)
    assert storage_of(again) is storage
    assert again.get("points").tolist() == [[1, 1, 1]] * 3
    assert again.get("weight").tolist() == [2, 2, 2]
    assert not again.gradient("points").any()
    assert again.field("points").to_numpy().tolist() == [[1, 1, 1]] * 3
    assert not again.field("points").grad.to_numpy().any()


HOLDS = {
    "field": lambda made: made.field("points"),
    "scalar field": lambda made: made.field("weight"),
    "gradient": lambda made: made.field("weight").grad,
    "component": lambda made: made.field("points").get_scalar_field(1),
    "variable": lambda made: made.variable("points"),
    "array": lambda made: made.arrays["weight"],
    "optimiser": lambda made: dr.Adam([made.field("points")]),
    "element": lambda made: made.field("points")[0],
}


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_a_storage_of_which_somebody_holds_a_part_waits(cpu32, hold):
    storage, held = dropped_after(lambda made: (touch_everything(made), hold(made)), 5)
    others = [group(5), group(5)]
    assert storage not in [storage_of(other) for other in others]
    del held, others
    gc.collect()
    assert storage in [storage_of(other) for other in [group(5) for _ in range(3)]]


def test_a_storage_that_a_kernel_has_compiled_in_is_never_handed_on(cpu32):
    made = group(6)

    @ti.kernel
    def read() -> float:
        return made.field("weight")[1]

    assert read() == 2.0
    storage = storage_of(made)
    made = None
    gc.collect()
    assert storage_of(group(6)) is not storage


def test_a_field_that_a_kernel_has_by_a_name_of_its_own_is_never_handed_on(cpu32):
    color = dr.Rasterizer(7).render(dr.Mesh(TETRAHEDRON, FACES), dr.Camera.orbit(0, 0, 4)).color
    weight = group(8).field("weight")

    @ti.kernel
    def read() -> float:
        total = color[0, 3, 3].norm()
        for i in weight:
            total += weight[i]
        return total

    expected = read()
    color = weight = None  # what is compiled reads them still
    others = [group(8) for _ in range(5)]
    for other in others:
        other.set("weight", 100.0)
        other.field("weight")
    mesh, camera = dr.Mesh(TETRAHEDRON, FACES), dr.Camera.orbit(0, 0, 4)
    frames = [dr.Rasterizer(7, background=(0, 0, 9)).render(mesh, camera) for _ in range(5)]
    assert all(frame.color[0, 0, 0].z == 9 for frame in frames)
    assert read() == expected


@pytest.mark.usefixtures("own_runtime")
def test_a_place_that_cannot_be_filled_is_not_left_empty(monkeypatch):
    dr.init("cpu")
    monkeypatch.setattr(fields_pool, "MANY_TREES", 3)
    for count in range(1, 5):
        group(count).field("weight")
    finalize, calls = ti.FieldsBuilder.finalize, []

    def fail_once(self, *arguments, **keywords):
        calls.append(self)
        if len(calls) == 1:
            ti.lang.impl.get_runtime().finalize_fields_builder(self)
            raise RuntimeError("out of memory")
        return finalize(self, *arguments, **keywords)

    monkeypatch.setattr(ti.FieldsBuilder, "finalize", fail_once)
    made = group(9)
    with pytest.raises(RuntimeError, match="out of memory"):
        made.field("weight")
    assert len(calls) == 2
    loss = ti.field(float, (), needs_grad=True)
    with ti.ad.Tape(loss):
        double(made.field("weight"))
    assert made.get("weight").tolist() == [4] * 9


def test_an_open_tape_keeps_what_it_has_recorded(cpu32):
    loss = ti.field(ti.f32, shape=(), needs_grad=True)

    @ti.kernel
    def add(weight: ti.template()):
        for i in weight:
            loss[None] += weight[i] ** 2

    with ti.ad.Tape(loss):
        first = group(7)
        storage = storage_of(first)
        add(first.field("weight"))
        del first
        gc.collect()
        second = group(7)
        assert storage_of(second) is not storage


def test_ti_init_empties_the_pool(own_runtime):
    dr.init("cpu")
    storage, _ = dropped_after(touch_everything, 3)
    dr.init("cpu")
    assert storage_of(group(3)) is not storage


def test_arrays_of_ever_new_sizes_are_not_kept_for_good(cpu32):
    for count in range(1, 200):
        group(count)
    from taichi_dr.fields.pool import MOST_WITHOUT_FIELDS, pool

    kept = [storage for shelf in pool._shelves.values() for storage in shelf if not storage.fields]
    assert len(kept) <= MOST_WITHOUT_FIELDS
    assert storage_of(group(199)) in kept


def trials(kind):
    """``make(i)``, the i-th of many objects, and one of its fields."""
    camera = lambda i: dr.Camera.orbit(7.0 * i, 20, 2.7)  # noqa: E731
    lights = lambda i: dr.Lights(0.01 * (i % 100), dr.DirectionalLight((0, 1, 1)))  # noqa: E731
    mesh = lambda i: dr.Mesh(TETRAHEDRON + 0.001 * (i % 100), FACES)  # noqa: E731
    return {"camera": (camera, "pose"), "lights": (lights, "color"), "mesh": (mesh, "vertices")}[kind]


@pytest.mark.parametrize("touched", [False, True], ids=["arrays", "fields"])
@pytest.mark.parametrize("kind", ["camera", "lights", "mesh"])
def test_thousands_of_objects_compile_nothing_and_grow_nothing(cpu32, kind, touched):
    make, name = trials(kind)
    scene = {"mesh": dr.Mesh(TETRAHEDRON, FACES), "camera": dr.Camera.orbit(), "lights": dr.Lights.default()}
    renderer, loss = dr.Rasterizer(8), ti.field(ti.f32, shape=(), needs_grad=True)
    target = np.zeros((1, 8, 8, 3), np.float32)

    def use(i):
        scene[kind] = made = make(i)
        with ti.ad.Tape(loss):
            frame = renderer.render(scene["mesh"], scene["camera"], scene["lights"])
            dr.losses.mse(frame.color, target, loss)
        by_field = getattr(made, name).grad.to_numpy() if touched else None
        return made.gradient(name) if by_field is None else by_field

    first = [use(i).copy() for i in range(20)]  # those of the first have fields made and kernels compiled
    instances, memory = kernel_instances(), peak_memory_mb()
    for i in range(20, 300):
        use(i)
    assert kernel_instances() == instances
    assert peak_memory_mb() - memory < 3
    np.testing.assert_allclose(use(3), first[3], rtol=1e-5, atol=1e-7)


def peak_memory_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.usefixtures("own_runtime")
def test_more_fields_than_taichi_has_room_for_are_refused():
    """One tree more than 512 and Taichi overwrites the address of its threads, and the next kernel ends the process."""
    dr.init("cpu")
    double(group(1).field("points"))
    kept = []
    for _ in range(500):  # of somebody else, which is faster
        builder = ti.FieldsBuilder()
        builder.dense(ti.i, 2).place(ti.field(float))
        builder.finalize()

    def show_many():
        for count in range(1, 20):
            kept.append(FieldGroup("thing", weight=((count,), 0)))
            assert kept[-1].field("weight").shape == (count,)

    with pytest.raises(dr.TooLargeError, match=r"thing: expected at most 511 groups of fields .*init\(\) anew"):
        show_many()
    assert 5 < len(kept) < 12
    mesh = dr.Mesh(TETRAHEDRON, FACES)  # without fields it goes on
    frame = dr.Rasterizer(16).render(mesh, dr.Camera.orbit(0, 0, 4))
    assert frame.numpy("alpha").max() == 1
    wide = ti.field(float, 100_000, needs_grad=True)
    wide.fill(1.0)
    double(wide)
    assert wide[99_999] == 2.0


@pytest.mark.usefixtures("own_runtime")
@pytest.mark.parametrize("run", ["first", "next"])
def test_new_fields_take_the_place_of_dropped_ones_before_room_runs_out(monkeypatch, run):
    """In a second run too: what is left of the first has to leave its memory alone."""
    dr.init("cpu")
    monkeypatch.setattr(fields_pool, "MANY_TREES", 6)
    loss, total = ti.field(float, (), needs_grad=True), ti.field(float, 5, needs_grad=True)
    total.fill(1.0)

    @ti.kernel
    def add_squares(field: ti.template(), factor: float):
        for i in field:
            loss[None] += factor * field[i] ** 2

    kept = []
    for count in range(1, 13):
        made = FieldGroup("thing", weight=((count,), 0))
        made.set("weight", float(count))
        made.field("weight")
        kept = [*kept[-2:], made]
        first, others = kept[0], kept[1:-1]
        with ti.ad.Tape(loss):
            add_squares(first.field("weight"), 0.5)
            add_squares(made.field("weight"), 1.0)
            add_squares(total, 0.25)
        least = max(count - 2, 1)
        assert loss[None] == 0.5 * least**3 + count**3 + 1.25
        assert made.gradient("weight").tolist() == [3 * count if made is first else 2 * count] * count
        assert first is made or first.gradient("weight").tolist() == [least] * least
        assert total.grad.to_numpy().tolist() == [0.5] * 5
        assert not any(other.gradient("weight").any() for other in others)
    assert trees_of_fields() <= 6


@pytest.mark.usefixtures("own_runtime")
def test_frames_of_ever_new_renderers_need_no_more_fields_than_those_of_a_few(monkeypatch):
    dr.init("cpu")
    monkeypatch.setattr(fields_pool, "MANY_TREES", 8)
    mesh, camera, loss = dr.Mesh(TETRAHEDRON, FACES), dr.Camera.orbit(0, 0, 4), ti.field(float, (), needs_grad=True)
    for i in range(16):
        size = (8 + i % 5, 12)
        with ti.ad.Tape(loss):
            frame = dr.Rasterizer(size).render(mesh, camera)
            dr.losses.mse(frame.color, np.zeros((1, *size, 3), np.float32), loss)
        assert frame.face_id.to_numpy().max() >= 0
        color = frame.color.to_numpy()
        np.testing.assert_allclose(frame.color.grad.to_numpy(), 2 * color / color.size, rtol=1e-6)
    assert trees_of_fields() <= 9


def test_a_frame_s_field_that_somebody_holds_stays_as_it_is(cpu32):
    mesh, camera = dr.Mesh(TETRAHEDRON, FACES), dr.Camera.orbit(0, 0, 4)
    color = dr.Rasterizer(9).render(mesh, camera).color
    before = color.to_numpy()
    others = [dr.Rasterizer(9, background=(0.1, 0.2, 0.3)).render(mesh, camera) for _ in range(3)]
    assert all(frame.color.to_numpy()[0, 0, 0].tolist() == pytest.approx([0.1, 0.2, 0.3]) for frame in others)
    np.testing.assert_array_equal(color.to_numpy(), before)
    assert color not in [frame.color for frame in others]


def trees_of_fields():
    return ti.lang.impl.get_runtime().prog.get_snode_tree_size()


def test_packets_that_are_the_first_to_name_a_vector_field_find_its_numbers(cpu32):
    """Its field is made and filled while a kernel of whole vectors is compiled, with numbers that become packets."""
    mesh = dr.Mesh([[0.1, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])

    @ti.func
    def distance(p):
        d = 1e9
        d = ti.min(d, (p - mesh.vertices[0, 0]).norm() - 0.5)
        return d

    assert misfit(distance) is None
    np.testing.assert_array_equal(mesh.vertices.to_numpy()[0, 0], np.float32([0.1, 0, 0]))
    camera = dr.Camera((0.1, 0, 3), (0.1, 0, 0))
    depth = dr.SphereTracer(distance, size=17, bounds=dr.Box(-1, 1)).render(camera).numpy("depth")
    assert depth[0, 8, 8] == pytest.approx(2.5, abs=1e-3)


def test_a_mesh_that_packets_have_compiled_in_keeps_its_fields(cpu32):
    scene = SimpleNamespace(mesh=dr.Mesh(np.eye(3) * 0.1, [[0, 1, 2]]))

    @ti.func
    def distance(p):
        return (p - scene.mesh.vertices[0, 0]).norm() - 0.5

    tracer, camera = dr.SphereTracer(distance, size=17, bounds=dr.Box(-1, 1)), dr.Camera((0.1, 0, 3), (0.1, 0, 0))
    before = tracer.render(camera).numpy("depth")
    scene.mesh = None
    gc.collect()
    others = [dr.Mesh(np.eye(3) - 0.4, [[0, 1, 2]]) for _ in range(3)]
    assert all(other.vertices.shape == (1, 3) for other in others)
    np.testing.assert_array_equal(tracer.render(camera).numpy("depth"), before)
