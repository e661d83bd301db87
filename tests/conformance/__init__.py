"""One suite, two brokers: every request goes to Apache Kafka 4.3.1 and to ours, and the answers are
compared field by field.

    def test_a_topic_is_created_once(both: Both) -> None:
        topic = both.topic()
        both.ask("CreateTopics", topics=[{"name": topic}])

A difference fails the story, unless it is an entry of differences.toml, the one list of what we
answer otherwise on purpose, with the reason and the story that fails when the entry is no longer
needed. docs/compatibility.md is made from it (`make docs`).

| file | what it answers |
|---|---|
| `both.py` | how two brokers are asked as one |
| `compare.py` | when two answers are the same: ids, times and addresses are each broker's own |
| `ignored.py` | what is a difference on purpose |
| `requests.py` | how a request is spoken of |
| `transcript.py`, `groups/` | stories of groups that people can read, told without Java too |
| `faults.py` | what can be wrong with a request, alone and together |
| `fuzz/` | random sequences; what they find becomes a story |
| `relay.py` | how a difference is planted, to show that it is found |
| `kafka_python.py` | that client's own tests |
| `brokers.py` | with which configs the two are started |
"""
