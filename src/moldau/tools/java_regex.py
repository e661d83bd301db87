"""Regular expressions as Java reads them, for what people type on a command line."""

from __future__ import annotations

import re


class BadRegex(ValueError):
    """The expression cannot be read; the text is Python's reason."""


def compile_java(text: str) -> re.Pattern[str]:
    """Java and Python agree on nearly all of the syntax; `(?<name>` and `\\z` are translated.

    Raises BadRegex.
    """
    translated = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", text).replace(r"\z", r"\Z")
    try:
        return re.compile(translated)
    except re.error as error:
        raise BadRegex(str(error)) from None


def topic_filter(text: str) -> re.Pattern[str]:
    """The topics that `--topic` means in most tools: commas stand for `|`, blanks are dropped,
    and so are quotes at both ends (Apache Kafka: TopicFilter). Match it against whole names.

    Raises BadRegex with Kafka's sentence.
    """
    plain = text.strip().replace(",", "|").replace(" ", "")
    plain = plain.lstrip("\"'").rstrip("\"'")
    try:
        return compile_java(plain)
    except BadRegex:
        raise BadRegex(f"{plain} is an invalid regex.") from None
