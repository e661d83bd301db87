"""The last words of a run: what was found, in a few lines."""

from moldau.tools.demo.check import Findings
from moldau.tools.demo.orders import money

SHOWN_DIFFERENCES = 12


def summary(findings: Findings, sent: int) -> list[str]:
    """Lines for a person; the last one is the verdict."""
    f = findings
    lines = [
        f"orders     {sent:,} sent, {f.acknowledged:,} acknowledged, {f.orders:,} in the log",
        f"shipments  {f.shipments - f.repeated_shipments:,}"
        + (f", and {f.repeated_shipments:,} repeated" if f.repeated_shipments else ""),
        f"revenue    {money(f.cents)} in {f.windows:,} windows (category, minute)"
        + (f", {f.repeated_windows:,} written again" if f.repeated_windows else ""),
    ]
    if f.late_orders:
        lines.append(f"late       {f.late_orders:,} orders, {money(f.late_cents)}, in no window")
    if f.compared_with_file:
        lines.append("file       its totals, computed without the pipeline, are the same")
    return lines + _verdict(f)


def _verdict(findings: Findings) -> list[str]:
    differences = findings.differences
    if not differences:
        return ["CHECKED    a shipment per acknowledged order, every window right to the cent"]
    lines = [f"DIFFERS    {sentence}" for sentence in differences[:SHOWN_DIFFERENCES]]
    more = len(differences) - SHOWN_DIFFERENCES
    return lines + ([f"DIFFERS    and {more:,} more"] if more > 0 else [])
