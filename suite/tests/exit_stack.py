"""Runs the programs on stdin in contextlib.AsyncExitStack, poll by poll, and prints what happened. See scope_plans.rs."""
import json
import sys
from asyncio import CancelledError
from contextlib import AsyncExitStack


class Error(Exception):
    pass


class Panic(BaseException):
    pass


class Pending:
    def __await__(self):
        yield


def told(exc):
    """What an exit of the crate receives in the place of `exc`: a case, and the error that it is shown.

    Python passes the error of an exit on to the next one. The crate passes a case on, and shows the error of the body
    (promise 12 in DESIGN.md). So the error is the oldest one of the chain, if that is not an exit's. A cancelled or
    panicked gather stays so, whatever fails later: the oldest of these decides.
    """
    chain = []
    while exc is not None:
        chain.insert(0, exc)
        exc = exc.__cause__  # what the exit had received that raised it: see `act`
    case = "Failed" if chain else "Completed"
    for exc in chain:
        if not isinstance(exc, Error):
            case = "Cancelled" if isinstance(exc, CancelledError) else "Panicked"
            break
    shown = chain and isinstance(chain[0], Error) and not chain[0].args[0].startswith("exit")
    return case, chain[0].args[0] if shown else None


class Member:
    def __init__(self, log, index, plan):
        self.log, self.index, self.plan = log, index, plan

    async def act(self, part, act, received=None):
        for _ in range(act["pends"]):
            self.log.append(f"poll {part}")
            await Pending()
        self.log.append(f"poll {part}")
        if act["end"] in ("Fails", "Panics"):
            raise (Error if act["end"] == "Fails" else Panic)(part) from received
        return act["end"] == "Suppresses"

    async def __aenter__(self):
        await self.act(f"enter {self.index}", self.plan["enter"])

    async def __aexit__(self, _, exc, traceback):
        case, error = told(exc)
        if error:
            self.log.append(f"on_error {self.index} {error}")
        self.log.append(f"exit {self.index} {case}")
        # Only an exit that received `Failed` suppresses (promise 12). Python's would also suppress a cancellation.
        return await self.act(f"exit {self.index}", self.plan["exit"], exc) and case == "Failed"


async def body(log, program, running):
    async with AsyncExitStack() as stack:
        try:
            for index, plan in enumerate(program["members"]):
                member = Member(log, index, plan)
                if plan["holds"]:
                    stack.push_async_exit(member)
                    continue
                try:
                    await stack.enter_async_context(member)
                except Error:
                    if plan["strict"]:
                        raise
            await Member(log, None, None).act("body", program["body"])
        finally:
            running.clear()


def run(program):
    log, running, polls = [], [True], 0
    coroutine = body(log, program, running)
    try:
        while True:
            # A stop ends the body, but no exit (promise 14). Python would cancel the exits.
            stops = polls == program["stop"] and running
            polls += 1
            coroutine.throw(CancelledError()) if stops else coroutine.send(None)
    except StopIteration:
        end = "Completed"
    except BaseException as exc:
        end = told(exc)[0]
    return [*log, f"end {end}"]


json.dump([run(program) for program in json.load(sys.stdin)], sys.stdout)
