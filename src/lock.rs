//! The value that several futures of one body share. With `std` it is behind a lock, and without `std` it stays on one
//! thread.

/// A value that is never borrowed while a user's code runs.
#[derive(Default)]
pub(crate) struct Lock<T>(imp::Lock<T>);

#[cfg(feature = "std")]
mod imp {
    use std::sync::{Mutex, PoisonError};

    pub(crate) use alloc::sync::Arc as Shared;

    pub(super) type Lock<T> = Mutex<T>;

    pub(super) fn with<T, R>(lock: &Lock<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn get_mut<T>(lock: &mut Lock<T>) -> &mut T {
        lock.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    use core::cell::RefCell;

    pub(crate) use alloc::rc::Rc as Shared;

    pub(super) type Lock<T> = RefCell<T>;

    pub(super) fn with<T, R>(lock: &Lock<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut lock.borrow_mut())
    }

    pub(super) fn get_mut<T>(lock: &mut Lock<T>) -> &mut T {
        lock.get_mut()
    }
}

pub(crate) use imp::Shared;

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(imp::Lock::new(value))
    }

    /// `f` must not call a user's code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        imp::with(&self.0, f)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        imp::get_mut(&mut self.0)
    }
}
