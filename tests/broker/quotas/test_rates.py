"""Rates and token buckets, by hand. Beside Apache Kafka's: test_rates_apache.py."""

from __future__ import annotations

from math import inf, nan

import pytest

from moldau.broker.quotas.rates import Rate, TokenBucket, Window

WINDOW = Window(11, 1000)
NOW = 1_700_000_000_000


def test_who_begins_is_measured_over_a_window_that_was_silent() -> None:
    rate = Rate(WINDOW)
    rate.record(10_000, NOW)
    assert rate.measure(NOW) == 1000
    assert rate.length_ms(NOW) == 10_000
    assert rate.measure(NOW + 500) == 10_000 / 10.5


def test_throttle_brings_the_rate_down_to_the_limit() -> None:
    rate = Rate(WINDOW)
    rate.record(20_000, NOW)
    assert rate.throttle_ms(2000, NOW) == 0
    assert rate.throttle_ms(1000, NOW) == 10_000
    assert rate.throttle_ms(1999, NOW) == 5
    assert rate.throttle_ms(1e-9, NOW) == 2**31 - 1  # all that an answer can say


@pytest.mark.parametrize(
    ("limit", "wait_ms"), [(nan, 0), (inf, 0), (5e-324, 2**31 - 1), (1e308, 0)]
)
def test_limits_that_are_hardly_numbers(limit: float, wait_ms: int) -> None:
    """Apache Kafka takes them, and so do we."""
    rate, bucket = Rate(WINDOW), TokenBucket(WINDOW)
    rate.record(5, NOW)
    assert rate.throttle_ms(limit, NOW) == wait_ms
    bucket.record(5, limit, NOW)
    assert bucket.throttle_ms(limit, NOW) in (0, wait_ms)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    rate = Rate(WINDOW)
    rate.record(20_000, NOW)
    assert not rate.is_silent(NOW + 10_999)
    assert rate.measure(NOW + 10_999) > 0
    assert rate.is_silent(NOW + 11_000)
    assert rate.measure(NOW + 11_000) == 0


def test_bucket_begins_full_and_may_be_emptied_at_once() -> None:
    bucket = TokenBucket(WINDOW)
    assert bucket.throttle_ms(2.0, NOW) == 0
    bucket.record(22, 2.0, NOW)  # a whole window's worth
    assert bucket.throttle_ms(2.0, NOW) == 0
    bucket.record(5, 2.0, NOW)
    assert bucket.throttle_ms(2.0, NOW) == 2500
    assert bucket.throttle_ms(2.0, NOW + 2000) == 500
    assert bucket.throttle_ms(2.0, NOW + 2500) == 0
