//! Catching panics, and the twin for builds that cannot catch them. The only file that knows `std`.

use core::mem::ManuallyDrop;

#[cfg(feature = "std")]
mod imp {
    use std::{
        any::Any,
        boxed::Box,
        fmt, mem,
        panic::{self, AssertUnwindSafe},
        string::String,
        sync::{Mutex, PoisonError},
        thread,
    };

    /// A panic that was caught. Boxed once more, so that a gather pays one word for the room to keep it; in a `Mutex`,
    /// so that the payload's lack of `Sync` does not become the gather's.
    pub struct Caught(Box<Mutex<Box<dyn Any + Send>>>);

    /// Calls `f`, and catches its panic.
    ///
    /// Nothing here is a witness of broken invariants: what panicked is not touched again but to be dropped.
    #[inline]
    pub(crate) fn catch(f: impl FnOnce()) -> Result<(), Caught> {
        panic::catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Caught(Box::new(Mutex::new(payload))))
    }

    impl Caught {
        pub(crate) fn into_payload(self) -> Box<dyn Any + Send> {
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
        }

        /// Lets the panic go on.
        #[cold]
        pub(crate) fn resume(self) -> ! {
            panic::resume_unwind(self.into_payload())
        }

        /// Lets the panic go on, unless another one is already on its way: two at once would abort the process.
        pub(crate) fn resume_in_drop(self) {
            if thread::panicking() { self.discard() } else { self.resume() }
        }

        /// Drops a panic that is not the first. A payload's destructor may panic as well, with a payload whose
        /// destructor may; after that it is leaked, for it might go on for ever.
        #[cold]
        pub(crate) fn discard(self) {
            let (mut first, mut others) = (Some(self), None);
            if let Err(another) = catch(|| first = None) {
                others = Some(another);
            }
            if let Err(another) = catch(|| others = None) {
                mem::forget(another);
            }
        }
    }

    /// A panic of the body, of a member or of the future of [`cancel_on`](crate::Gather::cancel_on).
    /// [`catch_unwind`](crate::Gather::catch_unwind) returns it as a value.
    ///
    /// It is `Send` and `Sync`, so that error types like `anyhow::Error` take the [`Failure`](crate::Failure) that
    /// holds it.
    ///
    /// ```
    /// use gather_cm::{Cause, gather};
    ///
    /// # smol::block_on(async {
    /// let body = async |()| -> Result<(), _> { panic!("oops") };
    /// let failure = gather(()).catch_unwind().with(body).await.unwrap_err();
    /// let Cause::Panicked(panic) = failure.cause else { unreachable!() };
    /// assert_eq!(panic.to_string(), "panicked: oops");
    /// # });
    /// ```
    pub struct Panic(Caught);

    impl Panic {
        pub(crate) fn new(caught: Caught) -> Self {
            Self(caught)
        }

        /// Returns the payload of the panic, as [`std::panic::catch_unwind`] does.
        ///
        /// ```
        /// # use gather_cm::{Cause, gather};
        /// # smol::block_on(async {
        /// let body = async |()| -> Result<(), _> { panic!("oops") };
        /// let failure = gather(()).catch_unwind().with(body).await.unwrap_err();
        /// let Cause::Panicked(panic) = failure.cause else { unreachable!() };
        /// assert_eq!(*panic.into_payload().downcast::<&str>().unwrap(), "oops");
        /// # });
        /// ```
        pub fn into_payload(self) -> Box<dyn Any + Send> {
            self.0.into_payload()
        }

        /// Resumes the panic, without calling the panic hook again.
        ///
        /// ```should_panic
        /// # use gather_cm::{Cause, gather};
        /// # smol::block_on(async {
        /// let body = async |()| -> Result<(), _> { panic!("oops") };
        /// let failure = gather(()).catch_unwind().with(body).await.unwrap_err();
        /// if let Cause::Panicked(panic) = failure.cause {
        ///     panic.resume(); // when the failure is in the log, say
        /// }
        /// # });
        /// ```
        ///
        /// # Panics
        ///
        /// Always: that is what it is for.
        pub fn resume(self) -> ! {
            self.0.resume()
        }
    }

    impl fmt::Debug for Panic {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Panic({self})")
        }
    }

    /// `panicked: ` and the message, if the payload is one.
    impl fmt::Display for Panic {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let payload = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            let message = payload.downcast_ref::<&str>().copied();
            match message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)) {
                Some(message) => write!(f, "panicked: {message}"),
                None => f.write_str("panicked"),
            }
        }
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    /// There is none: without `std` a panic unwinds or aborts as everywhere else.
    pub enum Caught {}

    #[inline(always)]
    pub(crate) fn catch(f: impl FnOnce()) -> Result<(), Caught> {
        f();
        Ok(())
    }

    impl Caught {
        pub(crate) fn resume(self) -> ! {
            match self {}
        }

        pub(crate) fn resume_in_drop(self) {
            match self {}
        }

        pub(crate) fn discard(self) {
            match self {}
        }
    }
}

#[cfg(feature = "std")]
pub use imp::Panic;
pub(crate) use imp::{Caught, catch};

/// Whether panics are caught, so that their origin matters.
pub(crate) const CATCHES: bool = cfg!(feature = "std");

/// Room for the first of several panics. The ones that follow are dropped, and so is this one with its room.
///
/// What is inside is dropped by hand, so that there is no more to do than to see that there is none.
#[allow(missing_debug_implementations)] // inside only
pub struct FirstPanic(Option<ManuallyDrop<Caught>>);

impl FirstPanic {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Calls `f`, and keeps its panic if it is the first. Most calls are rare, so that they share one function.
    pub(crate) fn guard(&mut self, f: &mut dyn FnMut()) {
        if let Err(caught) = catch(f) {
            self.keep(caught);
        }
    }

    /// Drops `value`, and keeps its panic if it is the first.
    pub(crate) fn drop<T>(&mut self, value: T) {
        let mut value = Some(value);
        self.guard(&mut || value = None);
    }

    /// Keeps the panic if it is the first.
    #[cold]
    pub(crate) fn keep(&mut self, caught: Caught) {
        match self.0 {
            None => self.0 = Some(ManuallyDrop::new(caught)),
            Some(_) => caught.discard(),
        }
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn take(&mut self) -> Option<Caught> {
        self.0.take().map(ManuallyDrop::into_inner)
    }

    /// Keeps the other's panic, if it is the first.
    pub(crate) fn join(&mut self, mut other: Self) {
        if let Some(caught) = other.take() {
            self.keep(caught);
        }
    }

    /// Lets the panic go on, if there is one, unless another one is already on its way.
    pub(crate) fn resume_in_drop(mut self) {
        if let Some(caught) = self.take() {
            caught.resume_in_drop();
        }
    }

    /// Lets the panic go on, if there is one.
    pub(crate) fn resume(mut self) {
        if let Some(caught) = self.take() {
            caught.resume();
        }
    }
}

/// Calls both, the second one although the first panics. The first panic resumes.
pub(crate) fn in_turn(one: impl FnOnce(), other: impl FnOnce()) {
    let (mut one, mut other) = (Some(one), Some(other));
    let mut first = FirstPanic::none();
    first.guard(&mut || one.take().map_or((), |one| one()));
    first.guard(&mut || other.take().map_or((), |other| other()));
    first.resume();
}

impl Drop for FirstPanic {
    #[inline]
    fn drop(&mut self) {
        if let Some(caught) = self.take() {
            caught.discard();
        }
    }
}
