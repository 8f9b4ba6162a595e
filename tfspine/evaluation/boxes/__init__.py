"""Matching of a reader's boxes with the reference's, and the measures computed from it."""
