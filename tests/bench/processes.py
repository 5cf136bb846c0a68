"""CPU time and memory of process trees, read from /proc.

CPU time counts the work of a process and not the time that it waits for a core, so the load of other programs changes
it little.
"""

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, also of those that have ended."""
    root = psutil.Process(pid)
    seconds = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # ended since it was listed; its parent counts it
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def worker_memory(pid: int) -> float:
    """Return the resident memory of a service's largest process in MB."""
    root = psutil.Process(pid)
    return max(process.memory_info().rss for process in [root, *root.children(recursive=True)]) / 1e6
