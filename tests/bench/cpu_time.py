"""CPU seconds out of /proc: of processes with the children they have waited for, and of the whole machine."""
import os

TICK = os.sysconf("SC_CLK_TCK")


def of_processes(pids):
    """User and system seconds of these processes and of their children that have ended."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICK


def of_machine():
    """Busy seconds of all cores, by anyone, stolen ones included."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = stat.readline().split()
    return sum(int(fields[at]) for at in (1, 2, 3, 6, 7, 8)) / TICK
