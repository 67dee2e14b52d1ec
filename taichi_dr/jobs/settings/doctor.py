"""Options of ``taichi-dr doctor``."""

from dataclasses import dataclass
from typing import Literal

from taichi_dr.jobs.settings.domains import positive


@dataclass(frozen=True)
class DoctorSettings:
    """What works on this machine: versions, backends and their devices, and for each backend a check of a rendering's
    gradients against central differences, in a process of its own.

    The exit code is 1 if a check fails.
    """

    #: Check this backend only.
    backend: Literal["all", "cpu", "vulkan", "cuda"] = "all"
    #: Seconds, > 0, after which a check counts as failed.
    timeout: float = 300.0

    @property
    def title(self):
        """A line on what is to be done."""
        return "what works on this machine"

    def check(self):
        """Raises InputError if a value is outside its domain."""
        positive(timeout=self.timeout)
