"""The entry point: the one place that sees both wings."""

import sys


def main() -> int:
    return 0


if __name__ == "__main__":
    sys.exit(main())
