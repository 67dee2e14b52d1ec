"""What a group of fields keeps its numbers in: variables, and a tree of fields once somebody asks for one."""

from taichi_dr.fields.tree import Tree
from taichi_dr.fields.variable import Variable
from taichi_dr.runtime import python_scope


class Storage(Tree):
    """The variables of a group, by the names of its layouts, arrays for their adjoints, and fields once asked for.

    ``is_shown``: the owner has asked for fields, which hold the numbers then.
    """

    def __init__(self, layouts):
        super().__init__(layouts)
        self.variables = {
            name: Variable(name, layout.shape, layout.width, fields=(), columns=()) for name, layout in layouts
        }
        self.arrays = {name: variable.array for name, variable in self.variables.items()}
        self.adjoints, self.is_shown = {}, False

    def show(self, owner):
        """As every tree's; has the fields hold the numbers."""
        super().show(owner)
        with python_scope():
            for name, variable in self.variables.items():
                variable.show(*self._shown[name])
        self.is_shown = True
        return self.fields

    def renew(self):
        """As every tree's; the numbers are whatever they were."""
        self.is_shown = False
        for variable in self.variables.values():
            variable.renew()

    def _handles(self):
        once, twice = super()._handles()
        return [*self.variables.values(), *once], [*self.arrays.values(), *twice]
