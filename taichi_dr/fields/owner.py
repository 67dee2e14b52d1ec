"""What meshes, cameras and lights share: named numbers that are fields for whoever asks for fields."""

from abc import ABC, abstractmethod
from typing import ClassVar

from taichi_dr.fields.group import FieldGroup
from taichi_dr.fields.variable import Variable
from taichi_dr.types import Array


class FieldOwner(ABC):
    """Has ``fields``, a ``FieldGroup``, and attributes that are fields of it."""

    _GROUP: ClassVar[type[FieldGroup]] = FieldGroup  # what ``taichi_dr.torch`` keeps its numbers in is another one
    fields: FieldGroup

    @abstractmethod
    def _setting(self, name):
        """The call that writes the field of that name, for a message; None if it is no field."""

    def gradient(self, name: str) -> Array:
        """The gradient of a field as a new NumPy array: ``mesh.gradient("vertices")`` is (B, N, 3).

        What ``mesh.vertices.grad.to_numpy()`` gives, without making a field.  It is that of the latest
        ``ti.ad.Tape`` (or ``renderer.backward()``) that has met the owner.

        Raises:
            InputError: there is no such field.
        """
        return self.fields.gradient(self._member(name))

    def _member(self, name):
        """What the group calls the field of that name.

        Raises:
            InputError: there is no such field.
        """
        return self.fields.known(name)

    def variable(self, name: str) -> Variable:
        """The numbers of a field and their gradient as a ``Variable``, for losses and optimisers, without the field.

        Raises:
            InputError: there is no such field, or it shares an array with others.
        """
        return self.fields.variable(self.fields.known(name))

    def __setattr__(self, name, value):
        attribute = getattr(type(self), name, None)
        if isinstance(attribute, property) and attribute.fset is None:
            call = self._setting(name)
            advice = f"{call} writes its numbers" if call else "it follows from what the object was made of"
            raise AttributeError(f"{name}: expected to be read, not assigned to; {advice}")
        super().__setattr__(name, value)
