"""Numbers with gradients that belong to somebody: arrays, and Taichi fields once somebody asks for them.

Doors: ``group.FieldGroup``, what a mesh, a camera or lights own; ``variable.Variable``, what losses and optimisers take
in place of a field; ``checkpointed.checkpointed``, a user's simulation with few of its steps in memory.
"""
