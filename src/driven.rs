//! Members that come as a handle and a driver: [`Driven`], and the adapters that make it.

use core::{
    any::Any,
    fmt,
    future::poll_fn,
    mem,
    ops::{Deref, DerefMut},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use pin_project::{pin_project, pinned_drop};

#[cfg(feature = "alloc")]
use crate::adapters::ByBox;
use crate::{
    Adapted, ExitCase, Resource, Verdict,
    adapters::{AbandonWith, Adapter, ByClosure, ByDrop},
    drive::{Drive, Drove, Exiting, Split, WithDriver},
    exit::{Answer, sealed},
    unwind::{self, FirstPanic},
};

/// The output of a driver: `()`, `!`, or a `Result<(), E>` with an error that becomes the member's error. This trait is
/// sealed.
///
/// ```
/// use std::{future::Future, io};
///
/// use gather_cm::{DriverOutput, EnterExt, Member};
///
/// fn member<D>(driver: D) -> impl Member<Value = &'static str, Error = io::Error>
/// where
///     D: Future<Output: DriverOutput<io::Error>> + Unpin,
/// {
///     async { Ok(("handle", driver)) }.driven().drop_on_exit()
/// }
///
/// drop(member(std::future::pending::<()>()));
/// ```
#[diagnostic::on_unimplemented(
    message = "a driver returns `{Self}`, but a member with the error type `{E}` cannot take that",
    label = "expected a driver that returns `()`, `!`, or `Result<(), _>` with an error that converts into `{E}`"
)]
pub trait DriverOutput<E>: output::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), E>;
}

mod output {
    /// The output of a function pointer. The never type has no other name on stable Rust.
    pub trait Output {
        type Of;
    }

    impl<T> Output for fn() -> T {
        type Of = T;
    }

    pub type Never = <fn() -> ! as Output>::Of;

    pub trait Sealed {}

    impl Sealed for () {}
    impl Sealed for Never {}
    impl<E> Sealed for Result<(), E> {}
}

impl<E> DriverOutput<E> for () {
    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

// The page would show the type as `<fn() -> ! as Output>::Of`, so the docs of the trait name `!` instead.
#[cfg_attr(doc, doc(hidden))]
impl<E> DriverOutput<E> for output::Never {
    fn into_result(self) -> Result<(), E> {
        self
    }
}

impl<E, E2: Into<E>> DriverOutput<E> for Result<(), E2> {
    fn into_result(self) -> Result<(), E> {
        self.map_err(Into::into)
    }
}

/// A driver, from its start to its end.
///
/// | state     | holds      | next                                                                 |
/// |-----------|------------|----------------------------------------------------------------------|
/// | `Running` | the driver | `Failed`, `Over` (`poll`; `Over` also if it panics), `Over` (`take`) |
/// | `Failed`  | its error  | `Over` (`take_error`, `take`)                                        |
/// | `Over`    | nothing    | the other two, if the driver comes back (`rejoin`)                   |
enum Driver<D, E> {
    Running(D),
    Failed(E),
    Over,
}

/// Nothing in it is pinned.
impl<D: Unpin, E> Unpin for Driver<D, E> {}

impl<D, E> Driver<D, E> {
    fn take(&mut self) -> Self {
        mem::replace(self, Self::Over)
    }

    fn take_error(&mut self) -> Option<E> {
        match self.take() {
            Self::Failed(error) => Some(error),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl<D: Future<Output: DriverOutput<E>> + Unpin, E> Driver<D, E> {
    /// Polls the driver. The driver is out of its place meanwhile, so that a panic drops it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Drove {
        let Self::Running(_) = self else { return Drove::default() };
        let Self::Running(mut driver) = self.take() else { return Drove::default() };
        let mut polled = Poll::Pending;
        if let Err(caught) = unwind::catch(|| polled = Pin::new(&mut driver).poll(cx).map(DriverOutput::into_result)) {
            // The driver is not dropped while the panic unwinds, because its destructor may panic, too.
            let mut first = FirstPanic::none();
            first.keep(caught);
            first.drop(driver);
            first.resume();
            return Drove::default();
        }
        match polled {
            Poll::Pending => {
                *self = Self::Running(driver);
                Drove::default()
            }
            Poll::Ready(Ok(())) => Drove { ended: true, failed: false },
            Poll::Ready(Err(error)) => {
                *self = Self::Failed(error);
                Drove { ended: true, failed: true }
            }
        }
    }
}

/// A handle along with its driver. [`EnterExt::driven`](crate::EnterExt::driven) makes it, and has an example.
///
/// The body borrows the value of the handle. The gather polls the driver from the enter to the end of the exit.
pub struct Driven<H, D, E> {
    handle: H,
    driver: Driver<D, E>,
    to_end: bool,
}

impl<H, D, E> Driven<H, D, E> {
    /// Returns the handle, along with the driver if it has not ended yet. Neither is exited, so you are responsible for
    /// both now. If the driver has failed, its error is dropped.
    ///
    /// ```
    /// use std::{future::pending, io};
    ///
    /// use gather_cm::{DropOnExit, EnterExt, Driven, Entered, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let connect = async { Ok::<_, io::Error>(("handle", pending::<()>())) };
    /// let member = connect.driven().drop_on_exit();
    /// let (driven,) = Entered::into_inner(gather((member,)).enter().await?);
    /// let (handle, driver) = Driven::into_inner(driven);
    /// assert_eq!(DropOnExit::into_inner(handle), "handle");
    /// assert!(driver.is_some());
    /// # Ok(()) }) }
    /// ```
    pub fn into_inner(this: Self) -> (H, Option<D>) {
        let driver = match this.driver {
            Driver::Running(driver) => Some(driver),
            Driver::Failed(_) | Driver::Over => None,
        };
        (this.handle, driver)
    }
}

impl<H, D, E> Deref for Driven<H, D, E> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H, D, E> DerefMut for Driven<H, D, E> {
    fn deref_mut(&mut self) -> &mut H {
        &mut self.handle
    }
}

impl<H: fmt::Debug, D, E> fmt::Debug for Driven<H, D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Driven").field(&self.handle).finish()
    }
}

impl<H, D, E> sealed::Sealed for Driven<H, D, E> {}

impl<H, D, E> Resource for Driven<H, D, E>
where
    H: Resource<Error = E>,
    D: Future<Output: DriverOutput<E>> + Unpin,
{
    type Error = E;
    type Verdict = H::Verdict;
    type Value = H::Value;

    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = E> {
        let Self { handle, driver, to_end } = self;
        let (mut handle, mut exit, mut panic) = (Some(handle), None, FirstPanic::none());
        panic.guard(&mut || exit = handle.take().map(|handle| handle.release_resource(case)));
        let exit = exit.map_or(HandleExit::Over(panic), HandleExit::Running);
        DrivenExit { exit, driver, ended: false, to_end }
    }

    async fn exit_resource(self, _: ExitCase) -> Result<H::Verdict, E> {
        unreachable!("`Lent::exit` is for resources without drivers")
    }

    fn lend_value(&mut self) -> &mut H::Value {
        self.handle.lend_value()
    }

    fn show_error(&mut self, error: &dyn Any) {
        self.handle.show_error(error);
    }

    fn abandon_resource(self) {
        let Self { handle, driver, .. } = self;
        unwind::in_turn(|| handle.abandon_resource(), || drop(driver));
    }

    const DRIVEN: bool = true;

    fn drive_resource(&mut self, cx: &mut Context<'_>) -> Drove {
        let drove = self.driver.poll(cx);
        if H::DRIVEN { drove.and(self.handle.drive_resource(cx)) } else { drove }
    }

    fn has_lost(&self) -> bool {
        matches!(self.driver, Driver::Failed(_)) || self.handle.has_lost()
    }

    fn take_lost(&mut self) -> Option<E> {
        self.driver.take_error().or_else(|| self.handle.take_lost())
    }

    fn split_drivers() -> impl Split<Self, Drivers = impl Drive<Self>> {
        SplitDriven(H::split_drivers())
    }
}

/// The driver of a [`Driven`], and the drivers of its handle.
struct OfDriven<D, E, I> {
    driver: Driver<D, E>,
    inside: I,
}

/// Moves out the driver of a [`Driven`]. `S` moves out the drivers of its handle.
#[derive(Clone, Copy)]
struct SplitDriven<S>(S);

impl<H, D, E, S> Split<Driven<H, D, E>> for SplitDriven<S>
where
    D: Future<Output: DriverOutput<E>> + Unpin,
    S: Split<H>,
{
    type Drivers = OfDriven<D, E, S::Drivers>;

    fn split(self, driven: &mut Driven<H, D, E>) -> Self::Drivers {
        OfDriven { driver: driven.driver.take(), inside: self.0.split(&mut driven.handle) }
    }
}

impl<H, D, E, I> Drive<Driven<H, D, E>> for OfDriven<D, E, I>
where
    D: Future<Output: DriverOutput<E>> + Unpin,
    I: Drive<H>,
{
    type Kind = WithDriver;

    fn drive(&mut self, index: usize, cx: &mut Context<'_>) -> Drove {
        let drove = self.driver.poll(cx);
        drove.and(self.inside.drive(index, cx))
    }

    fn take(&mut self) -> Self {
        Self { driver: self.driver.take(), inside: self.inside.take() }
    }

    fn rejoin(self, driven: &mut Driven<H, D, E>) {
        driven.driver = self.driver;
        self.inside.rejoin(&mut driven.handle);
    }

    fn clear(&mut self, panic: &mut FirstPanic) {
        panic.drop(self.driver.take());
        self.inside.clear(panic);
    }
}

/// The exit of the handle, along with the driver.
///
/// If either panics, both are over. The poll still returns, so that an error of the other one is kept beside the panic.
/// The panic resumes when this future is dropped, which is at once.
#[pin_project(PinnedDrop)]
struct DrivenExit<Fut, D, E> {
    #[pin]
    exit: HandleExit<Fut, E>,
    driver: Driver<D, E>,
    /// Whether a driver has ended in the last poll.
    ended: bool,
    to_end: bool,
}

/// The exit of the handle.
#[pin_project(project = HandleExitProj, project_replace = HandleExitOwn)]
enum HandleExit<Fut, E> {
    Running(#[pin] Fut),
    /// The exit has returned this result. Its future was dropped, along with the rest of the handle, while the driver
    /// goes on to its end.
    Ended(Result<Answer, E>),
    /// The exit is over. If there was a panic, it is kept here until it resumes.
    Over(FirstPanic),
}

impl<Fut, D, E> Future for DrivenExit<Fut, D, E>
where
    Fut: Exiting<Error = E>,
    D: Future<Output: DriverOutput<E>> + Unpin,
{
    type Output = Result<Answer, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut this, mut panic) = (self.project(), FirstPanic::none());
        *this.ended = false;
        panic.guard(&mut || match this.exit.as_mut().project() {
            HandleExitProj::Running(mut exit) => {
                let polled = exit.as_mut().poll(cx);
                *this.ended = exit.driver_ended();
                if let Poll::Ready(result) = polled {
                    this.exit.set(HandleExit::Ended(result));
                }
            }
            HandleExitProj::Ended(_) => {}
            HandleExitProj::Over(panic) => mem::replace(panic, FirstPanic::none()).resume(),
        });
        // The driver is polled after the exit, so that it can send the exit's last words.
        if !panic.is_some() {
            let mut drove = None;
            panic.guard(&mut || drove = Some(this.driver.poll(cx)));
            *this.ended |= drove.is_none_or(|drove| drove.ended);
        }
        let waits = match this.exit.as_mut().project() {
            HandleExitProj::Ended(_) => *this.to_end && matches!(this.driver, Driver::Running(_)),
            HandleExitProj::Running(_) | HandleExitProj::Over(_) => true,
        };
        if waits && !panic.is_some() {
            return Poll::Pending;
        }
        // If a panic has ended the exit, it has no result, and nobody sees this one.
        let mut result = Ok(Answer::Propagate);
        panic.guard(&mut || {
            let over = HandleExit::Over(FirstPanic::none());
            if let HandleExitOwn::Ended(ended) = this.exit.as_mut().project_replace(over) {
                result = ended;
            }
        });
        this.exit.set(HandleExit::Over(panic));
        // If both have failed, the exit has probably failed because its driver had.
        Poll::Ready(this.driver.take_error().map_or(result, Err))
    }
}

/// Drops the exit and the driver one after the other, because the destructors of both may panic.
#[pinned_drop]
impl<Fut, D, E> PinnedDrop for DrivenExit<Fut, D, E> {
    fn drop(self: Pin<&mut Self>) {
        let (mut this, mut first) = (self.project(), FirstPanic::none());
        if let HandleExitProj::Over(panic) = this.exit.as_mut().project() {
            first.join(mem::replace(panic, FirstPanic::none()));
        }
        first.guard(&mut || this.exit.set(HandleExit::Over(FirstPanic::none())));
        first.drop(this.driver.take());
        first.resume_in_drop();
    }
}

impl<Fut, D, E> Exiting for DrivenExit<Fut, D, E>
where
    Fut: Exiting<Error = E>,
    D: Future<Output: DriverOutput<E>> + Unpin,
{
    type Error = E;
    type Kind = WithDriver;

    fn take_lost(self: Pin<&mut Self>) -> Option<E> {
        let this = self.project();
        this.driver.take_error().or_else(|| match this.exit.project() {
            HandleExitProj::Running(exit) => exit.take_lost(),
            HandleExitProj::Ended(result) => mem::replace(result, Ok(Answer::Neutral)).err(),
            HandleExitProj::Over(_) => None,
        })
    }

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        *self.project().ended
    }
}

/// Says that the handle of a driven member is a resource itself, for signatures.
#[derive(Clone, Debug)]
pub struct ByItself;

impl<V, E> Adapter<Result<V, E>> for ByItself {
    type Value = V;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<V, E> {
        output
    }
}

/// The adapter of [`EnterExt::driven`](crate::EnterExt::driven), for signatures. `A` says how the handle is exited.
#[derive(Clone, Debug)]
pub struct ByDriver<A = ByItself> {
    handle: A,
    to_end: bool,
}

impl ByDriver {
    pub(crate) const NEW: Self = Self { handle: ByItself, to_end: false };
}

impl<H, D, E, A: Adapter<Result<H, E>, Error = E>> Adapter<Result<(H, D), E>> for ByDriver<A> {
    type Value = Driven<A::Value, D, E>;
    type Error = E;

    fn adapt(&mut self, output: Result<(H, D), E>) -> Result<Driven<A::Value, D, E>, E> {
        match output {
            Ok((handle, driver)) => self.handle.adapt(Ok(handle)).map(|handle| Driven {
                handle,
                driver: Driver::Running(driver),
                to_end: self.to_end,
            }),
            Err(error) => Err(error),
        }
    }
}

impl<M, A> Adapted<M, ByDriver<A>> {
    /// Replaces the adapter of the handle.
    fn by<A2>(self, by: impl FnOnce(A) -> A2) -> Adapted<M, ByDriver<A2>> {
        let ByDriver { handle, to_end } = self.adapter;
        Adapted { member: self.member, adapter: ByDriver { handle: by(handle), to_end } }
    }

    /// After the exit, the gather waits for the driver to end by itself, instead of dropping it.
    ///
    /// Without `to_end`, the gather polls the driver once more in the poll in which the exit finishes, which is mostly
    /// enough for a last request. Use `to_end` if the driver has to wait for something after the handle is gone. A
    /// server waits for its connections, and `tokio_postgres` waits if its socket is full. If the driver never ends,
    /// the exit hangs, so give it a deadline by [`exit_within`](crate::EnterExt::exit_within).
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    /// use smol::channel::bounded;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let (said, heard) = bounded::<()>(1);
    /// let connect = async move {
    ///     let (handle, requests) = bounded::<u8>(1);
    ///     let driver = Box::pin(async move {
    ///         while requests.recv().await.is_ok() {}
    ///         smol::future::yield_now().await; // the socket is full
    ///         let _ = said.send(()).await; // goodbye
    ///     });
    ///     Ok::<_, io::Error>((handle, driver))
    /// };
    /// gather((connect.driven().drop_on_exit().to_end(),)).with(async |_| Ok(())).await?;
    /// assert!(heard.try_recv().is_ok());
    /// # Ok(()) }) }
    /// ```
    pub fn to_end(mut self) -> Self {
        self.adapter.to_end = true;
        self
    }
}

impl<M: IntoFuture<Output = Result<(H, D), E>>, H, D, E> Adapted<M, ByDriver> {
    /// Does what [`EnterExt::exit_with`](crate::EnterExt::exit_with) does, with the handle. The driver is polled along
    /// with the exit. [`EnterExt::driven`](crate::EnterExt::driven) has an example.
    pub fn exit_with<X, W>(self, exit: X) -> Adapted<M, ByDriver<ByClosure<X, W>>>
    where
        X: AsyncFnOnce(H, ExitCase) -> Result<W, E>,
        W: Into<Verdict>,
    {
        self.by(|ByItself| ByClosure::new(exit))
    }

    /// Does what [`EnterExt::exit_boxed`](crate::EnterExt::exit_boxed) does, with the handle.
    ///
    /// ```
    /// use std::{
    ///     future::{Pending, pending},
    ///     io,
    /// };
    ///
    /// use gather_cm::{Driven, EnterExt, ExitBoxed, gather};
    ///
    /// type Client = Driven<ExitBoxed<&'static str, io::Error>, Pending<()>, io::Error>;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let member = async { Ok(("client", pending())) }.driven().exit_boxed(async |_, _| Ok(()));
    /// let group = gather((member,)).enter().await?;
    /// let client: &Client = &group.0;
    /// assert_eq!(***client, "client");
    /// # Ok(()) }) }
    /// ```
    #[cfg(feature = "alloc")]
    pub fn exit_boxed<X, Fut, W>(self, exit: X) -> Adapted<M, ByDriver<ByBox<H, E>>>
    where
        X: FnOnce(H, ExitCase) -> Fut + Send + 'static,
        Fut: Future<Output = Result<W, E>> + Send + 'static,
        W: Into<Verdict>,
    {
        self.by(|ByItself| ByBox::new(exit))
    }

    /// Does what [`EnterExt::drop_on_exit`](crate::EnterExt::drop_on_exit) does, with the handle. The driver is polled
    /// once more after that. [`to_end`](Self::to_end) has an example.
    pub fn drop_on_exit(self) -> Adapted<M, ByDriver<ByDrop>> {
        self.by(|ByItself| ByDrop)
    }
}

impl<M: IntoFuture<Output = Result<(H, D), E>>, H, D, E, X, W> Adapted<M, ByDriver<ByClosure<X, W>>> {
    /// Calls `abandon` with the handle if the gather is dropped before the exit starts, as `abandon_with` of other
    /// members does.
    ///
    /// ```
    /// use std::{
    ///     cell::Cell,
    ///     future::{Future, pending},
    ///     io,
    ///     pin::pin,
    ///     task::{Context, Waker},
    /// };
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// let abandoned = Cell::new(false);
    /// let member = async { Ok::<_, io::Error>(((), pending::<()>())) }
    ///     .driven()
    ///     .exit_with(async |(), _| Ok(()))
    ///     .abandon_with(|()| abandoned.set(true));
    /// {
    ///     let mut future = pin!(gather((member,)).with(async |_| Ok(pending::<()>().await)));
    ///     assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// }
    /// assert!(abandoned.get());
    /// ```
    pub fn abandon_with<F: FnOnce(H)>(self, abandon: F) -> Adapted<M, ByDriver<ByClosure<X, W, AbandonWith<F>>>> {
        self.by(|closure| closure.abandon_with(abandon))
    }
}

/// A driver that was polled beside a step of the enter. [`EnterExt::prepared`](crate::EnterExt::prepared) returns it.
pub struct Prepared<D, E>(Driver<D, E>);

impl<D, E> fmt::Debug for Prepared<D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl<D: Future<Output: DriverOutput<E>> + Unpin, E> Future for Prepared<D, E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.0.poll(cx);
        match &self.0 {
            Driver::Running(_) => Poll::Pending,
            Driver::Failed(_) | Driver::Over => Poll::Ready(self.0.take_error().map_or(Ok(()), Err)),
        }
    }
}

/// Enters the member, and then runs `step` beside its driver.
pub(crate) async fn prepare<M, H, D, E>(
    member: M,
    step: impl AsyncFnOnce(&mut H) -> Result<(), E>,
) -> Result<(H, Prepared<D, E>), E>
where
    M: IntoFuture<Output = Result<(H, D), E>>,
    D: Future<Output: DriverOutput<E>> + Unpin,
{
    let (mut handle, driver) = member.await?;
    let mut driver = Driver::Running(driver);
    {
        let mut step = pin!(step(&mut handle));
        poll_fn(|cx| {
            driver.poll(cx);
            match driver.take_error() {
                Some(error) => Poll::Ready(Err(error)),
                None => step.as_mut().poll(cx),
            }
        })
        .await?;
    }
    Ok((handle, Prepared(driver)))
}
