"""The options that messages of a reconstruction name: those of the command that asks for it."""

from typing import NamedTuple


class Wording(NamedTuple):
    """What gives a run more time, what goes on with what it has left, and what is to be done about a folder that holds
    something already."""

    budget: str
    resume: str
    occupied: str


RECONSTRUCT = Wording("--steps or --minutes", "--resume", "--resume continues it, --overwrite replaces it")
COMPARE = Wording("--minutes", "the same command", "--overwrite replaces it")
