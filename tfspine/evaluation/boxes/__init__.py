"""Whose boxes are which of the reference's, and what is measured of them."""
