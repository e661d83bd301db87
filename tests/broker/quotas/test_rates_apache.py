"""Our rates and token buckets beside Apache Kafka's own classes (tests/java/Rates.java)."""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Iterator

import pytest

from moldau.broker.quotas.rates import Rate, TokenBucket, Window
from tests.apache_kafka import Java

pytestmark = pytest.mark.apache


@pytest.fixture(scope="module")
def java() -> Iterator[Java]:
    flags = ("-Xmx64M", "-XX:+UseSerialGC")
    with Java("Rates", [], flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


@pytest.mark.parametrize("seed", range(20))
def test_measured_alike(java: Java, seed: int) -> None:
    assert java.stdin is not None
    assert java.stdout is not None
    dice = random.Random(seed)
    window = Window(dice.choice([1, 2, 11]), dice.choice([1, 2, 5]) * 1000)
    limit = dice.choice([0.5, 1.0, 1000.0, 1e6])
    rate, bucket = Rate(window), TokenBucket(window)
    java.stdin.write(f"new {window.samples} {window.ms // 1000} {limit}\n".encode())
    now = 1_700_000_000_000
    for step in range(200):
        now += dice.choice([0, 1, 7, 300, 1000, 1001, 4999, 60_000])
        value = float(dice.choice([1, 17, 4096, -17, 1_000_000]))
        rate.record(value, now)
        bucket.record(value, limit, now)
        java.stdin.write(f"{now} {value}\n".encode())
        java.stdin.flush()
        measured, length, tokens = java.stdout.readline().split()
        assert math.isclose(rate.measure(now), float(measured), abs_tol=1e-6), step
        assert rate.length_ms(now) == int(length), step
        # Kafka lets a wait that no answer can say overflow; ours ends there.
        debt = min(max(-float(tokens) / limit * 1000, 0), 2**31 - 1)
        assert bucket.throttle_ms(limit, now) == pytest.approx(debt, abs=0.6, rel=1e-6), step
