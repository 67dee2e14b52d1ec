"""How those who wait for a fit are told where it stands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress


def standing(losses: list[float]) -> str:
    """How far a fit is, for its ``repr``.

    >>> standing([0.5, 0.25])
    'loss 0.25 after 1 steps'
    """
    return f"loss {losses[-1]:.3g} after {len(losses) - 1} steps" if losses else "not begun"


@contextmanager
def watched(what: str, steps: int, on_step: Callable | None, progress: bool) -> Iterator[Callable]:
    """A function to call with the fit as it stands before every step and after the last: ``steps + 1`` times.

    It calls ``on_step(fit)`` and, if ``progress``, moves a bar that shows the latest of ``fit.losses``.
    """
    with Progress(disable=not progress) as bars:
        bar = bars.add_task(what, total=steps)

        def tell(fit):
            if on_step is not None:
                on_step(fit)
            bars.update(bar, completed=len(fit.losses) - 1, description=f"{what}, loss {fit.losses[-1]:.3g}")

        yield tell
