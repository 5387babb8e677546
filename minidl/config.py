"""What there is to run on, under TensorFlow's name: `config.list_physical_devices`."""

from minidl.devices import PhysicalDevice, list_physical_devices

__all__ = ["PhysicalDevice", "list_physical_devices"]
