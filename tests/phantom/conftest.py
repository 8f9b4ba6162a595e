"""A cohort that several tests count: made once, because its boxes take a quarter of a minute."""

import pytest
from phantom.cohorts import PatientTruth, patient_truth

PATIENTS = 300


@pytest.fixture(scope="session")
def cohort() -> tuple[PatientTruth, ...]:
    return tuple(patient_truth(number) for number in range(1, PATIENTS + 1))
