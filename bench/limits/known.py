"""What is known to be slow or large, and not mended yet."""

KNOWN = """\
## Known limits

- One request is answered in one go, by one thread, and whoever else asks waits meanwhile: the
  creation of 1,000 partitions, Metadata of 10,000 (made anew for each who asks), or the first
  record into hundreds of partitions at once, which makes their files. On a busy machine that was
  over a second. Smaller requests take shorter turns.
- Connections that come faster than they are taken wait in the kernel, at most
  `socket.listen.backlog.size` of them (50, as in Kafka); those beyond are tried again by the
  client's kernel after a second, then two. Who expects thousands at once sets it higher: both are
  measured above.
- At its limit of connections the broker can only close the new one, as Kafka does: the protocol
  has no word for it before a request. The reason is in its log.
- After kill -9 what lies behind the last checkpoint is read again (a checkpoint is written every
  `log.flush.offset.checkpoint.interval.ms`, a minute). Without a checkpoint that is everything, and
  nobody is served until it is read.
- The mixed load was run for minutes, not for an hour, on a machine that others used too. Growth
  that is smaller than the difference between the thirds cannot be told from none.
"""
