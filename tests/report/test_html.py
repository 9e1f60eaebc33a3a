"""What the page does to sentences."""

from __future__ import annotations

from anncore.report.html import kept_together


def test_a_number_keeps_its_per_cent_and_a_p_value_its_sign() -> None:
    text = "2 % lower (95 % interval, adjusted p = .046, p < .001), 3 seeds; 100% of 1 arm"
    expected = "2_% lower (95_% interval, adjusted p_=_.046, p_<_.001), 3 seeds; 100% of 1 arm"
    assert kept_together(text) == expected.replace("_", "\N{NO-BREAK SPACE}")
