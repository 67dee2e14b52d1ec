"""The version of the package, where both pyproject.toml and the program can read it."""

__version__ = "0.1.0"
