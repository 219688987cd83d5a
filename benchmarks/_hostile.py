"""What the sweeps of hostile input share: how reading it ends, what it executes, how long it takes."""

from __future__ import annotations

import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

from benchmarks._jobs import arguments, finish, outcomes, spread_cases
from diffexplore.errors import UsageError

#: How the inputs of one task end, and how many so; those that did not end well; the longest processor time in seconds.
Ends = tuple[Counter[str], list[str], float]

SLOW_SECONDS = 1.0
_EACH = 500
_STUCK_SECONDS = 20
_MEMORY = 8 << 30


_EXECUTED: list[str] = []
_watching = False


def _heard(event: str, details: tuple[Any, ...]) -> None:
    """An audit hook; it cannot be taken away again, and so asks whether somebody watches."""
    if not _watching:
        return
    if event == "exec" and (not getattr(details[0], "co_filename", "<").startswith("<") or _imports()):
        return  # a module that is imported when it is first needed, or what makes a named tuple in it
    if event in ("exec", "os.system", "subprocess.Popen", "os.exec", "socket.connect", "os.remove", "os.rename"):
        _EXECUTED.append(f"{event} {details!r:.80}")
    if event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+"):
        _EXECUTED.append(f"{event} {details!r:.80}")


def _imports() -> bool:
    """Whether a module is being imported, by the code of the package alone: no text names one."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


@contextmanager
def watched() -> Iterator[list[str]]:
    """What code is executed, and which processes, sockets and files for writing are opened, in this block."""
    global _watching
    _EXECUTED.clear()
    _watching = True
    try:
        yield _EXECUTED
    finally:
        _watching = False


class Stuck(BaseException):
    """No ``except Exception`` holds it up."""


def _stuck(*_: Any) -> None:
    raise Stuck


def is_net(error: UsageError) -> bool:
    """Whether a text was refused because seconds were up: what is refused then depends on the machine."""
    return str(error).startswith("out of time")


def tried(text: str, use: Callable[[str], object]) -> tuple[str, float]:
    """How reading a text ends ("read", "refused", or what went wrong), and its processor time in seconds."""
    started = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, _STUCK_SECONDS)
    try:
        with watched() as executed:
            use(text)
        ending = "read"
    except UsageError as error:
        if is_net(error):
            ending = "NET"
        else:
            ending = "refused" if len(str(error)) < 500 and "\n" not in str(error) else f"LONG MESSAGE {error!s:.80}"
    except Stuck:
        ending = "STUCK"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        ending = f"CRASH {type(error).__name__} {place.filename.rpartition('/')[2]}:{place.lineno} {error!s:.60}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if executed:
        ending = f"EXECUTED {executed[0]}"
    seconds = time.process_time() - started
    return ("SLOW" if seconds > SLOW_SECONDS and ending in ("read", "refused") else ending), seconds


@cache
def listen() -> None:
    """From here on what is executed is noticed, work that is stuck is ended, and memory has a limit."""
    sys.addaudithook(_heard)
    signal.signal(signal.SIGVTALRM, _stuck)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def ends_of(inputs: Iterable[tuple[str, Callable[[str], object], str]]) -> Ends:
    """How all of some inputs end: of each its text (or path), what reads it, and how it is shown."""
    counts: Counter[str] = Counter()
    troubles, longest = [], 0.0
    for text, use, shown in inputs:
        ending, seconds = tried(text, use)
        longest = max(longest, seconds)
        counts[ending.partition(" ")[0]] += 1
        if ending not in ("read", "refused"):
            troubles.append(f"{ending} ({seconds:.2f} s): {shown}")
    return counts, troubles, longest


def sweep(description: str | None, what: str, cases: int, work: Callable[[tuple[int, int, int]], Ends]) -> int:
    """The command line of a sweep: tasks of a seed, an index and a count; the exit code says whether all ended well.

    An input depends on the seed and on its number alone, so that a sweep in blocks is the same as one at once.
    """
    parser = arguments(description, cases)
    parser.add_argument(
        "--first", type=int, default=0, help=f"the number of the first, a multiple of {_EACH}: for a sweep in blocks"
    )
    parser.add_argument("--show", type=int, default=20, help="how many troubles to print (default 20)")
    options = parser.parse_args()
    if options.first % _EACH or options.first < 0:
        parser.error(f"--first takes a multiple of {_EACH}")
    started = time.monotonic()
    before = options.first // _EACH
    tasks = [(options.seed, before + index, count) for index, count in spread_cases(options.cases, _EACH)]
    total: Counter[str] = Counter()
    troubles: list[str] = []
    longest = 0.0
    for counts, found, seconds in outcomes(work, tasks, options.jobs):
        total += counts
        for trouble in found[: max(0, options.show - len(troubles))]:
            print(trouble, flush=True)
        troubles += found
        longest = max(longest, seconds)
    figures = {what: sum(total.values()), **dict(sorted(total.items())), "longest, in s of processor time": longest}
    if options.first:
        figures = {"the first": options.first, **figures}
    finish(f"hostile {what}", figures, started, options.json)
    return 1 if troubles else 0
