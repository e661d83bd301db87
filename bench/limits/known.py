"""What is known to be slow or large, and not mended yet."""

KNOWN = """\
## Known limits

- The mixed load was run for minutes, not for an hour: growth by less than what the figures of the
  thirds differ is not excluded.
"""
