"""A share of a stage: what one of several processes does, if they do a stage together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from glassdask.base.errors import UsageError


@dataclass(frozen=True, order=True)
class Share:
    """Share `number` of `of`.

    The runs of a stage are written to the store in shards. Shard k, counted from 0, belongs to
    share 1 + k mod `of`.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """The share with this text, such as 3/16.

        Raises
        ------
        UsageError
            When it is no share.
        """
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text.strip())
        share = cls(*map(int, found.groups())) if found else cls(0, 0)
        if not 0 < share.number <= share.of:
            raise UsageError(
                f"--share {text}",
                "K/N with K from 1 to N",
                "Type e.g. `--share 3/16`, for the third of 16 processes.",
            )
        return share

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.number}/{self.of}"

    def has(self, shard: int) -> bool:
        """Whether a shard belongs to this share."""
        return shard % self.of == self.number - 1


def titled(stage: str, share: Share | None) -> str:
    """A stage or a share of it in messages: "quench", "quench 3/16"."""
    return f"{stage} {share}" if share else stage


def name_of(stage: str, share: Share | None) -> str:
    """A stage or a share of it in names of files and jobs: "quench", "quench-3of16"."""
    return f"{stage}-{share.number}of{share.of}" if share else stage


def stage_in(name: str) -> str:
    """The name without the share at its end: "quench" of "quench-3of16"."""
    return re.sub(r"-\d+of\d+$", "", name)


def share_in(name: str, stage: str) -> Share | None:
    """The share whose `name_of` this is; None for any other name."""
    found = re.fullmatch(rf"{re.escape(stage)}-(\d+)of(\d+)", name)
    return Share(*map(int, found.groups())) if found else None
