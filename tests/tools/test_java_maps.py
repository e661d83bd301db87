"""The order of Java's hash maps; the expected ones are what Java 17 printed."""

from __future__ import annotations

from moldau.tools.java_maps import hash_order, partition_hash, string_hash


def test_hashes_are_java_s() -> None:
    assert string_hash("") == 0
    assert string_hash("orders") == 0xC3DF62E5
    assert string_hash("dobré ráno ✓") == 0x12FD01D5
    assert partition_hash(("a", 0)) == 1058


def test_order_of_strings() -> None:
    names = [f"topic-{i}" for i in range(20)]
    numbers = [6, 7, 8, 9, 0, 1, 2, 3, 10, 4, 11, 5, *range(12, 20)]
    assert hash_order(names, string_hash) == [f"topic-{i}" for i in numbers]
    assert hash_order(["b", "a", "c", "zz"], string_hash, 3) == ["zz", "a", "b", "c"]
