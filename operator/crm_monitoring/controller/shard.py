"""Which namespaces this operator serves when several share a cluster."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

MOST_SHARDS = 64


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` operators, counted from 1. Everything of one namespace belongs to the same one."""

    number: int = 1
    total: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2/3`. Raise ValueError for anything else."""
        found = re.fullmatch(r"([1-9][0-9]?)/([1-9][0-9]?)", text)
        if not found or not int(found[1]) <= int(found[2]) <= MOST_SHARDS:
            raise ValueError(f"must be NUMBER/TOTAL, from 1/1 to {MOST_SHARDS}/{MOST_SHARDS}")
        return cls(int(found[1]), int(found[2]))

    @property
    def lease_suffix(self) -> str:
        """Return what makes the name of the shard's Lease its own; empty for an operator that serves everything."""
        return "" if self.total == 1 else f"-{self.number}-of-{self.total}"

    def serves(self, namespace: str) -> bool:
        """Return whether a namespace is this shard's. It depends on the name and the number of shards alone."""
        digest = hashlib.blake2b(namespace.encode(), digest_size=8).digest()
        return int.from_bytes(digest) % self.total == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"
