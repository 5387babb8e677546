"""What there is to run on, and whether functions are compiled, under the names of `tensorflow.config`."""

from minidl.devices import PhysicalDevice, list_physical_devices
from minidl.functions import functions_run_eagerly, run_functions_eagerly

__all__ = ["PhysicalDevice", "functions_run_eagerly", "list_physical_devices", "run_functions_eagerly"]
