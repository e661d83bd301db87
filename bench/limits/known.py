"""What is known to be slow or large, and not mended yet."""

KNOWN = """\
## Known limits

- One request is answered in one go, by one thread, and whoever else asks waits meanwhile. The
  longest ones: the first record into hundreds of partitions at once, which makes their files; the
  creation of 1,000 partitions; the deletion of 10,000. On a busy machine or disk these were over a
  second. Smaller requests take shorter turns. Of partitions that are created twenty-five are opened
  at once, the others when somebody asks for them, or else in small groups between the requests of
  others. Who asks for more than twenty-five that are not open is told to ask again for the rest,
  which clients do by themselves.
- A large Metadata answer is made once, and kept until a topic changes: up to 8 of them, for each
  address and version that clients come by.
- ext4 looks again and again at files that were removed in the last minute: making 10,000 partitions
  just after as many were deleted took three times as much of the processor, in the system.
- Connections that come faster than they are taken wait in the kernel: as many as the system allows
  (`net.core.somaxconn`), or `socket.listen.backlog.size` where that is set. Those beyond are tried
  again by the client's kernel after a second, then two: with Kafka's 50, thousands at once take
  more than half a minute, measured above.
- At its limit of connections the broker can only close the new one, as Kafka does: the protocol
  has no word for it before a request. The reason is in its log. Where the system itself has no
  descriptor left, new connections wait; that is said once, and looked at twice a second.
- After kill -9 what lies behind the last checkpoint is read again (a checkpoint is written every
  `log.flush.offset.checkpoint.interval.ms`, a minute). Without a checkpoint that is everything, and
  nobody is served until it is read. All logs are opened before anybody is served, a quarter of a
  millisecond each.
- In the mixed load topics that were deleted come back where `auto.create.topics.enable` is left on:
  five minutes later their producer asks for them again, and the broker makes them anew, as Kafka
  does. Memory and open files grow with them.
- With librdkafka's heartbeats every 3 s the same hour had a flat p50 (7.6, 7.7, 7.8 ms by thirds)
  and a p90 that rose (15, 28, 57 ms): members that joined together send their heartbeats together
  at first, and hear of a rebalance at once; later they do not, and more records meet one. Hence
  the 500 ms above.
- Beside the hour above nothing ran but an editor, and at idle priority a linter and five short
  tests. Busy neighbours on the same two cores show in the p90 and not in the records: 39.7 ms in
  the last third of an hour in which two test suites ran there.
"""
