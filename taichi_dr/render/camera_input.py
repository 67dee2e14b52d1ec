"""Cameras as the inputs of a renderer."""

from taichi_dr.inputs import Inputs
from taichi_dr.kernels.camera.pack import PACKED


class CameraInput(Inputs):
    """A ``Camera`` for images of one size, packed as ``kernels.camera`` takes it: ``arrays["camera"]`` (V, 16)."""

    def __init__(self, camera, width, height, buffers):
        self._camera, self._size, self._buffers = camera, (width, height), buffers
        self.arrays, self.adjoints = {}, {}

    def check(self):
        self._camera.fields.check()

    def pull(self):
        self.check()
        packed = self._buffers.get("camera", (self._camera.views, PACKED))
        self.arrays["camera"] = self._camera.pack(*self._size, packed)

    def zero_adjoints(self):
        self.adjoints["camera"] = self._buffers.zeroed("camera_adjoint", self.arrays["camera"].shape)

    def push_gradients(self):
        self._camera.add_gradients(self.adjoints["camera"], *self._size)
