"""Parts of a batch in several processes against the whole in one; threads stand for the processes."""

import copy
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from taichi_dr.ranks import Ranks  # noqa: E402
from taichi_dr.torch.together import add_gradients, share_norms  # noqa: E402


class Threads:
    """What threads have in common that act as the processes of a job."""

    def __init__(self, count):
        self.count, self.given, self.turn = count, [None] * count, threading.Barrier(count)

    def run(self, work):
        """``work(ranks)`` in as many threads; the results in order."""
        results = [None] * self.count

        def one(rank):
            results[rank] = work(Thread(self, rank))

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results


class Thread(Ranks):
    def __init__(self, all_of_them, rank):
        self._all, self.rank, self.count, self.threads = all_of_them, rank, all_of_them.count, 1

    def add(self, array):
        self._exchange(array, np.sum)

    def highest(self, array):
        self._exchange(array, np.max)

    def _exchange(self, array, how):
        self._all.given[self.rank] = array.copy()
        self._all.turn.wait(60)
        array[...] = how(self._all.given, axis=0)
        self._all.turn.wait(60)


def network():
    torch.manual_seed(4)
    layers = torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.Conv2d(3, 2, 3)
    return torch.nn.Sequential(*layers, torch.nn.BatchNorm2d(2)).double()


NETWORK = network()  # once: threads that draw weights share one generator


def stepped(images, share=1.0, ranks=None):
    """Gradients and running statistics of a step over images, whose mean loss is a part of that of all."""
    made = copy.deepcopy(NETWORK)
    if ranks is not None:
        share_norms(made, ranks)
    loss = share * (made(images) - torch.linspace(0, 1, 8, dtype=torch.float64)).pow(3).mean()
    loss.backward()
    if ranks is not None:
        add_gradients(made.parameters(), ranks)
    return [parameter.grad for parameter in made.parameters()] + [*made.buffers()], made


@pytest.mark.parametrize("count", [2, 3])
def test_parts_make_the_step_of_the_whole(count):
    images = torch.randn(7, 2, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    whole, _ = stepped(images)

    def part(ranks):
        first, last = ranks.part(len(images))
        return stepped(images[first:last], (last - first) / len(images), ranks)[0]

    results = Threads(count).run(part)
    for found in results:
        for numbers, expected in zip(found, whole, strict=True):
            np.testing.assert_allclose(numbers, expected, rtol=1e-10, atol=1e-13)
    for one, other in zip(*results[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_out_of_training_a_shared_norm_is_a_plain_one():
    images = torch.randn(3, 2, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    _, made = stepped(images)
    plain = made.eval()(images).detach()
    share_norms(made, Threads(1))
    np.testing.assert_array_equal(made(images).detach(), plain)


def test_every_piece_belongs_to_one_process():
    ranks = [Thread(Threads(3), rank) for rank in range(3)]
    assert [one.part(7) for one in ranks] == [(0, 2), (2, 4), (4, 7)]
    assert [one.leads for one in ranks] == [True, False, False]


def test_what_differs_between_processes_is_said():
    def check(ranks):
        ranks.check_same("data", [1.0, 2.0])
        try:
            ranks.check_same("data", [1.0, 2.0 + ranks.rank])
        except ValueError as error:
            return str(error)
        return "nothing"

    assert Threads(2).run(check) == ["data: not the same in all 2 processes, which must see the same files"] * 2
