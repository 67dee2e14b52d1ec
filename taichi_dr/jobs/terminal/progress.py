"""Progress on the terminal: a bar where there is one, a line now and then where the output goes to a file."""

import time
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

SECONDS_BETWEEN_LINES = 15.0

console = Console(highlight=False, stderr=False)


def say(text):
    """Prints a line as it is."""
    console.print(text, soft_wrap=True, markup=False)


def is_terminal():
    """Whether somebody looks on, to whom a bar can be shown."""
    return console.is_terminal


@contextmanager
def progress_bar(what):
    """Yields ``update(fraction, text="")`` for a task whose progress goes from 0 to 1.

    >>> with progress_bar("rendering") as update:
    ...     update(0.5, "view 3 of 6")  # doctest: +SKIP
    """
    if not is_terminal():
        yield _Lines(what).update
        return
    columns = [
        TextColumn("{task.description}", table_column=Column(min_width=len(what))),
        BarColumn(bar_width=16, table_column=Column(min_width=16)),
        TaskProgressColumn(table_column=Column(min_width=4)),
        TextColumn("{task.fields[text]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        TimeElapsedColumn(table_column=Column(min_width=7)),
        TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
    ]
    with Progress(*columns, console=console, refresh_per_second=4, expand=True) as progress:
        task = progress.add_task(what, total=1.0, text="")
        yield lambda fraction, text="": progress.update(task, completed=min(fraction, 1.0), text=text)


class _Lines:
    def __init__(self, what):
        self._what, self._next = what, time.monotonic() + SECONDS_BETWEEN_LINES

    def update(self, fraction, text=""):
        if time.monotonic() >= self._next or fraction >= 1:
            say(f"{self._what}: {min(fraction, 1.0):4.0%}  {text}".rstrip())
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
