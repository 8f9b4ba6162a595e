"""Tables: rows of unrounded numbers, and how they are printed."""
