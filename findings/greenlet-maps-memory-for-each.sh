#!/usr/bin/env bash
# greenlet 3.5.6 on CPython 3.11: a greenlet that runs Python code maps 16 KiB of memory, and unmaps it at its end.
#
# It is the first piece of the interpreter's stack, which comes from the arena allocator, mmap(2), and is not kept from one
# greenlet to the next. A server with a greenlet for each request pays two system calls and fresh pages for each: 36 us a
# greenlet were measured, and 3 us for one that runs a builtin function alone. Seen here by the page faults of 2,000 each.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages greenlet==3.5.6
seen=$(venv/bin/python - <<'PY'
import greenlet, resource, sys, time

def faults(body, count=2000):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        greenlet.greenlet(body).switch()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / count

if sys.version_info < (3, 11):
    sys.exit("this finding needs CPython 3.11 or newer")
print(*("fresh pages" if faults(body) >= 0.9 else "none" for body in (lambda: None, time.time)), sep=", ")
PY
)
same "for each greenlet of a Python function, of a builtin one" "$seen" "fresh pages, none"
