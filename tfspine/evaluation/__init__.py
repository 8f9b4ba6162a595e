"""Readers and models against a reference: agreement, diagnostic accuracy and detection.

`question.py` holds who read what, `evaluate.py` measures it, `results.py` writes it. The parts, each using only those
before it: `statistics`, `boxes`, `tables`, `figures`, `documents`.
"""
