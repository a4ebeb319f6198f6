# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title An EIP-20 token that keeps one percent of every transfer.
@notice For tests. Anyone mints.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256


balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
decimals: public(constant(uint8)) = 6


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount
    log Transfer(sender=empty(address), receiver=to, amount=amount)


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    self._move(owner, to, amount)
    return True


@internal
def _move(sender: address, to: address, amount: uint256):
    kept: uint256 = amount // 100
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount - kept
    self.balanceOf[self] += kept
    log Transfer(sender=sender, receiver=to, amount=amount - kept)
    log Transfer(sender=sender, receiver=self, amount=kept)
