"""Colours of the grades, as in the paper (docs/paper.md): white normal, blue mild, orange moderate, red severe.

They are the same in every picture, table and legend; only the outline depends on the background. Every colour is
accompanied by text, and on slices the line width grows with the grade, so that colour is never the only cue.
"""

from tfspine.labels import Grade

GRADE_COLORS: dict[Grade, str] = {
    Grade.NORMAL: "#ffffff",
    Grade.MILD: "#4aa3ff",
    Grade.MODERATE: "#ff9b21",
    Grade.SEVERE: "#ff4a40",
}
"""Light enough to be visible on black and to carry dark text: a contrast of at least 5.9 to 1 (WCAG 2)."""

OUTLINE = "#1c2430"
"""Outline and text colour: white alone would be invisible on a white page, and in bright fat on a slice."""
