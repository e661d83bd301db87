"""Programs of streams whose workers, and brokers, are killed; the verdict is read from the topics.

Kafka Streams' own end-to-end test (EosTestDriver and SmokeTestDriver of Apache Kafka) told again:
`program.py` is what runs, `generator.py` what it reads, `fleet.py` who runs it, `fates.py` what
befalls them, `verdict.py` reads everything again, committed, and computes it anew.

MOLDAU_KILLS=100 makes the tests as long as that; MOLDAU_SEED repeats a run's chances.
"""
