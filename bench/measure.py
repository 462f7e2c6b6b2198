"""What /proc says about a server's processes."""

import os

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid):
    with open(f"/proc/{pid}/stat", "rb") as f:
        # The command may hold spaces and parentheses: count from the last one.
        return f.read().rpartition(b") ")[2].split()


def tree(root):
    """Pids of a process and all below it."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(_stat(name)[1]), []).append(int(name))
            except (OSError, IndexError):
                pass
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds(root):
    """User and system time of the tree so far, children that have ended included."""
    ticks = 0
    for pid in tree(root):
        try:
            fields = _stat(pid)
        except OSError:
            continue
        # utime, stime, cutime, cstime
        ticks += sum(int(n) for n in fields[11:15])
    return ticks / TICK


def precise_cpu_seconds(root):
    """As cpu_seconds, in nanoseconds from the scheduler instead of ticks; without children that have ended."""
    spent = 0
    for pid in tree(root):
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as f:
                    spent += int(f.read().split()[0])
        except OSError:
            continue
    return spent / 1e9


def rss(root):
    """Resident bytes of the tree, shared pages counted once for each process."""
    total = 0
    for pid in tree(root):
        try:
            total += int(_stat(pid)[21]) * PAGE
        except OSError:
            pass
    return total


def cpu_by_process(root):
    """User and system time of each process of the tree."""
    out = {}
    for pid in tree(root):
        try:
            fields = _stat(pid)
            out[pid] = (int(fields[11]) + int(fields[12])) / TICK
        except OSError:
            pass
    return out
