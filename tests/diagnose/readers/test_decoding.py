"""Letters that went through the wrong encoding."""

from __future__ import annotations

from tests.support.each import each
from voicechat.diagnose.readers.decoding import encoding_of, mended


@each("wrong", ["latin-1", "gb18030"])
def test_text_that_was_read_in_the_wrong_encoding_is_mended(wrong: str) -> None:
    right = "麦克风已静音等待播放完成的事件"
    assert mended("mic " + right.encode().decode(wrong, "ignore")).startswith("mic 麦")


def test_text_that_is_right_stays() -> None:
    for text in ("plain", "déjà vu, naïve", "麦克风已静音", "🎤 öffnen"):
        assert mended(text) == text


def test_chinese_windows_is_told_from_utf8() -> None:
    assert encoding_of("麦克风".encode("gb18030")) == "gb18030"
    assert encoding_of("麦克风".encode()) == "utf-8"
