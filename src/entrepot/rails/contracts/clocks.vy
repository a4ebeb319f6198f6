# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title The deadlines of one escrow and what stops them.
@notice A dispute stops the deadlines of the parties; a lawful freeze or block stops those and the dispute's. Time
        stopped by two causes at once counts once. A deadline that had already passed when the stop began stays passed.
        Knows time only: not money, not who may order what.
"""

import refusals

# A stop with a known end moves the deadlines when it begins, and gives back what it did not use when it is lifted.
# So while a freeze runs, a deadline is at or after `frozen_until` exactly if the freeze moved it or it was set since.

present_until: public(uint64)  # last second for the next presentation; 0 before funding
examine_until: public(uint64)  # last second for rejecting the current presentation; 0 while there is none
disputed_until: public(uint64)  # last second for an award; 0 if no dispute was ever raised
frozen_until: public(uint64)  # last second of the latest freeze
blocked_at: public(uint64)  # when the running block began; 0: not blocked


@internal
@view
def _now() -> uint64:
    return convert(block.timestamp, uint64)


@internal
@view
def _is_stopped_by_order() -> bool:
    return self.blocked_at != 0 or self._now() <= self.frozen_until


@internal
@view
def _starts_at(is_disputed: bool) -> uint64:
    """
    @notice When a period that is granted now begins to run: after the stops that run now.
    """
    start: uint64 = max(self._now(), self.frozen_until)
    if is_disputed:
        start = max(start, self.disputed_until)
    return start


@internal
def _dispute(dispute_s: uint32):
    """
    @notice Stops the parties' deadlines for `dispute_s`, counted after a freeze that runs now.
    """
    period: uint64 = convert(dispute_s, uint64)
    self.disputed_until = max(self._now(), self.frozen_until) + period
    self.present_until = self._moved(self.present_until, self._now(), period)
    self.examine_until = self._moved(self.examine_until, self._now(), period)


@internal
def _freeze(until: uint64):
    """
    @notice Stops every deadline until `until`, which lies after the end of any freeze that runs now.
    """
    self._move_all(self._now(), until - max(self.frozen_until, self._now()))
    self.frozen_until = until


@internal
def _block():
    self.blocked_at = self._now()


@internal
def _lift(until: uint64):
    """
    @notice Ends the block now and the freeze at `until` (0: now too), and settles the deadlines to the time that is
            really stopped. `until` lies not after the freeze's own end.
    """
    now: uint64 = self._now()
    if self.frozen_until > now:
        self._give_back(self.frozen_until, self.frozen_until - max(until, now))
    elif self.blocked_at != 0:
        self._move_all(self.blocked_at, now - max(self.blocked_at, self.frozen_until))
    self.blocked_at = 0
    self.frozen_until = max(until, min(self.frozen_until, now - 1))


@internal
def _move_all(since: uint64, by: uint64):
    self.present_until = self._moved(self.present_until, since, by)
    self.examine_until = self._moved(self.examine_until, since, by)
    self.disputed_until = self._moved(self.disputed_until, since, by)


@internal
def _give_back(frozen_until: uint64, unused: uint64):
    if self.present_until >= frozen_until:
        self.present_until -= unused
    if self.examine_until >= frozen_until:
        self.examine_until -= unused
    if self.disputed_until >= frozen_until:
        self.disputed_until -= unused


@internal
@pure
def _moved(deadline: uint64, since: uint64, by: uint64) -> uint64:
    """
    @notice `deadline` + `by`, unless it had passed before `since` (or was never set).
    """
    return deadline + by if deadline >= since else deadline


@internal
@view
def _demand_no_block():
    refusals._unless(self.blocked_at == 0, refusals.ESCROW_IS_BLOCKED)
