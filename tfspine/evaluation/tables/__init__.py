"""Tables: rows of unrounded numbers, and how they are printed.

Read first:

    table.py     what a table is, and how its numbers become text
    regions.py   the tables that are printed first: one grade for each level and side
    paper.py     the tables of the paper
"""
