"""Watch how far a consumer group is behind, with the tool that comes with every Kafka.

Runs `kafka-consumer-groups --describe` again and again: CURRENT-OFFSET is what the group has
committed, LOG-END-OFFSET what there is, LAG the difference, CONSUMER-ID who works on it.

    python watch_lag.py --group workers        # while group_member.py runs
"""

import argparse
import subprocess
import sys
import time


def main() -> int:
    arguments = parse_arguments()
    command = [
        arguments.tool,
        "--bootstrap-server",
        arguments.bootstrap_server,
        "--describe",
        "--group",
        arguments.group,
    ]
    try:
        while True:
            table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(table, flush=True)
            lag = total_lag(table)
            print(f"total lag {'unknown' if lag is None else lag}", flush=True)
            if arguments.until_done and lag == 0:
                return 0
            time.sleep(arguments.every)
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    except FileNotFoundError:
        print(
            f"{arguments.tool} is not on the path: `pip install moldau` brings it", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 0


def total_lag(table: str) -> int | None:
    """The sum of the LAG column; None while a partition has no commit, shown as '-'."""
    rows = [line.split() for line in table.splitlines() if line.strip()]
    head = next((row for row in rows if "LAG" in row), None)
    if head is None:
        return None
    column = head.index("LAG")
    lags = [row[column] for row in rows if row is not head and len(row) == len(head)]
    return sum(map(int, lags)) if lags and all(lag.isdigit() for lag in lags) else None


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    parser.add_argument("--group", default="workers")
    parser.add_argument("--every", type=float, default=1, metavar="SECONDS")
    parser.add_argument("--until-done", action="store_true", help="stop when nothing is left")
    parser.add_argument("--tool", default="kafka-consumer-groups", help="its name or path")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
