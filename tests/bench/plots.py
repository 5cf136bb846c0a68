"""The plots of docs/performance.md: throughput and p99 over the number of clients."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench.results import Results

LABELS = {"per_second": "per second", "p99": "p99, milliseconds"}


def draw(results: Results, scenario: str, path: Path) -> None:
    """Draw a scenario with a line for each contestant, throughput at the left and p99 at the right, as an SVG file."""
    # A fixed salt and no date: equal results make equal files. Text stays text.
    mpl.rcParams.update({"svg.hashsalt": "folio", "svg.fonttype": "none", "font.family": "sans-serif"})
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    contestants = dict.fromkeys(cell.contestant for cell in results.rounds if cell.scenario == scenario)
    for axes, (name, label) in zip(figure.subplots(1, 2), LABELS.items(), strict=True):
        ticks: set[int] = set()
        for contestant in contestants:
            cells = [cell for cell in results.rounds if cell[:2] == (scenario, contestant)]
            clients = [cell.clients for cell in cells]
            axes.plot(clients, [getattr(results.median(cell), name) for cell in cells], "o-", label=contestant)
            ticks.update(clients)
        axes.set(xscale="log", yscale="log", xlabel="clients", ylabel=label, title=scenario)
        axes.set_xticks(sorted(ticks), sorted(ticks))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
