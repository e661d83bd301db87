# mypy: disable-error-code="misc,call-arg,assignment,arg-type"
"""Records, as Faust's documentation of models shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

import moldau.faust as faust
from moldau.faust.models import fields


class Asset(faust.Record):
    url: str
    type: str


class Image(Asset):
    type = "image"


class Video(Asset):
    runtime_s: float
    type = "video"


class Choice(fields.FieldDescriptor[str]):
    def __init__(self, choices: list[str], **options: Any) -> None:
        self.choices = choices
        super().__init__(choices=choices, **options)

    def validate(self, value: Any) -> Any:
        if value not in self.choices:
            yield self.validation_error(f"{self.field} must be one of {', '.join(self.choices)}")


class Article(faust.Record, isodates=True):
    at: datetime
    by_name: Mapping[str, Asset]
    assets: list[Asset]
    side: str = Choice(["SELL", "BUY"], default="BUY")
    location: str = fields.StringField(default="query", input_name="in")
    secret: str = fields.StringField(default="s", exclude=True)
    later: datetime = None


class Person(faust.Record, validation=True):
    age: int = fields.IntegerField(min_value=18, max_value=99)
    name: str


def test_records_are_as_in_the_documentation() -> None:
    article = Article.loads(
        b'{"at": "2026-01-01T00:00:00Z", "assets": [{"url": "u", "type": "x"}], "in": "path", '
        b'"by_name": {}, "later": null, "unknown": 1}'
    )
    assert article.at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (article.assets[0].url, article.location, article.later) == ("u", "path", None)
    many = Article(
        article.at, {"a": Image("i")}, [Video("v", runtime_s=1.5), Image("i")], secret="hush"
    )
    again = Article.loads(many.dumps())
    assert [type(one) for one in again.assets] == [Video, Image]
    assert (again.assets[0].type, again.by_name["a"].type) == ("video", "image")
    assert (again.secret, "secret" in many.asdict(), many.secret) == ("s", False, "hush")
    assert many.to_representation()["in"] == "query"
    (error,) = Article(article.at, {}, [], side="LEFT").validate()
    assert str(error) == "side must be one of SELL, BUY"
    assert Person(20, "Ann") == Person(age=20, name="Ann")
    assert repr(Person(20, "Ann")) == "<Person: age=20, name='Ann'>"
    for age, said in ((17, "age must be at least 18"), ("foo", "Person.age")):
        with pytest.raises(faust.ValidationError, match=said):
            Person(age, "Ann")
