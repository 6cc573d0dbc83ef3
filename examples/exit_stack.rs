//! The question behind this crate was answered by a recipe: join two enters inside of an `AsyncExitStack`. A scope can
//! be such a stack. Without `stack()` it is a pool, and its exits run at the same time.
//!
//! ```text
//! $ cargo run --example exit_stack
//! == a stack
//! vm1 starts
//! vm2 starts
//! vm1 does something
//! vm2 does something
//! vm2 stops: Completed
//! vm2 has stopped
//! vm1 stops: Completed
//! vm1 has stopped
//! == a pool
//! vm1 starts
//! vm2 starts
//! vm1 does something
//! vm2 does something
//! vm1 stops: Completed
//! vm2 stops: Completed
//! vm1 has stopped
//! vm2 has stopped
//! ```

use std::{error::Error, io};

use gather_cm::{Exit, ExitCase, Scope, scope};
use smol::future::{try_zip, yield_now};

struct Vm {
    name: &'static str,
}

async fn start_vm(name: &'static str) -> io::Result<Vm> {
    println!("{name} starts");
    yield_now().await; // it takes a while
    Ok(Vm { name })
}

impl Vm {
    async fn do_something(&mut self) -> io::Result<()> {
        println!("{} does something", self.name);
        Ok(())
    }
}

impl Exit for Vm {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        println!("{} stops: {case:?}", self.name);
        yield_now().await; // this takes a while, too
        println!("{} has stopped", self.name);
        Ok(())
    }
}

/// Python's `vm1, vm2 = await asyncio.gather(stack.enter_async_context(..), ..)`. Use the join of your library.
async fn foo(stack: &Scope<Vm>) -> io::Result<()> {
    let (mut vm1, mut vm2) = try_zip(stack.enter(start_vm("vm1")), stack.enter(start_vm("vm2"))).await?;
    vm1.do_something().await?;
    vm2.do_something().await
}

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(async {
        println!("== a stack");
        scope().stack().with(foo).await?;
        println!("== a pool");
        scope().with(foo).await?;
        Ok(())
    })
}
