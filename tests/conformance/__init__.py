"""One suite, two brokers: every request goes to Apache Kafka 4.3.1 and to ours, and the answers are
compared field by field.

    def test_a_topic_is_created_once(both: Both) -> None:
        topic = both.topic()
        both.ask(CreateTopicsRequest(topics=[CreatableTopic(name=topic)]))

A difference fails the story, unless it is an entry of differences.toml, the one list of what we
answer otherwise on purpose, with the reason and the story that fails when the entry is no longer
needed. docs/compatibility.md is made from it (`make docs`).

| file | what it answers |
|---|---|
| `both.py` | how two brokers are asked as one |
| `compare.py` | when two answers are the same: ids, times and addresses are each broker's own |
| `ignored.py` | what is a difference on purpose |
| `brokers.py` | how the two are started, and with which configs |
"""
