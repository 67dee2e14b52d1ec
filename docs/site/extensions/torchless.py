"""PyTorch for those who read signatures and compute nothing: Sphinx's mock of it, so that the site needs none."""

import sys
from typing import Union

from sphinx.ext.autodoc.mock import MockFinder, _MockObject


def replace():
    """Has ``import torch`` lead to a mock, for the rest of the process."""
    sys.meta_path.insert(0, MockFinder(["torch"]))
    _MockObject.__or__ = lambda self, other: Union[self, other]  # noqa: UP007  torch.Tensor | None: not thought of
    _MockObject.__ror__ = lambda self, other: Union[other, self]  # noqa: UP007
