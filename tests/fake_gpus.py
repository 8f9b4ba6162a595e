"""Run a tfspine command, or Python code, as on a machine with so many GPUs: `python fake_gpus.py 2 train ...`.

Physical devices are added to TensorFlow's list. Whatever is said about them too late is refused as on a real machine;
what is then placed on them is computed by the processor, where TensorFlow was built without CUDA (soft placement).
"""

import sys

from tensorflow.python.eager import context

CODE = "-c"


def add_gpus(count: int) -> None:
    """Let TensorFlow list `count` GPUs more than there are."""
    original = context.Context._initialize_physical_devices

    def with_gpus(self: context.Context, reinitialize: bool = False) -> None:
        original(self, reinitialize)
        if not any(device.device_type == "GPU" for device in self._physical_devices):
            gpus = [context.PhysicalDevice(f"/physical_device:GPU:{number}", "GPU") for number in range(count)]
            self._physical_devices += gpus
            self._visible_device_list += gpus
            self._memory_growth_map.update(dict.fromkeys(gpus))

    context.Context._initialize_physical_devices = with_gpus


if __name__ == "__main__":
    add_gpus(int(sys.argv[1]))
    if sys.argv[2] == CODE:
        exec(sys.argv[3])  # noqa: S102
        sys.exit()
    from tfspine.cli.main import main

    sys.exit(main(sys.argv[2:]))
