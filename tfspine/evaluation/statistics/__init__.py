"""Estimates with their intervals, agreement, accuracy and tests, from numbers to numbers.

Read first:

    estimate.py           the value, interval, n and method that every statistic returns
    agreement.py          Gwet's AC1 and AC2 of two or more raters, as in the paper
    clustered*.py         shares, agreement and areas with intervals by patient: what tables print first
    accuracy.py, roc.py   sensitivity, specificity and areas under curves
    paired_tests.py       two readers of the same boxes
"""
