"""What the Python programs of the comparison share: see src/lib.rs, which is the same for Rust."""

import asyncio
import contextvars

situation = contextvars.ContextVar("situation")
SITUATIONS = ["the second enter fails", "the second exit fails", "the body raises", "the task is cancelled"]


async def pause(steps):
    for _ in range(steps):
        await asyncio.sleep(0)


def log_start(event):
    """The starts are of interest where one fails."""
    if situation.get() == "the second enter fails":
        print(event)


class Vm:
    """A machine. It counts as running from when its start begins until its stop has ended."""

    running = set()

    def __init__(self, name):
        self.name = name

    async def __aenter__(self):
        log_start(f"{self.name} starts")
        self.running.add(self.name)
        await pause({"a": 1, "b": 2, "c": 6}[self.name])
        if self.name == "b" and situation.get() == "the second enter fails":
            print("b cannot start")
            self.running.remove("b")
            raise OSError("no memory for b")
        log_start(f"{self.name} has started")
        return self

    async def __aexit__(self, kind, error, traceback):
        print(f"{self.name} stops, told {kind and kind.__name__}")
        await pause({"a": 1, "b": 2, "c": 3}[self.name])
        self.running.remove(self.name)
        if self.name == "b" and situation.get() == "the second exit fails":
            print("b has stopped, with an error")
            raise OSError("b lost its disk")
        print(f"{self.name} has stopped")


async def work(*vms):
    print(f"the body uses {len(vms)} machines")
    match situation.get():
        case "the body raises":
            raise RuntimeError("oops")
        case "the task is cancelled":
            await asyncio.Event().wait()
    return len(vms)


async def run_in(task):
    task = asyncio.create_task(task())
    if situation.get() == "the task is cancelled":
        await pause(40)
        task.cancel()
    try:
        print(f"=> the body's value, {await task}")
    except (Exception, asyncio.CancelledError) as error:
        print(f"=> {error!r}")
    await pause(40)  # for what was left in the background
    print("still running:", ", ".join(sorted(Vm.running)) or "none")
    Vm.running.clear()


def run(task):
    for name in SITUATIONS:
        situation.set(name)
        print(f"== {name}")
        asyncio.run(run_in(task))
