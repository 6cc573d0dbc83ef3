import asyncio
from contextlib import AsyncExitStack

from vm import Vm, run, work


async def task():
    async with AsyncExitStack() as stack:
        a, b, c = await asyncio.gather(*(
            stack.enter_async_context(Vm(name)) for name in "abc"))
        return await work(a, b, c)


run(task)
