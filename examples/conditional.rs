//! A resource that is needed only sometimes: the service opens its cache if an argument asks for it.
//!
//! ```text
//! $ cargo run --example conditional -- cache
//! the database is open
//! the cache is open
//! the answer is 42, from the cache
//! the cache is closed: Completed
//! the database is closed: Completed
//! $ cargo run --example conditional
//! the database is open
//! the answer is 42, from the database
//! the database is closed: Completed
//! ```

use std::{env, error::Error, io};

use gather_cm::{Exit, ExitCase, scope};

struct Store {
    name: &'static str,
}

async fn open(name: &'static str) -> io::Result<Store> {
    println!("the {name} is open");
    Ok(Store { name })
}

impl Store {
    async fn ask(&self) -> io::Result<u32> {
        println!("the answer is 42, from the {}", self.name);
        Ok(42)
    }
}

impl Exit for Store {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        println!("the {} is closed: {case:?}", self.name);
        Ok(())
    }
}

async fn service(with_cache: bool) -> Result<u32, Box<dyn Error>> {
    let answer = scope()
        .stack() // the cache is closed before the database
        .with(async |scope| {
            let database = scope.enter(open("database")).await?;
            let cache = match with_cache {
                true => Some(scope.enter(open("cache")).await?),
                false => None,
            };
            match &cache {
                Some(cache) => cache.ask().await,
                None => database.ask().await,
            }
        })
        .await?;
    Ok(answer)
}

fn main() -> Result<(), Box<dyn Error>> {
    let with_cache = env::args().any(|argument| argument == "cache");
    smol::block_on(service(with_cache))?;
    Ok(())
}
