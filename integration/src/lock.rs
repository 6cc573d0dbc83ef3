//! A lock that knows whether it is still ours.

use std::time::Duration;

use gather_cm::{Exit, ExitCase};
use redis::{Client, ExistenceCheck, Script, SetExpiry, SetOptions, aio::MultiplexedConnection};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::Error;

/// A lock. It is a key of Redis that holds a token of ours.
///
/// Its exit removes the key if the token is still ours. If the lock is abandoned, a task does that, if there is a
/// runtime. If neither happens, because an enter is dropped halfway or the process is killed, the key expires.
#[derive(Debug)]
pub struct Lock {
    connection: MultiplexedConnection,
    key: String,
    token: String,
}

impl Lock {
    /// Takes the lock, for no longer than `expiry`.
    ///
    /// # Errors
    ///
    /// It returns [`Error::Locked`] if someone else holds the lock. It does not wait.
    pub async fn take(client: &Client, key: impl Into<String>, expiry: Duration) -> Result<Self, Error> {
        let connection = client.get_multiplexed_async_connection().await?;
        let mut lock = Self { connection, key: key.into(), token: Uuid::new_v4().to_string() };
        let expiry = SetExpiry::PX(expiry.as_millis() as u64);
        let options = SetOptions::default().conditional_set(ExistenceCheck::NX).with_expiration(expiry);
        let taken: Option<String> =
            redis::AsyncCommands::set_options(&mut lock.connection, &lock.key, &lock.token, options).await?;
        if taken.is_some() { Ok(lock) } else { Err(Error::Locked(lock.key)) }
    }

    /// Returns the key of Redis that is the lock.
    pub fn key(&self) -> &str {
        &self.key
    }

    async fn release(mut self) -> Result<(), Error> {
        // The script is one step, so that the lock cannot expire and become another's between the two commands.
        let script = Script::new("return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0");
        let released: bool = script.key(&self.key).arg(&self.token).invoke_async(&mut self.connection).await?;
        if released { Ok(()) } else { Err(Error::LockLost(self.key)) }
    }
}

impl Exit for Lock {
    type Error = Error;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), Error> {
        self.release().await
    }

    fn abandon(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.release());
        }
    }
}
