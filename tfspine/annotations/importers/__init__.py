"""Public lumbar data sets, converted from their own layouts to tfspine's files."""
