"""Functions of space: what is where, for renderers that march along rays.

Door: ``function.SpaceFunction``, the contract that all of them keep; ``sdf`` has signed distances.
"""
