"""The bench's programs in Quix Streams: `python with_quix.py JOB`, in a venv that has it."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Sum


def event_time(value: dict[str, Any], *_: object) -> int:
    return round(datetime.fromisoformat(value["timestamp"]).timestamp() * 1000)


def with_number(value: dict[str, Any]) -> dict[str, Any]:
    return {"category": value["category"], "amount": float(value["amount"])}


def in_cents(value: dict[str, Any], factor: int = 1) -> dict[str, Any]:
    return {"category": value["category"], "cents": round(float(value["amount"]) * 100) * factor}


def row(value: dict[str, Any], key: Any, *_: object) -> dict[str, Any]:
    key = key.decode() if isinstance(key, bytes) else key
    return {"category": key, "window_start": value["start"]} | {
        name: value[name] for name in ("revenue", "orders")
    }


def main(job: dict[str, Any]) -> None:
    app = Application(
        broker_address=job["address"],
        consumer_group=job["group"],
        auto_offset_reset="earliest",
        commit_interval=job["checkpoint_ms"] / 1000,
        processing_guarantee=job["guarantee"].replace("_", "-"),
        state_dir=job["folder"],
        loglevel="WARNING",
    )
    sales = app.topic(job["input"], key_deserializer="str", timestamp_extractor=event_time)
    out = app.topic(job["output"])
    frame = app.dataframe(sales)
    if job["work"] == "sum":
        if not job["keyed"]:
            frame = frame.group_by("category")
        frame = (
            frame.apply(with_number)
            .tumbling_window(timedelta(minutes=1), grace_ms=timedelta(seconds=10))
            .agg(revenue=Sum("amount"), orders=Count())
            .final(closing_strategy="partition")
            .apply(row, metadata=True)
        )
    elif job["work"] == "map":
        frame = frame.apply(in_cents)
    else:
        factors = app.dataframe(app.topic(job["table"], key_deserializer="str"))
        frame = frame.join_asof(
            factors,
            on_merge=lambda sale, found: in_cents(sale, found["factor"]),
            grace_ms=timedelta(days=365),
        )
    frame.to_topic(out)
    app.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
