"""Colours of the grades, as in the paper (docs/paper.md): white normal, blue mild, orange moderate, red severe.

They are the same in every picture, table and legend; only the outline follows the ground. Words stand beside them
wherever they are used, and on slices lines grow with the grade, so that nobody has to tell colours apart.
"""

from tfspine.labels import Grade

GRADE_COLORS: dict[Grade, str] = {
    Grade.NORMAL: "#ffffff",
    Grade.MILD: "#4aa3ff",
    Grade.MODERATE: "#ff9b21",
    Grade.SEVERE: "#ff4a40",
}
"""Light enough to be seen on black, and for dark words to be read on them: contrast 5.9 to 1 and more (WCAG 2)."""

OUTLINE = "#1c2430"
"""Around and upon them: white would vanish on a white page, and in bright fat on a slice."""
