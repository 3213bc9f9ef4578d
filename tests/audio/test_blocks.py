"""The conversions at the ends of the path."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from voicechat.audio.blocks import energy_db, mean_square, to_float, to_int16


def test_too_loud_is_clipped_and_never_wraps_to_the_other_sign() -> None:
    assert to_int16(np.array([1.5, -1.5, 1.0, -1.0], dtype=np.float32)).tolist() == [32767, -32767, 32767, -32767]


@given(st.lists(st.integers(-32767, 32767), min_size=1, max_size=50))
def test_int16_survives_the_way_through_the_path_bit_for_bit(samples: list[int]) -> None:
    frame = np.array(samples, dtype=np.int16)
    assert to_int16(to_float(frame)).tolist() == samples


def test_silence_has_a_level_that_can_be_shown() -> None:
    assert energy_db(mean_square(np.zeros(480, dtype=np.float32))) == -100.0
    assert mean_square(np.zeros(0, dtype=np.float32)) == 0.0
