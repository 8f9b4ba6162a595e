"""How common each grade is: the paper's counts, and a more balanced distribution for small cohorts.

The paper counts boxes, one for each slice that shows a region. A recess or foramen has the same severity on all its
slices, so that the shares of boxes and of discs are equal. A canal is narrow at its disc and wide between discs;
`severity.py` computes the shares at the discs that give these shares of boxes.
"""

from tfspine.config import Prevalence
from tfspine.labels import Region

Shares = tuple[float, float, float, float]
"""Shares of normal, mild, moderate and severe; they add up to one."""

BOX_COUNTS: dict[Prevalence, dict[Region, tuple[int, int, int, int]]] = {
    Prevalence.PAPER: {
        Region.CENTRAL_CANAL: (1326, 243, 33, 23),
        Region.LATERAL_RECESS: (514, 193, 65, 67),
        Region.NEURAL_FORAMEN: (903, 192, 87, 80),
    },
    Prevalence.EXTERNAL: {
        Region.CENTRAL_CANAL: (1307, 257, 39, 19),
        Region.LATERAL_RECESS: (1552, 223, 59, 29),
        Region.NEURAL_FORAMEN: (1509, 278, 80, 31),
    },
}
"""Boxes of each grade, normal to severe, in the internal and the external test set (Table 2 of the paper)."""

BALANCED_AT_DISCS: dict[Region, Shares] = {
    Region.CENTRAL_CANAL: (0.65, 0.18, 0.10, 0.07),
    Region.LATERAL_RECESS: (0.60, 0.20, 0.11, 0.09),
    Region.NEURAL_FORAMEN: (0.62, 0.17, 0.12, 0.09),
}
"""More balanced than in reality, so that a few dozen patients include all four grades of each region."""
