"""Streams of typed records on any Kafka: declared as verbs, run as batches, right by event time.

`App` is where a program begins. What is promised, sentence by sentence: docs/streams/promises.md.
"""
