"""The loop of trainings and dreams: budgets, rows of losses, when it is saved, and how it goes on."""

import json
from dataclasses import dataclass

import pytest

from taichi_dr.jobs import loop
from taichi_dr.jobs.loop import Loop
from taichi_dr.ranks import Ranks


@dataclass
class Budget:
    """Settings."""

    steps: int | None = None
    minutes: float | None = None


@dataclass
class Asked:
    """Ctrl-C after so many steps."""

    after: float = float("inf")
    steps: int = 0

    @property
    def requested(self):
        return self.steps >= self.after


class Run:
    """Steps that count themselves and take ``seconds`` each, by a clock of their own."""

    def __init__(self, monkeypatch, seconds=1.0, after=float("inf")):
        self.now, self.seconds, self.interrupt = 100.0, seconds, Asked(after)
        self.fractions, self.saved = [], []
        monkeypatch.setattr(loop.time, "monotonic", lambda: self.now)

    def __call__(self, made):
        self.loop = made
        made.run("working", self.interrupt, self.step, lambda: self.saved.append(made.steps))
        return made

    def step(self, fraction):
        self.fractions.append(fraction)
        self.now += self.seconds
        self.interrupt.steps += 1
        return {"loss": float(len(self.fractions)), "other": 1.0}


def test_a_budget_in_steps(monkeypatch):
    run = Run(monkeypatch)
    done = run(Loop(Budget(steps=4)))
    assert run.fractions == [0, 0.25, 0.5, 0.75]
    assert (done.steps, done.seconds, done.fraction) == (4, 4.0, 1.0)
    assert run.saved == [4]


def test_a_budget_in_minutes(monkeypatch):
    run = Run(monkeypatch, seconds=7.0)
    done = run(Loop(Budget(minutes=0.5), steps=9))
    assert run.fractions == pytest.approx([0, 7 / 30, 14 / 30, 21 / 30, 28 / 30])
    assert (done.steps, done.seconds) == (5, 35.0)
    assert done.fraction > 1
    assert run.saved == [5]


@pytest.mark.parametrize(("default", "steps"), [({"steps": 3}, 3), ({"minutes": 0.1}, 6)])
def test_budgets_where_nothing_is_asked_for(monkeypatch, default, steps):
    assert Run(monkeypatch)(Loop(Budget(), **default)).steps == steps
    assert Run(monkeypatch)(Loop(Budget(steps=2), **default)).steps == 2


def test_rows_are_means_over_twenty_steps(monkeypatch):
    run = Run(monkeypatch)
    done = run(Loop(Budget(steps=45)))
    assert done.rows == [[20, {"loss": 10.5, "other": 1.0}], [40, {"loss": 30.5, "other": 1.0}]]
    assert done.curves() == {"step": [20, 40], "loss": [10.5, 30.5], "other": [1.0, 1.0]}
    assert Loop(Budget(steps=1)).curves() == {"step": []}


def test_it_is_saved_every_minute_and_at_the_end(monkeypatch):
    run = Run(monkeypatch, seconds=25.0)
    run(Loop(Budget(steps=7)))
    assert run.saved == [3, 6, 7]  # after 75 s and 150 s


def test_ctrl_c_ends_it_and_it_is_saved(monkeypatch):
    run = Run(monkeypatch, after=3)
    done = run(Loop(Budget(steps=10)))
    assert (done.steps, run.saved, done.fraction) == (3, [3], 0.3)
    early = Run(monkeypatch, after=0)
    done = early(Loop(Budget(steps=10)))
    assert (done.steps, early.saved, early.fractions) == (0, [0], [])


def test_what_is_restored_goes_on(monkeypatch):
    first = Run(monkeypatch, after=20)(Loop(Budget(steps=40)))
    state = first.state()
    losses = [[20, {"loss": 10.5, "other": 1.0}]]
    assert state == {"steps": 20, "seconds": 20.0, "losses": losses, "budget": [True, 40.0]}
    run = Run(monkeypatch)
    second = Loop(Budget(steps=40))
    second.restore(state)
    run(second)
    assert run.fractions[0] == 0.5
    assert (second.steps, second.seconds, len(run.fractions)) == (40, 40.0, 20)
    assert [step for step, _ in second.rows] == [20, 40]
    third = Loop(Budget(minutes=1.0))
    third.restore(state)
    assert third.fraction == pytest.approx(1 / 3)
    assert Run(monkeypatch)(third).steps == 60


@pytest.mark.parametrize("budget", [Budget(steps=40), Budget(minutes=0.5)])
def test_without_a_new_budget_it_goes_on_to_the_old_one(monkeypatch, budget):
    state = Run(monkeypatch, after=20)(Loop(budget, minutes=9.0)).state()
    again = Loop(Budget(), steps=5)
    again.restore(json.loads(json.dumps(state)))
    assert again.fraction == pytest.approx(20 / (budget.steps or 30))
    assert Run(monkeypatch)(again).steps == (budget.steps or 30)


def test_a_budget_that_is_spent_makes_no_step_and_says_so(monkeypatch, capsys):
    spent = Loop(Budget(steps=5))
    spent.restore({"steps": 7, "seconds": 3.0, "losses": []})
    run = Run(monkeypatch)
    run(spent)
    assert (spent.steps, run.fractions, run.saved) == (7, [], [7])
    assert "nothing is left to do: more --steps or --minutes" in capsys.readouterr().out


def test_errors_of_a_step_are_the_callers(monkeypatch):
    saved = []

    def fail(fraction):
        raise ValueError("a step")

    with pytest.raises(ValueError, match="a step"):
        Loop(Budget(steps=2)).run("working", Asked(), fail, lambda: saved.append(1))
    assert not saved


class Second(Ranks):
    """The second of two processes, of which the first stops at half."""

    rank, count, threads = 1, 2, None

    def add(self, array):
        array *= 2

    def highest(self, array):
        self.seen = [*getattr(self, "seen", []), array.copy()]
        array[0] = 0.25 * (len(self.seen) - 1)


def test_other_processes_follow_the_first_and_do_not_save(monkeypatch):
    run, ranks = Run(monkeypatch), Second()
    done = run(Loop(Budget(steps=100), ranks=ranks))
    assert run.fractions == [0, 0.25, 0.5, 0.75]  # those of the first
    assert (done.steps, run.saved) == (4, [])
    assert all(moment[0] == 0 for moment in ranks.seen)
