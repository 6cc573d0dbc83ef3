//! Catches panics, and has a twin for builds that cannot catch them. This is the only file that knows `std`.

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

    /// A panic that was caught. It is boxed once more, so that a gather pays one word for the room to keep it. It is in
    /// a `Mutex`, so that the gather is `Sync` although the payload is not.
    pub struct Caught(Box<Mutex<Box<dyn Any + Send>>>);

    /// Calls `f`, and catches its panic.
    ///
    /// The caller can `AssertUnwindSafe`, because nobody sees broken invariants: code that has panicked is only dropped
    /// afterwards.
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

        /// Lets the panic go on, unless another panic is already on its way. Two at once would abort the process.
        pub(crate) fn resume_in_drop(self) {
            if thread::panicking() { self.discard() } else { self.resume() }
        }

        /// Drops a panic that is not the first. The destructor of its payload may panic too, with another payload whose
        /// destructor may panic. The third payload is leaked, because this might go on for ever.
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

    /// A panic of the body, of a member, of an observer or of the future of [`cancel_on`](crate::Gather::cancel_on).
    /// [`catch_unwind`](crate::Gather::catch_unwind) returns it as a value.
    ///
    /// It is `Send` and `Sync`, so that error types like `anyhow::Error` accept the [`Failure`](crate::Failure) that
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
        /// It always panics, because it lets the panic go on.
        pub fn resume(self) -> ! {
            self.0.resume()
        }
    }

    impl fmt::Debug for Panic {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Panic({self})")
        }
    }

    /// Writes `panicked: ` and the message, if the payload is a message.
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
    /// There is no such panic. Without `std` a panic unwinds or aborts as everywhere else.
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

/// Room for the first of several panics. The later ones are dropped. The first one is dropped along with its room.
///
/// The panic inside is dropped by hand, so that the common path only has to see that there is none.
#[allow(missing_debug_implementations)] // inside only
pub struct FirstPanic(Option<ManuallyDrop<Caught>>);

impl FirstPanic {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Calls `f`, and keeps its panic if it is the first. `f` is a `dyn FnMut`, so that all callers share one function:
    /// most calls are rare.
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

    /// Lets the panic go on, if there is one, unless another panic is already on its way.
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

/// Calls both functions, the second one even if the first one panics. The first panic resumes.
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
