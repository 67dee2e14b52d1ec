"""What a surface is: the attributes that the rasterizers interpolate over a mesh's faces."""

from abc import ABC, abstractmethod


class Surface(ABC):
    """Attributes of one mesh in every view, a row for each of what ``topology`` indexes.

    ``attributes`` (V*rows, channels), once ``forward`` has run; ``index`` (F, 3) is the row of each face's corners,
    before adding ``v * rows``, and ``corners`` the ``Adjacency`` of ``index``.  A surface that ``shades_pixels`` also
    has a ``layout`` (``kernels.shading.at_points``) that says what the channels are, and perhaps a ``texture``.
    """

    channels = 3
    shades_pixels = False
    texture = None

    def __init__(self, buffers, topology):
        self._buffers = buffers
        self.topology, self.rows = topology, topology.rows
        self.index, self.corners = topology.array("faces"), topology.corners()
        self.attributes = None

    @abstractmethod
    def forward(self, shot):
        """Writes ``attributes`` from the fields of mesh and lights and from the cameras."""

    @abstractmethod
    def adjoint(self, shot, attributes_adjoint):
        """Adds what the adjoint of ``attributes`` implies to the adjoints of mesh, lights and cameras."""

    def checked_arrays(self, shot):
        """The smallest arrays that show whether the colours will be finite, where the vertices are."""
        return [self.attributes]

    def new_adjoint(self, shot, purpose):
        """An array to which the adjoint of ``attributes`` is added."""
        return self._buffers.zeroed(f"{purpose}_attributes_adjoint", self.attributes.shape)

    def _allocate(self, shot):
        shape = (shot.views.views * self.rows, self.channels)
        self.attributes = self._buffers.get(f"{type(self).__name__}_attributes", shape)
