"""Simulated lumbar MRI with known truth."""
