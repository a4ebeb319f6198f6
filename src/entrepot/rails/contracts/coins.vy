# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title Moving ERC-20 coins, whatever their token answers.
@notice A token that answers nothing is taken at its word (EIP-20 tokens older than the final text); one that answers
        false, or that delivers another amount than asked for, is refused. Knows nothing of the trade.
"""

import refusals

MAX_SIGNATURE: constant(uint256) = 1024  # bytes of a payer's signature: room for EIP-1271 wallets


interface Token:
    def balanceOf(owner: address) -> uint256: view
    def transfer(to: address, amount: uint256) -> bool: nonpayable
    def transferFrom(owner: address, to: address, amount: uint256) -> bool: nonpayable
    def receiveWithAuthorization(
        owner: address,
        to: address,
        amount: uint256,
        valid_after: uint256,
        valid_before: uint256,
        nonce: bytes32,
        signature: Bytes[MAX_SIGNATURE],
    ): nonpayable


@internal
@view
def _balance(token: address) -> uint256:
    return staticcall Token(token).balanceOf(self)


@internal
def _send(token: address, to: address, amount: uint256):
    refusals._unless(
        extcall Token(token).transfer(to, amount, default_return_value=True), refusals.TOKEN_REFUSED_TO_PAY_OUT
    )


@internal
def _pull(token: address, owner: address, amount: uint256):
    """
    @notice Takes `amount` out of an allowance.
    """
    before: uint256 = self._balance(token)
    refusals._unless(
        extcall Token(token).transferFrom(owner, self, amount, default_return_value=True),
        refusals.TOKEN_REFUSED_TO_PAY_IN,
    )
    refusals._unless(self._balance(token) - before == amount, refusals.TOKEN_DID_NOT_DELIVER_IN_FULL)


@internal
def _permit(token: address, owner: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice Asks for an allowance by the owner's signature (EIP-2612). A failure is ignored: whoever copied the
            signature and used it first has made the same allowance, and without one the pull that follows fails.
    """
    answered: bool = raw_call(
        token,
        abi_encode(
            owner,
            self,
            amount,
            deadline,
            v,
            r,
            s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        revert_on_failure=False,
    )


@internal
def _pull_authorized(
    token: address,
    owner: address,
    amount: uint256,
    valid_after: uint256,
    valid_before: uint256,
    nonce: bytes32,
    signature: Bytes[MAX_SIGNATURE],
):
    """
    @notice Takes `amount` by the owner's signed authorisation (EIP-3009), which only this escrow can use.
    """
    before: uint256 = self._balance(token)
    extcall Token(token).receiveWithAuthorization(owner, self, amount, valid_after, valid_before, nonce, signature)
    refusals._unless(self._balance(token) - before == amount, refusals.TOKEN_DID_NOT_DELIVER_IN_FULL)
