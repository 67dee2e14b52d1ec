"""Whose turn it is: threads render one after another, as they share Taichi's runtime and the arrays of modules."""

import threading

TURN = threading.RLock()
"""Held while tensors are copied to arrays, something is computed of these, and the results are copied to tensors."""
