"""The HTML report for radiologists."""
