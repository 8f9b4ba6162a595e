"""Matching of a reader's boxes with the reference's, and the measures computed from it.

Read first:

    reading_set.py     one set of studies with its reference and all of its readers
    pairs.py           every box of the reference with the reader's result for it, matched once
    measures.py        the measures of any of these boxes, by box and by patient
    region_grades.py   one grade for each level and side, from boxes
"""
