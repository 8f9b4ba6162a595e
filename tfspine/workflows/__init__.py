"""The work behind each command: one module per command, with one public function.

A function takes the paths that it reads and writes, then all other options in one frozen dataclass with defaults. It
reports its progress with `track` (`tfspine.progress`), and returns a frozen dataclass. It prints nothing, logs its
warnings, and raises `TfspineError`. Heavy imports are inside the functions, so that importing a module does not import
TensorFlow. No function builds a command line; `own_process` runs functions that need a separate process.
"""
