"""Watching: what happened since the cursor, a bounded stretch of blocks at a time, final blocks first.

Only what is final moves the books, so only final blocks are read unless `sees_unfinal`; a final block that changed, or
a chain shorter than what was final, is an alarm: nothing is told and nothing is sent until somebody has looked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from entrepot.core.canonical import hex0x
from entrepot.core.errors import Unavailable

from .evm_calls import Contracts
from .evm_chain import EvmChain
from .evm_events import ESCROW_TOPICS, OPENED, TRANSFER, Log, log_of, opened_escrow, rail_events
from .node import Call, NodeError
from .rail import Cursor, FinalBlock, Observed, RailEvent

BLOCKS_MAX = 1_000
ADDRESSES_MAX = 500  # recipients in one question for transfers
LOGS_MAX = 20_000  # more in one stretch: a shorter stretch is read


class EvmWatcher:
    """Reads the logs of one deployment, from the block it was deployed in."""

    def __init__(
        self,
        chain: EvmChain,
        contracts: Contracts,
        *,
        deployed_at: int,
        sees_unfinal: bool,
        blocks_max: int = BLOCKS_MAX,
    ) -> None:
        self.chain, self.contracts, self.deployed_at = chain, contracts, deployed_at
        self.sees_unfinal, self.blocks_max = sees_unfinal, blocks_max
        self.alarm = ""
        self._opened: set[str] = set()
        self._opened_up_to = deployed_at - 1

    def observe(self, cursor: Cursor | None, watch: Collection[str]) -> Observed:
        """See Rail.observe."""
        final, head = self.chain.final_and_head()
        start = cursor or self._start()
        self.alarm = self._alarm(start, final)
        if self.alarm:
            return Observed(start, (), final, alarm=self.alarm)
        self._learn_opened(start.final_block)
        upto, events = self._read_final(start, final, watch)
        cursor = Cursor(upto.number, upto.hash, upto.number, upto.hash, upto.time)
        is_behind = upto.number < final.number
        if self.sees_unfinal and not is_behind:
            cursor, seen = self._read_unfinal(start, cursor, head, watch)
            events += seen
        return Observed(cursor, events, final, is_behind)

    def _start(self) -> Cursor:
        """The block before the deployment."""
        (block,) = self.chain.blocks([hex(max(0, self.deployed_at - 1))])
        return Cursor(block.number, block.hash, block.number, block.hash, block.time)

    def _alarm(self, cursor: Cursor, final: FinalBlock) -> str:
        """Why the chain cannot be the one we read before; "" if it can."""
        if final.number < cursor.final_block:
            return f"chain_behind: the node's final block is {final.number}, ours {cursor.final_block}"
        (block,) = [final] if final.number == cursor.final_block else self.chain.blocks([hex(cursor.final_block)])
        found = block.hash
        if found != cursor.final_hash:
            return f"final_changed: final block {cursor.final_block} was {cursor.final_hash} and is now {found}"
        return ""

    def _learn_opened(self, upto: int) -> None:
        """The escrows opened up to a block, so that a payment to an old one is still told after a restart."""
        while self._opened_up_to < upto:
            last = min(upto, self._opened_up_to + self.blocks_max)
            try:
                logs = self._ask([self._opened_call(self._opened_up_to + 1, last)])
            except TooMuch as error:
                raise _unlisted(last, error) from None
            self._opened |= {opened_escrow(log, self.contracts) for log in logs} - {""}
            self._opened_up_to = last

    def _read_final(
        self, start: Cursor, final: FinalBlock, watch: Collection[str]
    ) -> tuple[FinalBlock, tuple[RailEvent, ...]]:
        """(the block read up to, events). The stretch halves while the node finds it too much."""
        first, last = start.final_block + 1, min(final.number, start.final_block + self.blocks_max)
        if first > last:
            return FinalBlock(start.final_block, start.final_hash, start.final_time), ()
        while True:
            try:
                logs = self._logs(first, last, watch)
                break
            except TooMuch as error:
                if first == last:
                    raise _unlisted(first, error) from None
                last = first + (last - first) // 2
        (upto,) = [final] if last == final.number else self.chain.blocks([hex(last)])
        return upto, self._events(logs, watch, final.number)

    def _read_unfinal(
        self, start: Cursor, cursor: Cursor, head: FinalBlock, watch: Collection[str]
    ) -> tuple[Cursor, tuple[RailEvent, ...]]:
        """What was seen and may still be undone; after a reorganisation all of it again, from the last final block."""
        first = cursor.final_block + 1
        if first <= start.block <= head.number and self.chain.blocks([hex(start.block)])[0].hash == start.block_hash:
            first = start.block + 1
        last = min(head.number, first + self.blocks_max - 1)
        if first > last:
            known = first > cursor.final_block + 1
            return (Cursor(start.block, start.block_hash, cursor.final_block, cursor.final_hash, cursor.final_time)
                    if known else cursor), ()  # fmt: skip
        try:
            events = self._events(self._logs(first, last, watch), watch, cursor.final_block)
            (upto,) = self.chain.blocks([hex(last)])
        except (TooMuch, Unavailable):  # nothing is lost: it is read when final
            return cursor, ()
        return Cursor(upto.number, upto.hash, cursor.final_block, cursor.final_hash, cursor.final_time), events

    def _logs(self, first: int, last: int, watch: Collection[str]) -> list[Log]:
        """The logs of factory, escrows, and payments to them. Raises: TooMuch, Unavailable."""
        span = {"fromBlock": hex(first), "toBlock": hex(last)}
        logs = self._ask([self._opened_call(first, last), ("eth_getLogs", [span | {"topics": [list(ESCROW_TOPICS)]}])])
        opened = {opened_escrow(log, self.contracts) for log in logs} - {""}
        owners = sorted(self._opened | opened | set(watch))
        transfers = []
        for place in range(0, len(owners), ADDRESSES_MAX):
            words = ["0x" + owner[2:].rjust(64, "0") for owner in owners[place : place + ADDRESSES_MAX]]
            transfers.append(("eth_getLogs", [span | {"topics": [hex0x(TRANSFER.topic), None, words]}]))
        logs += self._ask(transfers)
        if len(logs) > LOGS_MAX and last > first:
            raise TooMuch(f"{len(logs)} logs")
        return logs

    def _events(self, logs: Sequence[Log], watch: Collection[str], final_number: int) -> tuple[RailEvent, ...]:
        opened = {opened_escrow(log, self.contracts) for log in logs} - {""}
        watched = self._opened | opened | set(watch)
        times = self.chain.block_times(sorted({log.block_hash for log in logs}))
        return rail_events(logs, self.contracts, watched, times, final_number=final_number)

    def _opened_call(self, first: int, last: int) -> Call:
        span = {"fromBlock": hex(first), "toBlock": hex(last)}
        return "eth_getLogs", [span | {"address": self.contracts.factory, "topics": [hex0x(OPENED.topic)]}]

    def _ask(self, calls: Sequence[Call]) -> list[Log]:
        answers = self.chain.node.batch(calls)
        for answer in answers:
            if isinstance(answer, NodeError):
                raise TooMuch(answer.message)
        return [log_of(entry) for answer in answers for entry in answer if not entry.get("removed")]


class TooMuch(Exception):
    """The node does not list so many logs at once."""


def _unlisted(block: int, error: TooMuch) -> Unavailable:
    return Unavailable("outside_unavailable", f"The node does not list the logs of block {block}: {error!s:.120}")
