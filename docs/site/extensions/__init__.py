"""What Sphinx is taught: to read docstrings as they are written here, names of types, and looks."""
