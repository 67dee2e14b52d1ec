"""What is made once and used again: arrays and meshes by what they are for, in the run that they were made in."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from taichi_dr.runtime import has_computed, require_thread_of_init, runtime_token
from taichi_dr.torch.turn import TURN


class Kept:
    """Things by key; those of former runs, and those that were not asked for long, are dropped.

    Arguments:
        most: how many there are at most.
    """

    def __init__(self, most: int) -> None:
        self._most, self._token = most, None
        self._things: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The thing of that key, made now if there is none.

        Raises:
            RuntimeStateError: Taichi is not initialised, or was in another thread and has not computed anything yet.
        """
        with TURN:
            if self._token is not runtime_token():
                if not has_computed():
                    require_thread_of_init("the first render or loss")
                self._things.clear()
                self._token = runtime_token()
            if key not in self._things:
                self._things[key] = make()
            self._things.move_to_end(key)
            while len(self._things) > self._most:
                self._things.popitem(last=False)
            return self._things[key]

    def __reduce__(self):
        return Kept, (self._most,)  # a copy begins anew
