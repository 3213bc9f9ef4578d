"""Telephone sound: the standard's levels, the nearest code, and nothing lost between the two."""

from __future__ import annotations

import numpy as np
import pytest

from voicechat.audio.sound_format import Law, g711_decode, g711_encode, levels

LAWS: tuple[Law, ...] = ("pcmu", "pcma")


@pytest.mark.parametrize(
    ("law", "code", "level"),
    [
        ("pcmu", 0xFF, 0),
        ("pcmu", 0x80, 32_124),
        ("pcmu", 0x00, -32_124),
        ("pcmu", 0xEF, 132),
        ("pcma", 0xD5, 8),
        ("pcma", 0x55, -8),
        ("pcma", 0xAA, 32_256),
        ("pcma", 0x2A, -32_256),
    ],
)
def test_codes_mean_the_levels_of_the_standard(law: Law, code: int, level: int) -> None:
    assert g711_decode(law, bytes([code])).tolist() == [level]


@pytest.mark.parametrize("law", LAWS)
def test_every_level_comes_back_as_itself(law: Law) -> None:
    table = levels(law)
    assert (g711_decode(law, g711_encode(law, table)) == table).all()


@pytest.mark.parametrize("law", LAWS)
def test_every_sample_gets_the_nearest_level(law: Law) -> None:
    samples = np.arange(-32_768, 32_768, 7).astype(np.int16)
    got = g711_decode(law, g711_encode(law, samples)).astype(np.int64)
    best = np.abs(levels(law).astype(np.int64)[None, :] - samples.astype(np.int64)[:, None]).min(axis=1)
    assert (np.abs(got - samples) == best).all()
