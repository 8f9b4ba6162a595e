"""Estimates with their intervals, agreement, accuracy and tests, from numbers to numbers."""
