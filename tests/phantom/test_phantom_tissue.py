"""Signal of tissues: by hand for one echo, and in the usual order of radiology."""

import pytest

from tfspine.phantom.tissue import COMPOSITION, Relaxation, Tissue, signals, spin_echo


def total(tissue: Tissue, *, weighting: str, field_t: float) -> float:
    times = {"T1": (550.0, 12.0), "T2": (4000.0, 90.0)}[weighting]
    return sum(signals(field_t=field_t, repetition_time_ms=times[0], echo_time_ms=times[1])[tissue])


def test_spin_echo_by_hand() -> None:
    """PD 1, TR = T1, TE = T2: (1 - 1/e) / e = 0.23254."""
    echo = spin_echo(Relaxation(1.0, 500.0, 80.0), repetition_time_ms=500.0, echo_time_ms=80.0)
    assert echo == pytest.approx(0.23254, abs=1e-5)


def test_muscle_by_hand() -> None:
    """Gold 2004, 1.5 T: T1 1130, T2 35.3 ms; 0.79 x 98 % water, (1 - e^-4.4248) e^-1.4164 = 0.23967."""
    water, _ = signals(field_t=1.5, repetition_time_ms=5000.0, echo_time_ms=50.0)[Tissue.MUSCLE]
    assert water == pytest.approx(0.79 * 0.98 * 0.23967, rel=1e-3)


def test_relaxation_lies_between_the_fields() -> None:
    low, middle, high = (total(Tissue.MUSCLE, weighting="T1", field_t=field) for field in (1.5, 2.25, 3.0))
    assert low > middle > high  # T1 grows with the field


def test_every_tissue_is_described_and_fat_is_fat() -> None:
    assert set(COMPOSITION) == set(Tissue)
    table = signals(field_t=3.0, repetition_time_ms=550.0, echo_time_ms=12.0)
    assert table[Tissue.FAT][0] == 0 and table[Tissue.FAT][1] > 0.5
    assert table[Tissue.CSF][1] == 0
    assert sum(table[Tissue.AIR]) == 0
    assert table[Tissue.MARROW][1] > table[Tissue.MARROW][0]  # in T1 most of marrow's signal is its fat's


@pytest.mark.parametrize("field_t", [1.5, 3.0])
@pytest.mark.parametrize(
    ("weighting", "brighter", "darker"),
    [
        ("T2", Tissue.CSF, Tissue.FAT),
        ("T2", Tissue.FAT, Tissue.MUSCLE),
        ("T2", Tissue.CSF, Tissue.NERVE),
        ("T2", Tissue.NUCLEUS, Tissue.DRY_NUCLEUS),
        ("T2", Tissue.DRY_NUCLEUS, Tissue.ANNULUS),
        ("T2", Tissue.MUSCLE, Tissue.LIGAMENT),
        ("T2", Tissue.SYNOVIUM, Tissue.CARTILAGE),
        ("T2", Tissue.VEIN, Tissue.VESSEL),
        ("T1", Tissue.FAT, Tissue.MARROW),
        ("T1", Tissue.MARROW, Tissue.NUCLEUS),
        ("T1", Tissue.MARROW, Tissue.MUSCLE),
        ("T1", Tissue.NERVE, Tissue.CSF),
        ("T1", Tissue.MUSCLE, Tissue.CORTEX),
        ("T1", Tissue.MUSCLE, Tissue.SCLEROSIS),
    ],
)
def test_order_of_greys(weighting: str, brighter: Tissue, darker: Tissue, field_t: float) -> None:
    first, second = (total(tissue, weighting=weighting, field_t=field_t) for tissue in (brighter, darker))
    assert first > 1.1 * second
