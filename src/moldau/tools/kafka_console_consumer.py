"""kafka-console-consumer: records to stdout.

Apache Kafka: org.apache.kafka.tools.consumer.ConsoleConsumer, 4.3.1. As there, a consumer that
ends because nothing came (--timeout-ms), or because it may not read, ends with exit code 0.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, NoReturn

from moldau.client.errors import BadSettings
from moldau.tools.formatters import DEFAULT, Formatter, formatter
from moldau.tools.frame import (
    Stop,
    Tool,
    key_values,
    load_properties,
    no_such_file,
    notice_of,
    run,
)
from moldau.tools.options import BadOption, Option, Parsed, Parser

_FORMATTER_HELP = (
    "How records are shown, as name=value, more than one by repetition:\n"
    " print.timestamp=true|false\n print.key=true|false\n print.offset=true|false\n"
    " print.epoch=true|false\n print.partition=true|false\n print.headers=true|false\n"
    " print.value=true|false\n key.separator=<key.separator>\n"
    " line.separator=<line.separator>\n headers.separator=<headers.separator>\n"
    " null.literal=<null.literal>\n key.deserializer=<key.deserializer>\n"
    " value.deserializer=<value.deserializer>\n headers.deserializer=<headers.deserializer>"
)
_REPLACED = {"consumer-property": "command-property", "consumer.config": "command-config"}
EARLIEST = -2
LATEST = -1

TOOL = Tool(
    "kafka-console-consumer",
    "This tool helps to read data from Kafka topics and outputs it to standard output.",
    Parser(
        Option("topic", "The topic to consume.", "String", "topic"),
        Option(
            "include",
            "The topics to consume, by a regular expression.",
            "String",
            "Java regex (String)",
        ),
        Option(
            "partition",
            "The one partition to consume, from its end unless --offset says otherwise.",
            "Integer",
            "partition",
        ),
        Option(
            "offset",
            "Where to begin: an offset, 'earliest' or 'latest'.",
            "String",
            "consume offset",
            "latest",
        ),
        Option(
            "consumer-property", "(DEPRECATED) Use --command-property.", "String", "consumer_prop"
        ),
        Option("command-property", "A consumer config, as name=value.", "String", "consumer_prop"),
        Option("consumer.config", "(DEPRECATED) Use --command-config.", "String", "config file"),
        Option("command-config", "Consumer configs, from a file.", "String", "config file"),
        Option("formatter", "How to show records.", "String", "class", DEFAULT),
        Option("property", "(DEPRECATED) Use --formatter-property.", "String", "prop"),
        Option("formatter-property", _FORMATTER_HELP, "String", "prop"),
        Option("formatter-config", "Formatter properties, from a file.", "String", "config file"),
        Option("from-beginning", "Without a committed offset, begin with the oldest record."),
        Option("max-messages", "End after so many records.", "Integer", "num_messages"),
        Option("timeout-ms", "End when nothing came for so long.", "Long", "timeout_ms"),
        Option("skip-message-on-error", "Pass over records that cannot be shown."),
        Option("bootstrap-server", "REQUIRED: Brokers to ask.", "String", "server to connect to"),
        Option("key-deserializer", "The type of keys.", "String", "deserializer for keys"),
        Option("value-deserializer", "The type of values.", "String", "deserializer for values"),
        Option("enable-systest-events", "Also tell of the end on stdout."),
        Option(
            "isolation-level",
            "read_committed to pass over what was not committed.",
            "String",
            default="read_uncommitted",
        ),
        Option("group", "The consumer group.", "String", "consumer group id"),
    ),
)


def script() -> NoReturn:
    run(main)


def main(argv: list[str]) -> int:
    try:
        options = TOOL.parse(argv)
    except BadOption as error:
        TOOL.usage(str(error), TOOL.bad_option(error))
    try:
        _check(options)
        properties = _consumer_properties(options)
        start = _start_offset(options)
        timeout_ms = options.number("timeout-ms")
        shown = _formatter(options)
    except BadOption as error:
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except OSError as error:
        wrong = no_such_file(error)
        TOOL.refuse(wrong.message, wrong.advice)
    except ValueError as error:
        raise Stop(f"{TOOL.name}: {error}") from None
    return _consume(options, properties, start, timeout_ms, shown)


def _consume(
    options: Parsed,
    properties: Properties,
    start: int,
    timeout_ms: int | None,
    shown: Formatter,
) -> int:
    from moldau.tools.console_reader import ConsoleReader

    sys.stdout.flush()
    if properties.tool["group.id"] == "":
        raise Stop(f"{TOOL.name}: The name of a group cannot be empty: leave out --group.")
    try:
        reader = ConsoleReader(
            properties.typed,
            properties.tool,
            notice_of(TOOL.name),
            is_new_group=properties.is_new_group,
        )
    except BadSettings as error:
        raise Stop(f"{TOOL.name}: {error}") from None
    try:
        _choose_what(reader, options, start)
    except BadOption as error:
        reader.close()
        TOOL.refuse(str(error), TOOL.bad_option(error))
    except (BadSettings, ValueError) as error:
        reader.close()
        raise Stop(f"{TOOL.name}: {error}") from None
    try:
        code = _read(reader, options, timeout_ms, shown)
    except BadOption as error:
        reader.close()
        raise Stop(*_count(reader), f"{TOOL.name}: {TOOL.bad_option(error)}") from None
    finally:
        if options.has("enable-systest-events"):
            print("shutdown_complete", flush=True)
    raise Stop(*_count(reader), code=code)


def _read(reader: Any, options: Parsed, timeout_ms: int | None, shown: Formatter) -> int:
    """The exit code. Raises BadOption."""
    limit = options.number("max-messages")
    code: int = reader.run(
        shown,
        None if limit in (None, -1) else limit,
        None if timeout_ms is None or timeout_ms < 0 else timeout_ms,
        options.has("skip-message-on-error"),
    )
    return code


def _count(reader: Any) -> tuple[str, ...]:
    return (f"Processed a total of {reader.count} messages",)


def _choose_what(reader: Any, options: Parsed, start: int) -> None:
    topic, partition = options.value("topic"), options.number("partition")
    if topic is None:
        reader.include(options.value("include"))
    elif partition is None:
        reader.subscribe(topic)
    else:
        reader.assign(topic, partition, start)


# --- the command line


def _check(options: Parsed) -> None:
    if options.has("topic") == options.has("include"):
        TOOL.usage(
            "Exactly one of the following arguments is required: [topic], [include]",
            "Add --topic NAME, or --include REGEX for several topics.",
        )
    if options.number("partition") is not None:
        if not options.has("topic"):
            TOOL.usage(
                "The topic is required when partition is specified.", "Use --topic, not --include."
            )
        if options.has("from-beginning") and options.has("offset"):
            TOOL.usage(
                "Options from-beginning and offset cannot be specified together.",
                "Leave out --from-beginning or --offset.",
            )
    elif options.has("offset"):
        TOOL.usage("The partition is required when offset is specified.", "Add --partition N.")
    TOOL.require(options, "bootstrap-server")
    for old, new in _REPLACED.items():
        if options.has(old) and options.has(new):
            TOOL.usage(
                f"Options --{old} and --{new} cannot be specified together.",
                f"Use --{new} for both.",
            )
    for old in _REPLACED:
        _tell_replaced(options, old, _REPLACED[old])


def _tell_replaced(options: Parsed, old: str, new: str) -> None:
    if options.has(old):
        print(
            f"Option --{old} is deprecated and will be removed in a future version. "
            f"Use --{new} instead."
        )


def _current(options: Parsed, new: str, old: str) -> str:
    return old if options.has(old) else new


class Properties(NamedTuple):
    """What the user typed, and what stands below or above it, by Java's names. Nobody has committed
    anything for a group that is new."""

    typed: dict[str, str]
    tool: dict[str, str]
    is_new_group: bool


def _consumer_properties(options: Parsed) -> Properties:
    path = options.value(_current(options, "command-config", "consumer.config"))
    from_file = load_properties(path) if path else {}
    extra = key_values(options.values(_current(options, "command-property", "consumer-property")))
    group = _group_id(options, from_file, extra)
    typed = {**from_file, **extra}
    reset = typed.get("auto.offset.reset")
    wanted = "earliest" if options.has("from-beginning") else "latest"
    if reset is not None and options.has("from-beginning") and reset != "earliest":
        raise Stop(
            f"Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', "
            "please remove one option",
            f"{TOOL.name}: Leave out --from-beginning or auto.offset.reset.",
        )
    tools = {
        "auto.offset.reset": reset or wanted,
        "client.id": typed.get("client.id", "console-consumer"),
        "bootstrap.servers": options.value("bootstrap-server") or "",
        "enable.auto.commit": typed.get("enable.auto.commit", "false" if group is None else "true"),
        "group.id": _generated_group() if group is None else group,
    }
    level = options.value("isolation-level") or ""
    if options.has("isolation-level") or "isolation.level" not in typed:
        tools["isolation.level"] = level
    others = {name: typed[name] for name in typed if name not in tools}
    return Properties(others, tools, group is None)


def _generated_group() -> str:
    import random

    return f"console-consumer-{random.randrange(100_000)}"


def _group_id(options: Parsed, from_file: dict[str, str], extra: dict[str, str]) -> str | None:
    given = [options.value("group"), from_file.get("group.id"), extra.get("group.id")]
    groups = list(dict.fromkeys(group for group in given if group is not None))
    if len(groups) > 1:
        listed = ", ".join(f"'{group}'" for group in groups)
        TOOL.usage(
            "The group ids provided in different places (directly using '--group', via "
            "'--consumer-property', or via '--consumer.config') do not match. "
            f"Detected group ids: {listed}",
            "Name the group once, with --group.",
        )
    if groups and options.has("partition"):
        TOOL.usage(
            "Options group and partition cannot be specified together.",
            "Leave out --group or --partition: a group shares the partitions out by itself.",
        )
    return groups[0] if groups else None


def _start_offset(options: Parsed) -> int:
    text = options.value("offset") if options.has("offset") else None
    if text is None:
        return EARLIEST if options.has("from-beginning") else LATEST
    known = {"earliest": EARLIEST, "latest": LATEST}.get(text.lower())
    if known is not None:
        return known
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and int(digits) < 1 << 63):
        TOOL.usage(
            f"The provided offset value '{text}' is incorrect. Valid values are 'earliest', "
            "'latest', or a non-negative long.",
            "Use one of them.",
        )
    return int(digits)


def _formatter(options: Parsed) -> Formatter:
    class_name = options.value("formatter") or ""
    if formatter(class_name, {}, lambda _: None) is None:
        TOOL.usage(
            class_name,
            f"There is no formatter {class_name} here; leave out --formatter, or name one of "
            "org.apache.kafka.tools.consumer: Default, Logging, NoOp, Offsets, "
            "GroupMetadata (…MessageFormatter).",
        )
    if options.has("formatter-property") and options.has("property"):
        TOOL.usage(
            "Options --property and --formatter-property cannot be specified together.",
            "Use --formatter-property for both.",
        )
    _tell_replaced(options, "property", "formatter-property")
    path = options.value("formatter-config")
    properties = load_properties(path) if path else {}
    for side in ("key", "value"):
        given = options.value(f"{side}-deserializer")
        if given:
            properties[f"{side}.deserializer"] = given
    properties |= key_values(options.values(_current(options, "formatter-property", "property")))
    found = formatter(class_name, properties, notice_of(TOOL.name))
    assert found is not None
    return found
