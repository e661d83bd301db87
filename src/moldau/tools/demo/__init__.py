"""`moldau demo`: the main job, live, and checked at the end.

Order events go into six partitions; a processor turns each order into a shipment; a program of
streams, run by three workers, sums revenue per category per minute of event time. Afterwards a
consumer that shares no code with them re-reads every topic and compares.

It talks to any Kafka by its address; who starts a broker for it is not decided here.
"""

from moldau.tools.demo.options import DemoOptions, add_arguments, from_arguments

__all__ = ["DemoOptions", "add_arguments", "from_arguments", "run"]


def run(bootstrap_servers: str, options: DemoOptions) -> int:
    """Run the demo against a Kafka; returns the exit code (0 checked, 1 differs or failed)."""
    from moldau.tools.demo.main_job import run_demo

    return run_demo(bootstrap_servers, options)
