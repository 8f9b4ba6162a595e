"""From readings of slices to a table of levels and sides."""
