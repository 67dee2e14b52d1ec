"""The seam between those who own numbers and those who render them."""

from abc import ABC, abstractmethod


class Inputs(ABC):
    """Named numbers that a renderer reads as arrays, and whose gradients it hands back as arrays.

    A renderer pulls its inputs before it runs and reads ``arrays[name]``; on the way back it zeroes the adjoints, adds
    to ``adjoints[name]`` and pushes them.  It knows nothing else of its inputs: behind the arrays there are fields
    (``FieldGroup``), cameras packed for an image size (``render.camera_input``), or what another library owns.

    Attributes:
        arrays: ``ti.ndarray``s by name; their numbers are the owner's once ``pull`` has run.
        adjoints: ``ti.ndarray``s by the same names, of the same shapes; there once ``zero_adjoints`` has run.
    """

    arrays: dict
    adjoints: dict

    @abstractmethod
    def check(self):
        """Raises RuntimeStateError if ``ti.init`` was called since the owner's fields or arrays were made."""

    @abstractmethod
    def pull(self):
        """Copies the owner's numbers, as they are now, into ``arrays``; calls ``check`` first."""

    @abstractmethod
    def zero_adjoints(self):
        """Clears ``adjoints``."""

    @abstractmethod
    def push_gradients(self):
        """Adds ``adjoints`` to the owner's gradients."""
