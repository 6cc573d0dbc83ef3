//! One error type for all members of the group.

use std::{error, fmt, io};

/// An error of a member.
#[derive(Debug)]
pub enum Error {
    /// PostgreSQL has failed, or the connection to it.
    Postgres(tokio_postgres::Error),
    /// Redis has failed, or the connection to it.
    Redis(redis::RedisError),
    /// Someone else holds the lock of this key.
    Locked(String),
    /// The lock of this key has expired, and may have belonged to someone else since.
    LockLost(String),
    /// The file system has failed.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The server's own message is the source of the error.
            Self::Postgres(error) => match error::Error::source(error) {
                Some(source) => write!(f, "PostgreSQL: {error}: {source}"),
                None => write!(f, "PostgreSQL: {error}"),
            },
            Self::Redis(error) => write!(f, "Redis: {error}"),
            Self::Locked(key) => write!(f, "{key} is locked by another"),
            Self::LockLost(key) => write!(f, "the lock {key} was lost before its release"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl error::Error for Error {}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
