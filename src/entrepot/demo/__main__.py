"""`./run demo`: starts the house, admits the cast, plays the stories, verifies the evidence, and keeps serving."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from entrepot.commands.line import tell, write_any_name
from entrepot.core.errors import EntrepotError, Unavailable
from entrepot.settings import Settings, read_settings

from .cast import Casting, Credentials
from .client import Problem
from .desk import lay_out
from .house import House
from .own_invoice import settle_invoice
from .report import SCHEMA, bundle_of, settlement_report, tampered, verified
from .stories import Cast, Teller, Told

REFUSED_EXIT, UNREADABLE_EXIT = 3, 2
LOOK_S, LOST_S = 0.5, 2.0


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; exit 0 if every story ended as told, 3 for an invoice that is refused."""
    options = _options(argv)
    write_any_name()
    if options.invoice and not options.invoice.is_file():
        print(f"There is no file {options.invoice}.", file=sys.stderr)
        return UNREADABLE_EXIT

    def say(text: str) -> None:
        print(text, file=sys.stderr if options.json else sys.stdout, flush=True)

    stopping, lost = threading.Event(), list[Unavailable]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _interrupted(stopping))
    house = House(read_settings(), say)
    threading.Thread(target=_watch, args=(house, stopping, lost), name="children", daemon=True).start()
    try:
        return _played(house, options, say, stopping)
    except KeyboardInterrupt:
        return tell(lost[0]) if lost else 130
    except EntrepotError as error:
        return tell(error)
    finally:
        stopping.set()
        house.stop()


def _played(house: House, options: argparse.Namespace, say: Any, stopping: threading.Event) -> int:
    """The demo from its start to its end. Raises: Unavailable, of what had ended if that is why a story failed."""
    try:
        house.start()
        seed = options.seed or secrets.token_hex(3)
        say(f"This run's seed is {seed}.")
        result, code = _play(house, options, seed, say)
        if options.json:
            print(json.dumps(result), flush=True)
        if not options.exit and not code:
            lay_out(Teller(assemble(house)[1], f"{seed}-desk", say))
            _serve(house, say, stopping)
        return code
    except Exception:
        stopping.wait(LOST_S)  # a door that was killed is seen by its callers first
        house.require_alive()
        raise


def _watch(house: House, stopping: threading.Event, lost: list[Unavailable]) -> None:
    """Interrupts the demo once one of its processes has ended: the others would wait for it."""
    while not stopping.wait(LOOK_S):
        try:
            house.require_alive()
        except Unavailable as error:
            lost.append(error)
            os.kill(os.getpid(), signal.SIGINT)
            return


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run demo", description="Settles real trades on this machine.")
    parser.add_argument("--exit", action="store_true", help="stop afterwards instead of serving on")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--invoice", type=Path, help="settle this UBL 2.1 or CII invoice instead of the stories")
    parser.add_argument("--seed", default="", help="the stories' invoice numbers come from it")
    return parser.parse_args(argv)


def _interrupted(stopping: threading.Event) -> None:
    if stopping.is_set():
        return
    stopping.set()
    raise KeyboardInterrupt


def _play(house: House, options: argparse.Namespace, seed: str, say: Any) -> tuple[dict[str, Any], int]:
    settings = house.settings
    casting, cast = assemble(house)
    teller = Teller(cast, seed, say)
    told: list[Told] = []
    if options.invoice:
        try:
            told.append(settle_invoice(teller, casting, options.invoice.read_bytes()))
        except (Problem, EntrepotError) as refused:
            why = str(refused) if isinstance(refused, Problem) else f"{refused.code}: {refused}"
            say(f"{options.invoice.name}: {why}")
            failed = {
                "schema": SCHEMA,
                "verification_key": str(settings.verification_key_path),
                "settlements": [],
                "refused": {"code": refused.code, "message": why},
            }
            return failed, REFUSED_EXIT
    else:
        told = [story() for story in (teller.clean, teller.review, teller.refused, teller.gone)]
    return _report(house, cast.operators[0], told, say)


def assemble(house: House) -> tuple[Casting, Cast]:
    """Everybody who plays, admitted."""
    credentials = Credentials(house.settings.credentials_path)
    casting = Casting(credentials, house.base_url, house.chain_id, house.person_key, house.fill_wallet)
    casting.examiner(house.examiner_participant())
    return casting, casting.cast()


def _report(house: House, operator: Any, told: list[Told], say: Any) -> tuple[dict[str, Any], int]:
    settings, code = house.settings, 0
    house.wait_delivered(operator)
    settlements = []
    bundles = [bundle_of(operator, one.settlement, settings.home / "bundles") for one in told]
    pool = ThreadPoolExecutor(1)
    changed = pool.submit(verified, tampered(bundles[0]), settings.verification_key_path)
    pool.shutdown(wait=False)
    for one, bundle, (exit_code, checks) in zip(told, bundles, _verified(bundles, settings, told), strict=True):
        failed = [check for check in checks.get("checks", []) if check["status"] == "failed"]
        outcome = failed or checks if exit_code else "every check ok or named as not checked"
        say(f"entrepot verify {bundle.name}: {outcome}")
        code = code or (1 if exit_code else 0)
        settlements.append(
            settlement_report(
                operator, one, bundle=bundle, checks=checks, messages=settings.messages_dir, chain_id=house.chain_id
            )
        )
    exit_code, checks = changed.result()
    parts = sorted({check["part"] for check in checks.get("checks", []) if check["status"] == "failed"})
    say(f"The same with one byte changed: refused (exit {exit_code}), because of {', '.join(parts) or checks}.")
    code = code or (0 if exit_code == 3 else 1)
    for row in settlements:
        say(f"{row['story']:>8}  {row['state']:<9} {row['invoice']['number']}")
    key = str(settings.verification_key_path)
    return {"schema": SCHEMA, "verification_key": key, "settlements": settlements}, code


def _verified(bundles: list[Path], settings: Settings, told: list[Told]) -> list[tuple[int, dict[str, Any]]]:
    """Verifies all bundles, each in a process of its own."""

    def one(place: int) -> tuple[int, dict[str, Any]]:
        began = time.monotonic()
        found = verified(bundles[place], settings.verification_key_path)
        told[place].seconds["verified"] = round(time.monotonic() - began, 3)
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, range(len(bundles))))


def _serve(house: House, say: Any, stopping: threading.Event) -> None:
    say(
        f"\nServing on {house.base_url} (pages; the API is at {house.base_url}/docs).\n"
        f"Sign-ins: {house.settings.credentials_path}"
    )
    say("Ctrl-C stops everything.")
    stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
