"""What Vulkan devices this machine has, asked of the Vulkan loader itself (Taichi does not tell).

Only what choosing a backend needs: the first device's name and whether it is hardware.
"""

import ctypes
import os
from dataclasses import dataclass
from functools import cache

_STRUCTURE_TYPE_INSTANCE_CREATE_INFO = 1
_DEVICE_TYPE_CPU = 4
_NAME_OFFSET, _NAME_SIZE, _TYPE_OFFSET = 20, 256, 16  # VkPhysicalDeviceProperties, Vulkan specification 5.1
_PROPERTIES_SIZE = 4096  # more than the 824 bytes of VkPhysicalDeviceProperties


@dataclass(frozen=True)
class VulkanDevice:
    """Name of a Vulkan device, and whether it is hardware rather than a software rasterizer."""

    name: str
    hardware: bool


class _InstanceCreateInfo(ctypes.Structure):
    _fields_ = [
        ("structure_type", ctypes.c_uint32),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application_info", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layer_names", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extension_names", ctypes.c_void_p),
    ]


@cache
def vulkan_device():
    """The Vulkan device that would be used (hardware first), or None without a loader, a driver or a device."""
    os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")  # Mesa warns, and Taichi's Vulkan may fail, without it
    devices = _enumerate()
    return max(devices, key=lambda device: device.hardware, default=None)


def _load():
    for name in ("libvulkan.so.1", "vulkan-1.dll", "libvulkan.1.dylib", "libMoltenVK.dylib"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _enumerate():
    loader = _load()
    if loader is None:
        return []
    info = _InstanceCreateInfo(structure_type=_STRUCTURE_TYPE_INSTANCE_CREATE_INFO)
    instance = ctypes.c_void_p()
    if loader.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance)) != 0:
        return []
    try:
        return [_describe(loader, handle) for handle in _handles(loader, instance)]
    finally:
        loader.vkDestroyInstance(instance, None)


def _handles(loader, instance):
    count = ctypes.c_uint32()
    loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    return list(handles)


def _describe(loader, handle):
    properties = ctypes.create_string_buffer(_PROPERTIES_SIZE)
    loader.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), properties)
    device_type = int.from_bytes(properties.raw[_TYPE_OFFSET : _TYPE_OFFSET + 4], "little")
    name = properties.raw[_NAME_OFFSET : _NAME_OFFSET + _NAME_SIZE].split(b"\0", 1)[0].decode(errors="replace")
    return VulkanDevice(name, device_type != _DEVICE_TYPE_CPU)
