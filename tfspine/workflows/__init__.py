"""What people do with tfspine, each thing a typed function: paths and frozen dataclasses in, a frozen dataclass out."""
