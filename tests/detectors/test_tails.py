"""The tails of `spike`, against scipy.stats, which is right and slow to import."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.detectors.tails import band


@given(st.floats(-300, 6), st.floats(-6, 3))
def test_the_band_is_that_of_a_negative_binomial(mean: float, dispersion: float) -> None:
    """Whatever its mean and dispersion, be they powers of ten far apart."""
    size = np.array([10.0**-dispersion])
    share = size / (size + 10.0**mean)
    low, high = band(np.array([10.0**mean]), 1.0 / size)
    assert np.array_equal(low, stats.nbinom.ppf(0.001, size, share))
    assert np.array_equal(high, stats.nbinom.ppf(0.999, size, share))
