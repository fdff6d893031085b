"""What happened when, for people to read."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, in seconds since the beginning."""

    at: float
    what: str


@dataclass
class Timeline:
    """Entries in the order in which they were noted. `say` gets each line as it comes."""

    say: Callable[[str], None] = lambda line: None
    entries: list[Entry] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    def note(self, what: str, since: float | None = None) -> float:
        """Note something, with the seconds since an earlier moment if given; return the present moment."""
        moment = self.now()
        took = "" if since is None else f"  ({moment - since:.1f} s)"
        entry = Entry(moment, what + took)
        self.entries.append(entry)
        self.say(line(entry))
        return moment

    def text(self) -> str:
        """Return the whole timeline, a line each."""
        return "\n".join(map(line, self.entries))


def line(entry: Entry) -> str:
    """Return an entry as a line."""
    return f"{entry.at:6.1f} s  {entry.what}"
