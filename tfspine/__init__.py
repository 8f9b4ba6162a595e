"""tfspine: lumbar-spine MRI in, graded stenosis out."""

__version__ = "0.1.0"
