"""`moldau mirror`: the command. The work is in `run`, imported when the options are known."""

from __future__ import annotations

from moldau.tools.cli_frame import guarded
from moldau.tools.mirror.options import options, parsed


def main(argv: list[str]) -> int:
    arguments = options().parse_args(argv)

    def body() -> int:
        from moldau.tools.cli_frame import Failure
        from moldau.tools.mirror.failure import MirrorError
        from moldau.tools.mirror.run import mirror

        try:
            return mirror(parsed(arguments))
        except MirrorError as error:
            raise Failure(str(error)) from None

    return guarded("mirror", body)
