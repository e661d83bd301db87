"""State on disk: equal to the whole changelog at any cut, whole after any end, noticed when it is
damaged."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moldau.streams.engine.coding import encode
from moldau.streams.engine.state import MARKER, State
from moldau.streams.engine.state_store import Stamp
from moldau.streams.errors import StreamsError
from moldau.streams.running import local_store as module
from moldau.streams.running.file_sum import beside
from moldau.streams.running.local_store import FILE, DamagedError, LocalStore, remove_files
from moldau.streams.running.state_folders import WANTED, StateFolders, remove_all
from tests.drawn import share
from tests.streams.sales import revenue

Record = tuple[int, bytes, bytes | None]
KEYS = [b"a\0x", b"a\0y", b"a\0", b"b\0x", b"b\0\xff\xff"]
changes = st.tuples(st.sampled_from(KEYS), st.none() | st.binary(max_size=4))
markers = st.integers(0, 9).map(lambda n: (MARKER, encode({"watermark": n})))
changelogs = st.lists(changes | changes | markers, max_size=40).map(
    lambda records: [(n * 2, *record) for n, record in enumerate(records)]
)


def whole(records: list[Record]) -> State:
    state = State()
    state.take(records)
    return state


def seen(state: State) -> list[object]:
    """All that can be asked of it."""
    tables = [list(state.store.items(name)) for name in (b"a\0", b"b\0")]
    marker = state.begin()
    return [tables, marker, sorted(state.save()), state.store.stamp, state.watermark]


@settings(max_examples=share(60), deadline=None)
@given(changelogs, st.lists(st.integers(0, 40), max_size=4), st.booleans())
def test_promise_08_a_store_and_the_tail_are_the_whole_changelog_at_any_cut(
    changelog: list[Record], cuts: list[int], is_closed: bool
) -> None:
    """Read piece by piece, each time by another process, which was killed or not."""
    with tempfile.TemporaryDirectory() as folder:
        for cut in [*sorted(one for one in cuts if one < len(changelog)), len(changelog)]:
            store = LocalStore(Path(folder), "topic")
            state = State(store)
            begin = store.stamp.offset if store.stamp else 0
            state.take([one for one in changelog[:cut] if one[0] >= begin])
            if cut == len(changelog):
                assert seen(state) == seen(whole(changelog))
            if is_closed:
                store.close()
            else:  # what was gathered is gone
                store._db.close()


def test_what_is_committed_is_what_is_found_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "topic")
    store.write({b"a\0x": b"1", b"a\0y": b"2", b"b\0x": b"3"}, Stamp(4, b"m"))
    store.flush()
    store.write({b"a\0x": None, b"a\0z": b"4"}, Stamp(7, b"n"))
    assert [store.get(key) for key in (b"a\0x", b"a\0y", b"a\0z", b"q")] == [None, b"2", b"4", None]
    assert store.get_many([b"a\0x", b"a\0y", b"a\0z", b"q"]) == {b"a\0y": b"2", b"a\0z": b"4"}
    store.close()
    again = LocalStore(tmp_path, "topic")
    assert again.stamp == Stamp(7, b"n")
    assert list(again.items(b"a\0")) == [(b"a\0y", b"2"), (b"a\0z", b"4")]
    again.close()


def test_a_scan_of_many_goes_on_where_it_was_while_they_change(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "topic")
    keys = [b"a\0%05d" % number for number in range(2500)]
    store.write(dict.fromkeys(keys, b"1"), Stamp(1, b"m"))
    found = []
    for key, _ in store.items(b"a\0"):
        found.append(key)
        store.write({key: None}, Stamp(2, b"m"))
        store.flush()
    assert found == keys
    assert list(store.items(b"a\0")) == []
    store.close()


def test_a_changelog_that_was_deleted_and_made_anew_is_another(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "topic")
    store.write({b"a\0x": b"1"}, Stamp(4, b"m"))
    store.close()
    again = LocalStore(tmp_path, "of the same name")
    assert again.stamp is None
    assert again.get(b"a\0x") is None
    again.close()


ROWS = {b"a\0%05d" % n: b"value %d" % n for n in range(5000)}


def filled(folder: Path) -> Path:
    """Its file."""
    store = LocalStore(folder, "topic")
    store.write(ROWS, Stamp(4, b"m"))
    store.close()
    return folder / FILE


def test_damage_is_noticed_a_changed_byte_and_a_changed_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKED_THROUGH", 0)  # as if there were much more

    def kept(name: str) -> Path:
        """As kill -9 leaves it."""
        path = filled(tmp_path / name)
        beside(path).unlink()
        return path

    byte = kept("byte")
    byte.write_bytes(byte.read_bytes().replace(b"value 4321", b"value 4331"))
    store = LocalStore(byte.parent, "topic")
    with pytest.raises(DamagedError, match=r"byte: the state there is damaged: .*checksum"):
        list(store.items(b"a\0"))
    store.close()
    page = kept("page")
    data = bytearray(page.read_bytes())
    at = len(data) // 2 // 4096 * 4096
    data[at : at + 4096] = bytes(4096)
    page.write_bytes(data)
    store = LocalStore(page.parent, "topic")
    with pytest.raises(DamagedError, match="the state there is damaged: database disk image is"):
        list(store.items(b"a\0"))
    store.close()
    head = kept("head")
    head.write_bytes(b"nonsense" * 1000)
    with pytest.raises(DamagedError, match="the state there is damaged: file is not a database"):
        LocalStore(head.parent, "topic")


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """One byte of it is another, or one page is nothing, or another page, or what is behind it is
    gone."""
    data, page = bytearray(content), 4096
    at, other = (chance.randrange(1, len(data) // page) * page for _ in range(2))
    match chance.randrange(5):
        case 0 | 1:
            data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        case 2:
            data[at : at + 512] = bytes(512)
        case 3:
            data[at : at + page], data[other : other + page] = (
                data[other : other + page],
                data[at : at + page],
            )
        case 4:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("is_killed", [False, True])
def test_no_damage_takes_a_row_away(tmp_path: Path, is_killed: bool) -> None:
    """Whatever has become of the file: all is there, or it is thrown away."""
    path = filled(tmp_path)
    content, told = path.read_bytes(), beside(path).read_text()
    refused = 0
    for seed in range(share(90)):
        made = spoilt(content, random.Random(seed))
        remove_files(tmp_path)
        path.write_bytes(made)
        if not is_killed:
            beside(path).write_text(told)
        try:
            store = LocalStore(tmp_path, "topic")
        except DamagedError:
            refused += 1
            continue
        if store.stamp is not None:  # else it holds nothing, which is restored
            assert store.stamp == Stamp(4, b"m"), seed
            assert store.get_many(ROWS) == ROWS, seed
        store._db.close()
    assert refused > share(60)


def test_what_was_written_behind_a_checksum_is_no_damage(tmp_path: Path) -> None:
    """A process that was killed leaves none of an earlier end."""
    path = filled(tmp_path)
    store = LocalStore(tmp_path, "topic")
    assert not beside(path).exists()
    store.write({b"a\0x": b"1"}, Stamp(9, b"n"))
    store.flush()
    store._db.close()
    again = LocalStore(tmp_path, "topic")
    assert (again.stamp, again.get(b"a\0x")) == (Stamp(9, b"n"), b"1")
    again.close()
    assert beside(path).exists()


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "topic")
    store.write({b"a\0x": b"1"}, Stamp(4, b"m"))
    store.flush()
    store.write({b"a\0x": b"2", b"a\0y": "no bytes"}, Stamp(9, b"n"))  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        store.flush()
    store._db.close()
    again = LocalStore(tmp_path, "topic")
    assert (again.stamp, again.get(b"a\0x")) == (Stamp(4, b"m"), b"1")
    again.close()


def test_a_disk_that_takes_no_more_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, "topic")
    store._db.execute("pragma max_page_count = 10")
    store.write({b"a\0%d" % n: bytes(1000) for n in range(100)}, Stamp(4, b"m"))
    with pytest.raises(StreamsError, match=f"{tmp_path}: state cannot be kept: .*full"):
        store.flush()
    store._db.close()
    assert not isinstance(sqlite3.OperationalError(), DamagedError)


def test_a_folder_is_one_process_s_and_who_waits_gets_another(tmp_path: Path) -> None:
    app = revenue(state_dir=tmp_path)
    one, other = StateFolders(app), StateFolders(app)
    held = one.taken("agg-1", 3)
    assert held is not None
    assert held.path == tmp_path / "revenue" / "agg-1-3"
    assert other.taken("agg-1", 3) is None
    beside = other.another("agg-1", 3)
    assert beside.path.name == "agg-1-3.2"
    held.release()
    again = other.taken("agg-1", 3)
    assert again is not None
    other.tidy("agg-1", 3)
    assert beside.path.exists()  # somebody has it
    beside.release()
    other.tidy("agg-1", 3)
    assert not beside.path.exists()
    again.release()
    assert remove_all(app)
    assert not remove_all(app)


def test_a_file_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    folders = StateFolders(revenue(state_dir=tmp_path))
    (tmp_path / "revenue" / "agg-1-3" / WANTED).mkdir(parents=True)
    with pytest.raises(StreamsError, match="agg-1-3: state cannot be kept there: Is a directory"):
        folders.taken("agg-1", 3)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folders = StateFolders(revenue(state_dir=tmp_path / "file"))
    with pytest.raises(StreamsError, match=r"file/revenue.*name another folder in App\(state_dir"):
        folders.taken("agg-1", 3)
