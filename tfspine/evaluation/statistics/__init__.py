"""Estimates with their intervals, agreement, accuracy and tests: numbers in, numbers out."""
