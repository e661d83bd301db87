"""The map of offsets, against a list of all pairs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moldau.tools.mirror.offset_map import Break, OffsetMap

GAPS = st.lists(st.sampled_from([0, 0, 0, 1, 5]), max_size=40)


def filled(base: int, gaps: list[int], pieces: list[int]) -> tuple[OffsetMap, list[int]]:
    """A map of records with these gaps before them, filled in windows of these sizes."""
    sources: list[int] = []
    at = 10
    for gap in gaps:
        at += gap + 1
        sources.append(at)
    offsets = OffsetMap(base)
    done = 0
    for size in [*pieces, len(sources)]:
        window = sources[done : done + size]
        breaks: list[Break] = [
            (i, s) for i, s in enumerate(window) if i == 0 or s != window[i - 1] + 1
        ]
        if window:
            offsets.extend(len(window), breaks)
        done += len(window)
    return offsets, sources


@given(GAPS, st.lists(st.integers(1, 9), max_size=8), st.integers(0, 100))
def test_every_offset_both_ways(gaps: list[int], pieces: list[int], base: int) -> None:
    offsets, sources = filled(base, gaps, pieces)
    assert offsets.end == base + len(sources)
    assert [offsets.source_of(base + i) for i in range(len(sources))] == sources
    asked = range(5, (sources[-1] if sources else 10) + 5)
    for source in asked:
        following = [i for i, s in enumerate(sources) if s >= source]
        expected = base + following[0] if following else offsets.end
        assert offsets.target_of(source) == expected
    assert offsets.targets_of(asked) == [
        base + sources.index(source) if source in sources else -1 for source in asked
    ]
    assert offsets.next_source == (sources[-1] + 1 if sources else -1)


@given(GAPS, st.data())
def test_cut_and_filled_again(gaps: list[int], data: st.DataObject) -> None:
    offsets, sources = filled(0, gaps, [3])
    keep = data.draw(st.integers(0, len(sources)))
    offsets.cut(keep)
    assert [offsets.source_of(i) for i in range(keep)] == sources[:keep]
    for source in sources[keep:]:
        offsets.extend(1, [(0, source)])
    assert [offsets.source_of(i) for i in range(len(sources))] == sources
