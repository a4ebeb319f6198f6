# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title A token that misbehaves when told to: answers false, takes more than it is told to, or calls somebody back in the middle of a transfer.
@notice For tests. Anyone mints and anyone sets the mood.
"""

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
decimals: public(constant(uint8)) = 6
answers_false: public(bool)
takes_more: public(uint256)
called_back: public(address)
call: public(Bytes[8192])


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def answer_false(so: bool):
    self.answers_false = so


@external
def take_more(amount: uint256):
    self.takes_more = amount


@external
def call_back(whom: address, call: Bytes[8192]):
    self.called_back = whom
    self.call = call


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    return self._move(owner, to, amount)


@internal
def _move(sender: address, to: address, amount: uint256) -> bool:
    if self.answers_false:
        return False
    self.balanceOf[sender] -= amount + self.takes_more
    self.balanceOf[to] += amount
    if self.called_back != empty(address):
        raw_call(self.called_back, self.call)
    return True
