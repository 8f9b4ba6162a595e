"""What people do with tfspine: one module a command, one public function in it.

A function takes the paths that it reads and writes, then all else in one frozen dataclass with defaults, tells its
progress by `track` (`tfspine.progress`), and returns a frozen dataclass. It prints nothing, logs its warnings, and
raises `TfspineError`. Whatever is heavy is imported inside, so that a module is imported without TensorFlow. No
function builds the words of a command line; what wants a process of its own is started by `own_process`.
"""
