"""Attention calibrated on phrases that were not learnt."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.student.reading import Reading, fit_reading


def attention_of(seed: int, count: int = 6) -> torch.Tensor:
    return torch.softmax(3 * torch.randn(count, 5, generator=torch.Generator().manual_seed(seed)), 1)


@given(st.integers(0, 1000), st.floats(0.2, 3), st.floats(-2, 2))
def test_a_reading_is_a_distribution_in_the_order_of_the_attention(seed: int, power: float, outside: float) -> None:
    attention = attention_of(seed)
    read = Reading(power, outside)(attention)
    torch.testing.assert_close(read.sum(1), torch.ones(6))
    torch.testing.assert_close(read[:, :-1].argsort(1), attention[:, :-1].argsort(1))


def test_a_reading_that_was_not_fitted_changes_nothing() -> None:
    torch.testing.assert_close(Reading()(attention_of(0)), attention_of(0))


def test_attention_that_is_too_sure_is_read_as_less_sure() -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.full(4, 0.5), 4000)
    meant = np.array([rng.choice(4, p=row) for row in true])
    vain = np.maximum(true, 1e-9) ** 3
    vain[:, -1] *= 2
    reading = fit_reading((vain / vain.sum(1, keepdims=True)).astype(np.float32), meant)
    assert abs(reading.power.item() - 1 / 3) < 0.05
    assert abs(reading.outside.item() + np.log(2) / 3) < 0.15
