"""The graph scales as NumPy does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from tfspine.saved_model.region_grader import at_temperature


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda row: sum(row) > 0.01), min_size=1),
    st.floats(0.1, 10),
)
def test_the_graph_does_as_scipy_does(rows: list[list[float]], temperature: float) -> None:
    shares = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    expected = special.softmax(np.log(np.maximum(shares, 1e-7)) / temperature, axis=1)
    np.testing.assert_allclose(at_temperature(shares.astype(np.float32), temperature).numpy(), expected, atol=1e-5)
