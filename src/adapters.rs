//! The adapters of members: [`EnterExt`].

use core::{
    any::Any,
    fmt,
    future::poll_fn,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

#[cfg(feature = "alloc")]
use {crate::exit::Judging, alloc::boxed::Box};

use crate::{
    ExitCase, Resource, Verdict,
    drive::{Alone, Drive, Drove, Exiting, Kind, OfTarget, Split},
    driven::{ByDriver, ByItself, DriverOutput, Prepared, prepare},
    exit::{Answer, Answering, sealed::Sealed},
    optional::ByOption,
    unwind,
};

/// Adapts a member. Its methods say how a value is exited, within what time, and with which error type.
///
/// A member is any future that returns `Result<V, E>`. An adapter wraps the value in a resource. That resource derefs
/// to the value, and the body borrows the value without any wrapper. Values may borrow, and need not be `Send`.
///
/// | you want | call |
/// | --- | --- |
/// | to say how a value is exited | [`exit_with`](Self::exit_with) |
/// | the same, as a type that you can name in a struct | [`exit_boxed`](Self::exit_boxed) |
/// | to say what happens to it on a drop | `abandon_with`, on the result of these two |
/// | a value whose `Drop` is its exit | [`drop_on_exit`](Self::drop_on_exit) |
/// | another error type | [`errors_into`](Self::errors_into) |
/// | a deadline | [`enter_within`](Self::enter_within), [`exit_within`](Self::exit_within) |
/// | to use a handle whose driver must be polled | [`driven`](Self::driven), and before it [`prepared`](Self::prepared) |
/// | to go on without the member if it cannot be entered | [`optional`](Self::optional) |
///
/// # Cancellation
///
/// If the gather is dropped, the member's own future is dropped, or its resource is abandoned.
/// [`exit_with`](Self::exit_with), [`exit_boxed`](Self::exit_boxed) and [`drop_on_exit`](Self::drop_on_exit) drop the
/// value then, even if it is a resource with an `abandon` of its own. If you add `abandon_with`, your closure receives
/// the value instead.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let broker = async { Ok::<_, io::Error>("broker") }.exit_with(async |name, case| {
///     println!("closing {name}: {case:?}");
///     Ok(())
/// });
/// let buffer = async { Ok(vec![1, 2, 3]) }.drop_on_exit();
/// let len = gather((broker, buffer))
///     .with(async |(broker, buffer)| Ok(broker.len() + buffer.len()))
///     .await?;
/// assert_eq!(len, 9);
/// # Ok(()) }) }
/// ```
pub trait EnterExt: IntoFuture + Sized {
    /// Exits the value by calling `exit`, a closure or a plain `async fn`.
    ///
    /// If the value is a resource already, `exit` replaces its own exit, and its `on_error` and `abandon` are not
    /// called. If the gather is dropped, the value is dropped, unless you add `abandon_with`.
    ///
    /// If `exit` is a generic `async fn` and the compiler says "reached the recursion limit while instantiating", wrap
    /// it in a closure: `async |value, case| close(value, case).await`.
    ///
    /// # Errors
    ///
    /// `exit` fails with the same error type as the enter.
    ///
    /// ```
    /// use std::{cell::RefCell, io};
    ///
    /// use gather_cm::{EnterExt, ExitCase, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let log = RefCell::new(Vec::new());
    /// # smol::block_on(async {
    /// let uart = async { Ok::<_, io::Error>("uart") }.exit_with(async |name, case| {
    ///     log.borrow_mut().push((name, case));
    ///     Ok(())
    /// });
    /// gather((uart,)).with(async |(name,)| Ok(assert_eq!(name.len(), 4))).await
    /// # })?;
    /// assert_eq!(log.into_inner(), [("uart", ExitCase::Completed)]);
    /// # Ok(()) }
    /// ```
    fn exit_with<X, W, E>(self, exit: X) -> Adapted<Self, ByClosure<X, W>>
    where
        Self::Output: Fallible<Error = E>,
        X: AsyncFnOnce(ValueOf<Self>, ExitCase) -> Result<W, E>,
        W: Into<Verdict>,
    {
        Adapted { member: self, adapter: ByClosure::new(exit) }
    }

    /// Exits the value by calling `exit`, as [`exit_with`](Self::exit_with) does. It boxes the closure and its future,
    /// so that the resource has a name: [`ExitBoxed<V, E>`].
    ///
    /// Use it for a resource in a field of a struct, or in the signature of a function whose group goes to
    /// `tokio::spawn`. The resource is `Send`, but not `Sync`. So you cannot spawn an `async fn` that borrows the
    /// struct by `&self`. Borrow it by `&mut self` instead.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, Entered, Exit, ExitBoxed, ExitCase, gather};
    ///
    /// struct Fixture {
    ///     servers: Entered<(ExitBoxed<String, io::Error>, ExitBoxed<u16, io::Error>)>,
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let db = async { Ok(String::from("db")) }.exit_boxed(async |_name, _case| Ok(()));
    /// let port = async { Ok(80) }.exit_boxed(async |_port, _case| Ok(()));
    /// let mut fixture = Fixture { servers: gather((db, port)).enter().await? };
    /// let (name, port) = fixture.servers.lend();
    /// assert_eq!((name.as_str(), *port), ("db", 80));
    /// fixture.servers.exit(ExitCase::Completed).await?;
    /// # Ok(()) }) }
    /// ```
    #[cfg(feature = "alloc")]
    fn exit_boxed<X, Fut, W, E>(self, exit: X) -> Adapted<Self, ByBox<ValueOf<Self>, E>>
    where
        Self::Output: Fallible<Error = E>,
        X: FnOnce(ValueOf<Self>, ExitCase) -> Fut + Send + 'static,
        Fut: Future<Output = Result<W, E>> + Send + 'static,
        W: Into<Verdict>,
    {
        Adapted { member: self, adapter: ByBox::new(exit) }
    }

    /// Drops the value as its exit, so that an RAII guard can join a group. This exit never fails and never suppresses.
    /// If the value is a resource already, its own `exit`, `on_error` and `abandon` are not called.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let lock = smol::lock::Mutex::new(1);
    /// let guard = async { Ok::<_, io::Error>(lock.lock().await) }.drop_on_exit();
    /// gather((guard,)).with(async |(value,)| Ok(**value += 1)).await?;
    /// assert_eq!(lock.try_lock().map(|value| *value), Some(2));
    /// # Ok(()) }) }
    /// ```
    fn drop_on_exit(self) -> Adapted<Self, ByDrop>
    where
        Self::Output: Fallible,
    {
        Adapted { member: self, adapter: ByDrop }
    }

    /// Converts the errors of the enter and of the exit to `E2` by [`Into`], so that members with different error types
    /// can form a group.
    ///
    /// The resource's `on_error` receives the group's error. If another member's enter failed, this error is an `E2`.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// #[derive(Debug)]
    /// enum Error {
    ///     Parse(std::num::ParseIntError),
    ///     Utf8(std::str::Utf8Error),
    /// }
    ///
    /// impl From<std::num::ParseIntError> for Error {
    ///     fn from(error: std::num::ParseIntError) -> Self {
    ///         Self::Parse(error)
    ///     }
    /// }
    ///
    /// impl From<std::str::Utf8Error> for Error {
    ///     fn from(error: std::str::Utf8Error) -> Self {
    ///         Self::Utf8(error)
    ///     }
    /// }
    ///
    /// # impl std::fmt::Display for Error {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{self:?}") }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let number = async { "17".parse::<i32>() }.drop_on_exit().errors_into::<Error>();
    /// let text = async { std::str::from_utf8(b"text") }.drop_on_exit().errors_into();
    /// let sum = gather((number, text))
    ///     .with(async |(number, text)| Ok(*number + text.len() as i32))
    ///     .await?;
    /// assert_eq!(sum, 21);
    /// # Ok(()) }) }
    /// ```
    fn errors_into<E2>(self) -> Adapted<Self, ByInto<E2>>
    where
        Self::Output: Fallible<Error: Into<E2>>,
        ValueOf<Self>: Resource<Error = ErrorOf<Self>>,
    {
        Adapted { member: self, adapter: ByInto(PhantomData) }
    }

    /// Drops the enter if `deadline` finishes first. The deadline's output is then the member's error.
    ///
    /// Pass an async closure that waits, say for a timer of your runtime, and then returns the member's error. A
    /// `Duration` or a timer by itself is not enough. The gather calls the closure when the member starts to enter.
    /// Each poll polls the deadline before the member, so that it fires even if the member uses up the task's budget
    /// (tokio's cooperative scheduling). A member that is ready in the same poll has entered in time.
    ///
    /// # Errors
    ///
    /// It fails as the member does, and also with the deadline's output.
    ///
    /// # Cancellation
    ///
    /// A late enter is dropped, as by [`Gather::fail_fast`](crate::Gather::fail_fast). It must clean up after itself.
    ///
    /// ```
    /// use std::{future::pending, io, time::Duration};
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// async fn connect(slow: bool) -> Result<&'static str, io::Error> {
    ///     if slow { pending().await } else { Ok("connected") }
    /// }
    ///
    /// async fn late() -> io::Error {
    ///     smol::Timer::after(Duration::from_millis(1)).await;
    ///     io::Error::other("no answer")
    /// }
    ///
    /// # smol::block_on(async {
    /// let disk = connect(false).drop_on_exit().enter_within(late);
    /// let link = connect(true).drop_on_exit().enter_within(late);
    /// let failure = gather((disk, link)).with(async |_| Ok(())).await.unwrap_err();
    /// assert_eq!(failure.to_string(), "enter of member 1 failed: no answer");
    /// # });
    /// ```
    fn enter_within<D>(self, deadline: D) -> EnterWithin<Self, impl Future<Output = ErrorOf<Self>>>
    where
        Self::Output: Fallible,
        D: AsyncFnOnce() -> ErrorOf<Self>,
    {
        EnterWithin { member: self, deadline: async move { deadline().await } }
    }

    /// Drops the exit if `deadline` finishes first. The deadline's output is then the exit's error. The other members
    /// go on.
    ///
    /// Pass an async closure that waits, say for a timer of your runtime, and then returns the exit's error. A
    /// `Duration` or a timer by itself is not enough. The gather calls the closure when the exit starts. Each poll
    /// polls the deadline before the exit, so that it fires even if the exit uses up the task's budget (tokio's
    /// cooperative scheduling). An exit that is ready in the same poll has finished in time.
    ///
    /// # Errors
    ///
    /// The enter fails as the member does. The exit fails as it does without a deadline, and also with the deadline's
    /// output.
    ///
    /// # Cancellation
    ///
    /// A late exit is dropped, along with the resource inside it. `abandon` is not called. If a [driver](Self::driven)
    /// of the resource has failed before, its error takes the place of the deadline's. If the resource is an
    /// [`Entered`](crate::Entered) group, all exits in the group are dropped. The errors of its exits that have
    /// finished, and of its drivers, are then lost. Give a deadline to each member of such a group instead.
    ///
    /// ```
    /// use std::{future::pending, io, time::Duration};
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # smol::block_on(async {
    /// let hangs = async { Ok(()) }
    ///     .exit_with(async |(), _| pending::<Result<(), io::Error>>().await)
    ///     .exit_within(async || {
    ///         smol::Timer::after(Duration::from_millis(1)).await;
    ///         io::Error::other("no answer to close")
    ///     });
    /// let failure = gather((hangs,)).with(async |_| Ok(())).await.unwrap_err();
    /// assert_eq!(failure.to_string(), "exit of member 0 failed: no answer to close");
    /// # });
    /// ```
    fn exit_within<D>(self, deadline: D) -> Adapted<Self, ByDeadline<D>>
    where
        Self::Output: Fallible<Value: Resource<Error = ErrorOf<Self>>>,
        D: AsyncFnOnce() -> ErrorOf<Self>,
    {
        Adapted { member: self, adapter: ByDeadline(Some(deadline)) }
    }

    /// Adapts a member that returns `Ok((handle, driver))`. The gather polls the driver inline, so that you need not
    /// spawn it.
    ///
    /// Many libraries return such a pair: `tokio_postgres`, `hyper`, `redis`, `embassy_net`. The driver must be polled
    /// as long as the handle is used. The gather polls it from the enter to the end of the exit: while other members
    /// enter, beside the body, while the member waits for its exit, and along with its exit. The body borrows the
    /// handle.
    ///
    /// If the handle is no resource itself, say next how it is exited: by [`exit_with`](Adapted::exit_with), by
    /// [`drop_on_exit`](Adapted::drop_on_exit), or by `exit_boxed`. After `driven`, these methods concern the handle.
    /// When its exit has finished, the gather drops the driver, or waits for it if you call
    /// [`to_end`](Adapted::to_end).
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    /// use smol::channel::{Receiver, Sender, bounded};
    ///
    /// type Request = (u32, Sender<u32>);
    ///
    /// // A library: its client talks to a driver, which you must poll.
    /// async fn connect()
    /// -> Result<(Sender<Request>, impl Future<Output = ()> + Unpin), io::Error> {
    ///     let (client, requests): (_, Receiver<Request>) = bounded(1);
    ///     let driver = Box::pin(async move {
    ///         while let Ok((n, reply)) = requests.recv().await {
    ///             let _ = reply.send(n * n).await;
    ///         }
    ///     });
    ///     Ok((client, driver))
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let square = gather((connect().driven().drop_on_exit(),))
    ///     .with(async |(client,)| {
    ///         let (reply, answer) = bounded(1);
    ///         client.send((7, reply)).await.map_err(io::Error::other)?;
    ///         answer.recv().await.map_err(io::Error::other)
    ///     })
    ///     .await?;
    /// assert_eq!(square, 49);
    /// # Ok(()) }) }
    /// ```
    ///
    /// The driver must be `Unpin`. If yours is not, box it, or pin it outside of the gather by
    /// `let runner = pin!(stack.run());`. A `Pin<&mut F>` is a driver, too.
    ///
    /// # When the driver ends
    ///
    /// | when | it returns `Ok` or `()` | it fails |
    /// | --- | --- | --- |
    /// | while others enter, or before the body is polled for the first time | it is dropped | the group fails, as after a failed enter; exits receive [`Lost`](ExitCase::Lost), and the cause is [`Cause::Lost`](crate::Cause::Lost) |
    /// | beside the body | it is dropped | the body is polled once more; if it does not finish, it is dropped, exits receive `Lost`, and the cause is `Lost` |
    /// | beside the exits, or before its own exit | it is dropped | its error becomes the error of the member's exit; if the exit fails too, the driver's error takes its place |
    ///
    /// The exit of the lost member runs all the same. If the library lets that exit wait for the dead driver, the exit
    /// hangs. Give such an exit a deadline by [`exit_within`](Self::exit_within).
    ///
    /// Do not pass a driver to [`cancel_on`](crate::Gather::cancel_on). The gather would drop it before the exits,
    /// which would then fail, or wait for it for ever.
    ///
    /// # Panics
    ///
    /// With the feature `std`, a panic of the driver counts as a panic of an enter, of the body or of the member's
    /// exit, whichever runs beside it. While the member waits for its exit, the panic is kept, and changes no case.
    ///
    /// # Cancellation
    ///
    /// If the gather is dropped, the driver is dropped and the handle is abandoned. With a
    /// [`shield`](crate::Gather::shield), the driver moves along with the exits. Nobody polls the drivers of an
    /// [`Entered`](crate::Entered) that you hold yourself. Make it a member of an outer group, which polls them.
    fn driven<H, D>(self) -> Adapted<Self, ByDriver>
    where
        Self::Output: Fallible<Value = (H, D)>,
        D: Future<Output: DriverOutput<ErrorOf<Self>>> + Unpin,
    {
        Adapted { member: self, adapter: ByDriver::NEW }
    }

    /// Runs a step of the enter beside the driver, such as `BEGIN` or a subscription. Call it before
    /// [`driven`](Self::driven).
    ///
    /// # Errors
    ///
    /// If the step or the driver fails, the enter fails, and the handle and the driver are dropped.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    /// use smol::channel::bounded;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let connect = async {
    ///     let (client, requests) = bounded::<&'static str>(1);
    ///     let driver = Box::pin(async move { while requests.recv().await.is_ok() {} });
    ///     Ok((client, driver))
    /// };
    /// let begun = connect.prepared(async |client| {
    ///     client.send("BEGIN").await.map_err(io::Error::other)
    /// });
    /// gather((begun.driven().drop_on_exit(),)).with(async |_| Ok(())).await?;
    /// # Ok(()) }) }
    /// ```
    fn prepared<H, D, E>(
        self,
        step: impl AsyncFnOnce(&mut H) -> Result<(), E>,
    ) -> impl Future<Output = Result<(H, Prepared<D, E>), E>>
    where
        Self: IntoFuture<Output = Result<(H, D), E>>,
        D: Future<Output: DriverOutput<E>> + Unpin,
    {
        prepare(self, step)
    }

    /// Makes a member whose failed enter does not fail the group. The body receives an [`Optional`](crate::Optional),
    /// which holds the value or the error.
    ///
    /// If the member could not be entered, it has no exit, and the exits of the others decide whether the body's error
    /// is [suppressed](crate::Failure::is_suppressed). An observer receives [`EnterFailed`](crate::Event::EnterFailed).
    /// Call `optional` last, after the adapters that say how the value is exited.
    ///
    /// # Panics
    ///
    /// A panic of the enter counts like a panic of any other member.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// async fn replica(n: usize) -> Result<usize, io::Error> {
    ///     if n % 2 == 0 { Ok(n) } else { Err(io::Error::other("no route")) }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// // Three replicas out of five are enough.
    /// let replicas: [_; 5] = std::array::from_fn(|n| replica(n).drop_on_exit().optional());
    /// let sum = gather(replicas)
    ///     .with(async |replicas| {
    ///         let entered = replicas.iter().filter(|replica| replica.is_entered()).count();
    ///         if entered < 3 {
    ///             return Err(io::Error::other(format!("only {entered} replicas")));
    ///         }
    ///         let entered = replicas.into_iter().filter_map(|replica| replica.as_mut());
    ///         Ok(entered.map(|n| *n).sum::<usize>())
    ///     })
    ///     .await?;
    /// assert_eq!(sum, 6);
    /// # Ok(()) }) }
    /// ```
    fn optional(self) -> Adapted<Self, ByOption>
    where
        Self::Output: Fallible<Value: Resource<Error = ErrorOf<Self>>>,
    {
        Adapted { member: self, adapter: ByOption }
    }
}

impl<M: IntoFuture> EnterExt for M {}

/// A member's output: a `Result`. This trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a member's output",
    label = "a member returns a `Result<V, E>` when awaited: wrap the value in `Ok(..)`"
)]
pub trait Fallible: private::Sealed {
    /// The value of `Ok`.
    type Value;
    /// The error of `Err`.
    type Error;
}

/// The value that the member `M` returns in `Ok`.
pub type ValueOf<M> = <<M as IntoFuture>::Output as Fallible>::Value;

/// The error that the member `M` returns in `Err`.
pub type ErrorOf<M> = <<M as IntoFuture>::Output as Fallible>::Error;

mod private {
    pub trait Sealed {}
}

impl<V, E> private::Sealed for Result<V, E> {}
impl<X, W, A> private::Sealed for ByClosure<X, W, A> {}
#[cfg(feature = "alloc")]
impl<V, E> private::Sealed for ByBox<V, E> {}
impl private::Sealed for ByDrop {}
impl<E2> private::Sealed for ByInto<E2> {}
impl<D> private::Sealed for ByDeadline<D> {}
impl<A> private::Sealed for ByDriver<A> {}
impl private::Sealed for ByItself {}
impl private::Sealed for ByOption {}
impl private::Sealed for () {}
impl<F> private::Sealed for AbandonWith<F> {}

impl<V, E> Fallible for Result<V, E> {
    type Value = V;
    type Error = E;
}

/// Makes a resource of a member's output, once. This trait is sealed.
pub trait Adapter<Output>: private::Sealed {
    /// The resource.
    type Value;
    /// The error of the enter.
    type Error;

    #[doc(hidden)]
    fn adapt(&mut self, output: Output) -> Result<Self::Value, Self::Error>;
}

const ONCE: &str = "a member is entered once";

/// The adapter of [`EnterExt::exit_with`]. `A` is `()`, or the [`AbandonWith`] that `abandon_with` has set.
#[derive(Clone)]
pub struct ByClosure<X, W, A = ()>(Option<(X, A)>, PhantomData<fn() -> W>);

impl<X, W> ByClosure<X, W> {
    pub(crate) fn new(exit: X) -> Self {
        Self(Some((exit, ())), PhantomData)
    }

    /// Returns the same adapter, with a closure that receives the value in a drop.
    pub(crate) fn abandon_with<F>(self, abandon: F) -> ByClosure<X, W, AbandonWith<F>> {
        ByClosure(self.0.map(|(exit, ())| (exit, AbandonWith(abandon))), PhantomData)
    }
}

debug_by_name!(ByClosure<X, W, A>, AbandonWith<F>, ByInto<E2>, ByDeadline<D>);

impl<V, E, X, W, A> Adapter<Result<V, E>> for ByClosure<X, W, A> {
    type Value = ExitWith<V, X, W, E, A>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<ExitWith<V, X, W, E, A>, E> {
        // Closures that are not needed stay here: their destructors must not come between an error and its slot.
        output.map(|value| {
            let (exit, abandon) = self.0.take().expect(ONCE);
            ExitWith { value, exit, abandon, _answers: PhantomData }
        })
    }
}

impl<M: IntoFuture<Output = Result<V, E>>, V, E, X, W> Adapted<M, ByClosure<X, W>> {
    /// Calls `abandon` with the value if the gather is dropped before the exit starts. Use it for work that needs no
    /// await, such as killing a process or cutting the power. Without it the value is dropped.
    ///
    /// ```
    /// use std::{cell::Cell, future::Future, io, pin::pin, task::{Context, Waker}};
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// let state = Cell::new("on");
    /// let radio = async { Ok::<_, io::Error>(&state) }
    ///     .exit_with(async |state, _| Ok(state.set("powered down")))
    ///     .abandon_with(|state| state.set("power cut"));
    /// {
    ///     let body = async |_: (&mut _,)| Ok(std::future::pending::<()>().await);
    ///     let mut future = pin!(gather((radio,)).with(body));
    ///     assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// } // dropped while the body runs
    /// assert_eq!(state.get(), "power cut");
    /// ```
    pub fn abandon_with<F: FnOnce(V)>(self, abandon: F) -> Adapted<M, ByClosure<X, W, AbandonWith<F>>> {
        Adapted { member: self.member, adapter: self.adapter.abandon_with(abandon) }
    }
}

/// Releases a value that is abandoned: `()` only drops it, and [`AbandonWith`] calls a closure. This trait is sealed.
pub trait Abandon<V>: private::Sealed {
    #[doc(hidden)]
    fn abandon(self, value: V);
}

impl<V> Abandon<V> for () {
    fn abandon(self, _: V) {}
}

/// The closure of `abandon_with`.
#[derive(Clone)]
pub struct AbandonWith<F>(F);

impl<V, F: FnOnce(V)> Abandon<V> for AbandonWith<F> {
    fn abandon(self, value: V) {
        (self.0)(value);
    }
}

/// The closure of an exit, in a box. The future that it returns is in another box.
#[cfg(feature = "alloc")]
type BoxedExit<V, E> = Box<dyn FnOnce(V, ExitCase) -> Pin<Box<dyn Future<Output = Result<Answer, E>> + Send>> + Send>;

/// The closure of `abandon_with`, in a box.
#[cfg(feature = "alloc")]
type BoxedAbandon<V> = Box<dyn FnOnce(V) + Send>;

/// The adapter of [`EnterExt::exit_boxed`].
#[cfg(feature = "alloc")]
pub struct ByBox<V, E>(Option<(BoxedExit<V, E>, Option<BoxedAbandon<V>>)>);

#[cfg(feature = "alloc")]
debug_by_name!(ByBox<V, E>);

#[cfg(feature = "alloc")]
impl<V, E> ByBox<V, E> {
    pub(crate) fn new<X, Fut, W>(exit: X) -> Self
    where
        X: FnOnce(V, ExitCase) -> Fut + Send + 'static,
        Fut: Future<Output = Result<W, E>> + Send + 'static,
        W: Into<Verdict>,
    {
        Self(Some((Box::new(|value, case| Box::pin(Answering(exit(value, case)))), None)))
    }
}

#[cfg(feature = "alloc")]
impl<V, E> Adapter<Result<V, E>> for ByBox<V, E> {
    type Value = ExitBoxed<V, E>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<ExitBoxed<V, E>, E> {
        output.map(|value| {
            let (exit, abandon) = self.0.take().expect(ONCE);
            ExitBoxed { value, exit, abandon }
        })
    }
}

#[cfg(feature = "alloc")]
impl<M, V, E> Adapted<M, ByBox<V, E>> {
    /// Calls `abandon` with the value if the gather is dropped before the exit starts. Without it the value is dropped.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, gather};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let (sent, received) = std::sync::mpsc::channel();
    /// let radio = async { Ok::<_, io::Error>("radio") }
    ///     .exit_boxed(async |_, _| Ok(()))
    ///     .abandon_with(move |name| drop(sent.send(name)));
    /// drop(gather((radio,)).enter().await?);
    /// assert_eq!(received.recv()?, "radio");
    /// # Ok(()) }) }
    /// ```
    pub fn abandon_with(self, abandon: impl FnOnce(V) + Send + 'static) -> Self {
        let ByBox(exit) = self.adapter;
        let closures = exit.map(|(exit, _)| (exit, Some(Box::new(abandon) as BoxedAbandon<V>)));
        Adapted { member: self.member, adapter: ByBox(closures) }
    }
}

/// The adapter of [`EnterExt::drop_on_exit`].
#[derive(Clone, Debug)]
pub struct ByDrop;

impl<V, E> Adapter<Result<V, E>> for ByDrop {
    type Value = DropOnExit<V, E>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<DropOnExit<V, E>, E> {
        output.map(|value| DropOnExit { value, _answers: PhantomData })
    }
}

/// The adapter of [`EnterExt::errors_into`].
#[derive(Clone)]
pub struct ByInto<E2>(PhantomData<fn() -> E2>);

impl<V, E: Into<E2>, E2> Adapter<Result<V, E>> for ByInto<E2> {
    type Value = ErrorsInto<V, E2>;
    type Error = E2;

    fn adapt(&mut self, output: Result<V, E>) -> Result<ErrorsInto<V, E2>, E2> {
        match output {
            Ok(value) => Ok(ErrorsInto { value, _answers: PhantomData }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The adapter of [`EnterExt::exit_within`].
#[derive(Clone)]
pub struct ByDeadline<D>(Option<D>);

impl<V, E, D> Adapter<Result<V, E>> for ByDeadline<D> {
    type Value = ExitWithin<V, D>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<ExitWithin<V, D>, E> {
        output.map(|value| ExitWithin { value, deadline: self.0.take().expect(ONCE) })
    }
}

/// A member with an adapter. The methods of [`EnterExt`] make it. If you await it by itself, it returns the resource.
///
/// ```
/// use std::io;
///
/// use gather_cm::EnterExt;
///
/// # fn main() -> Result<(), io::Error> { smol::block_on(async {
/// let resource = async { Ok::<_, io::Error>("lock") }.drop_on_exit().await?;
/// assert_eq!(resource.len(), 4);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
#[must_use = "a member does nothing unless it is gathered"]
pub struct Adapted<M, A> {
    pub(crate) member: M,
    pub(crate) adapter: A,
}

impl<M: IntoFuture, A: Adapter<M::Output>> IntoFuture for Adapted<M, A> {
    type Output = Result<A::Value, A::Error>;
    type IntoFuture = Adapting<M::IntoFuture, A>;

    fn into_future(self) -> Self::IntoFuture {
        Adapting { future: self.member.into_future(), adapter: self.adapter }
    }
}

debug_by_name!(Adapted<M, A>);

/// The future of an adapted member's enter. The member's own future stays in its place to the end, so that the owner of
/// this future drops it. By then the resource has left it, and a destructor that panics cannot lose the resource.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Adapting<Fut, A> {
    #[pin]
    future: Fut,
    adapter: A,
}

impl<Fut: Future, A: Adapter<Fut::Output>> Future for Adapting<Fut, A> {
    type Output = Result<A::Value, A::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.future.poll(cx).map(|output| this.adapter.adapt(output))
    }
}

debug_by_name!(Adapting<Fut, A>);

/// A member with a deadline for its enter. [`EnterExt::enter_within`] makes it. If you await it by itself, it returns
/// the resource or the deadline's output.
///
/// ```
/// use std::{future::pending, io};
///
/// use gather_cm::EnterExt;
///
/// # smol::block_on(async {
/// let hangs = pending::<Result<(), io::Error>>();
/// let result = hangs.enter_within(async || io::Error::other("late")).await;
/// assert_eq!(result.map_err(|error| error.to_string()), Err("late".to_string()));
/// # });
/// ```
#[derive(Clone)]
#[must_use = "a member does nothing unless it is gathered"]
pub struct EnterWithin<M, D> {
    member: M,
    deadline: D,
}

impl<M: IntoFuture<Output = Result<V, E>>, D: Future<Output = E>, V, E> IntoFuture for EnterWithin<M, D> {
    type Output = Result<V, E>;
    type IntoFuture = Race<M::IntoFuture, D, E>;

    fn into_future(self) -> Self::IntoFuture {
        Race { future: self.member.into_future(), deadline: self.deadline, late: None }
    }
}

debug_by_name!(EnterWithin<M, D>);

/// A future and its deadline. It polls the deadline first, so that the deadline fires even if the future uses up the
/// task's budget. The future still wins if both are ready in one poll.
///
/// Neither is dropped before the whole `Race` is, because a destructor that panics must not come between a result and
/// its slot.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Race<Fut, D, E> {
    #[pin]
    future: Fut,
    #[pin]
    deadline: D,
    /// The error that the deadline returned.
    late: Option<E>,
}

impl<Fut: Future<Output = Result<T, E>>, D: Future<Output = E>, T, E> Future for Race<Fut, D, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(error) = this.deadline.poll(cx) {
            *this.late = Some(error);
        }
        match this.future.poll(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => this.late.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        }
    }
}

/// An exit with a deadline. If a driver has failed before the deadline, its error takes the place of the deadline's.
#[pin_project]
struct InTime<Fut, D, E>(#[pin] Race<Fut, D, E>);

impl<Fut: Exiting, D: Future<Output = Fut::Error>> Future for InTime<Fut, D, Fut::Error> {
    type Output = Result<Answer, Fut::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut race = self.project().0;
        let polled = race.as_mut().poll(cx);
        if polled.is_pending() || !Fut::Kind::DRIVEN {
            return polled;
        }
        match race.project().future.take_lost() {
            Some(error) => Poll::Ready(Err(error)),
            None => polled,
        }
    }
}

impl<Fut: Exiting, D: Future<Output = Fut::Error>> Exiting for InTime<Fut, D, Fut::Error> {
    type Error = Fut::Error;
    type Kind = Fut::Kind;

    fn take_lost(self: Pin<&mut Self>) -> Option<Fut::Error> {
        self.project().0.project().future.take_lost()
    }

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.project().0.project().future.driver_ended()
    }
}

debug_by_name!(Race<Fut, D, E>);

/// Lets a resource that wraps a value deref to the value, and return it.
macro_rules! wrapper {
    ($Wrapper:ident<V $(, $T:ident)*>) => {
        impl<V $(, $T)*> $Wrapper<V $(, $T)*> {
            /// Returns the value without exiting it. You are responsible for the value now.
            ///
            /// ```
            /// use std::io;
            ///
            /// use gather_cm::{DropOnExit, EnterExt, Entered, gather};
            ///
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
            /// let member = async { Ok::<_, io::Error>("kept") }.drop_on_exit();
            /// let (value,) = Entered::into_inner(gather((member,)).enter().await?);
            /// assert_eq!(DropOnExit::into_inner(value), "kept");
            /// # Ok(()) }) }
            /// ```
            pub fn into_inner(this: Self) -> V {
                this.value
            }
        }

        impl<V $(, $T)*> Deref for $Wrapper<V $(, $T)*> {
            type Target = V;

            fn deref(&self) -> &V {
                &self.value
            }
        }

        impl<V $(, $T)*> DerefMut for $Wrapper<V $(, $T)*> {
            fn deref_mut(&mut self) -> &mut V {
                &mut self.value
            }
        }

        impl<V: fmt::Debug $(, $T)*> fmt::Debug for $Wrapper<V $(, $T)*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($Wrapper)).field(&self.value).finish()
            }
        }

        impl<V $(, $T)*> Sealed for $Wrapper<V $(, $T)*> {}
    };
}

/// A value that a closure exits: the resource of [`EnterExt::exit_with`].
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let list = async { Ok::<_, io::Error>(vec![1]) }
///     .exit_with(async |list, _| Ok(assert_eq!(list, [1, 2])));
/// gather((list,)).with(async |(list,)| Ok(list.push(2))).await?;
/// # Ok(()) }) }
/// ```
pub struct ExitWith<V, X, W, E, A = ()> {
    value: V,
    exit: X,
    abandon: A,
    _answers: PhantomData<fn() -> (W, E)>,
}

wrapper!(ExitWith<V, X, W, E, A>);

impl<V, X, W, E, A> Resource for ExitWith<V, X, W, E, A>
where
    X: AsyncFnOnce(V, ExitCase) -> Result<W, E>,
    W: Into<Verdict>,
    A: Abandon<V>,
{
    type Error = E;
    type Verdict = W;
    type Value = V;

    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = E> {
        Answering(self.exit_resource(case))
    }

    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<W, E>> {
        Beside((self.exit)(self.value, case), self.abandon)
    }

    fn lend_value(&mut self) -> &mut V {
        &mut self.value
    }

    fn abandon_resource(self) {
        let Self { value, exit, abandon, .. } = self;
        unwind::in_turn(|| abandon.abandon(value), || drop(exit));
    }
}

/// A value that a closure in a box exits: the resource of [`EnterExt::exit_boxed`]. It has a name that fits into a
/// field of a struct.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, ExitBoxed, Member, gather};
///
/// type Database = ExitBoxed<u8, io::Error>;
///
/// fn database() -> impl Member<Value = u8, Error = io::Error, Resource = Database> {
///     async { Ok(7) }.exit_boxed(async |_, _| Ok(()))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// assert_eq!(gather((database(),)).with(async |(value,)| Ok(*value)).await?, 7);
/// # Ok(()) }) }
/// ```
#[cfg(feature = "alloc")]
pub struct ExitBoxed<V, E> {
    value: V,
    exit: BoxedExit<V, E>,
    abandon: Option<BoxedAbandon<V>>,
}

#[cfg(feature = "alloc")]
wrapper!(ExitBoxed<V, E>);

#[cfg(feature = "alloc")]
impl<V, E> Resource for ExitBoxed<V, E> {
    type Error = E;
    type Verdict = Verdict;
    type Value = V;

    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = E> {
        Beside(Alone((self.exit)(self.value, case)), self.abandon)
    }

    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<Verdict, E>> {
        Judging(self.release_resource(case))
    }

    fn lend_value(&mut self) -> &mut V {
        &mut self.value
    }

    fn abandon_resource(self) {
        let Self { value, exit, abandon } = self;
        let abandon = || match abandon {
            Some(abandon) => abandon(value),
            None => drop(value),
        };
        unwind::in_turn(abandon, || drop(exit));
    }
}

/// A value whose own `Drop` is its exit: the resource of [`EnterExt::drop_on_exit`].
///
/// ```
/// use std::io;
///
/// use gather_cm::{DropOnExit, EnterExt, Entered, gather};
///
/// struct Buffers {
///     group: Entered<[DropOnExit<Vec<u8>, io::Error>; 2]>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// let members = [2, 3].map(|len| async move { Ok(vec![0; len]) }.drop_on_exit());
/// let buffers = Buffers { group: gather(members).enter().await? };
/// assert_eq!(buffers.group[1].len(), 3);
/// # Ok(()) }) }
/// ```
pub struct DropOnExit<V, E> {
    value: V,
    _answers: PhantomData<fn() -> E>,
}

wrapper!(DropOnExit<V, E>);

impl<V, E> Resource for DropOnExit<V, E> {
    type Error = E;
    type Verdict = ();
    type Value = V;

    fn release_resource(self, _: ExitCase) -> impl Exiting<Error = E> {
        drop(self.value);
        Alone(poll_fn(|_| Poll::Ready(Ok(Answer::Propagate))))
    }

    async fn exit_resource(self, _: ExitCase) -> Result<(), E> {
        drop(self.value);
        Ok(())
    }

    fn lend_value(&mut self) -> &mut V {
        &mut self.value
    }
}

/// A future, and a value that is dropped along with it, because the destructor of the value may panic.
#[pin_project]
struct Beside<Fut, A>(#[pin] Fut, A);

impl<Fut: Future, A> Future for Beside<Fut, A> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        self.project().0.poll(cx)
    }
}

impl<Fut: Exiting, A> Exiting for Beside<Fut, A> {
    type Error = Fut::Error;
    type Kind = Fut::Kind;

    fn take_lost(self: Pin<&mut Self>) -> Option<Fut::Error> {
        self.project().0.take_lost()
    }

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.project().0.driver_ended()
    }
}

/// The future of an exit whose error becomes an `E2`. The inner future stays in its place to the end, as in
/// [`Adapting`].
#[pin_project]
struct ErrInto<Fut, E2> {
    #[pin]
    future: Fut,
    _into: PhantomData<fn() -> E2>,
}

impl<Fut: Future<Output = Result<T, E>>, T, E: Into<E2>, E2> Future for ErrInto<Fut, E2> {
    type Output = Result<T, E2>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(|result| result.map_err(Into::into))
    }
}

impl<Fut: Exiting<Error: Into<E2>>, E2> Exiting for ErrInto<Fut, E2> {
    type Error = E2;
    type Kind = Fut::Kind;

    fn take_lost(self: Pin<&mut Self>) -> Option<E2> {
        self.project().future.take_lost().map(Into::into)
    }

    fn driver_ended(self: Pin<&mut Self>) -> bool {
        self.project().future.driver_ended()
    }
}

/// A resource whose errors become an `E2`: the resource of [`EnterExt::errors_into`]. It passes `on_error` and
/// `abandon` on to the resource inside it.
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # smol::block_on(async {
/// let member = async { Ok(()) }
///     .exit_with(async |(), _| Err::<(), _>(io::ErrorKind::TimedOut))
///     .errors_into::<io::Error>();
/// let failure = gather((member,)).with(async |_| Ok(())).await.unwrap_err();
/// assert_eq!(failure.exits.get(0).map(io::Error::kind), Some(io::ErrorKind::TimedOut));
/// # });
/// ```
pub struct ErrorsInto<V, E2> {
    value: V,
    _answers: PhantomData<fn() -> E2>,
}

wrapper!(ErrorsInto<V, E2>);

impl<V: Resource<Error: Into<E2>>, E2> Resource for ErrorsInto<V, E2> {
    type Error = E2;
    type Verdict = V::Verdict;
    type Value = V::Value;

    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = E2> {
        ErrInto { future: self.value.release_resource(case), _into: PhantomData }
    }

    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<V::Verdict, E2>> {
        ErrInto { future: self.value.exit_resource(case), _into: PhantomData }
    }

    fn lend_value(&mut self) -> &mut V::Value {
        self.value.lend_value()
    }

    fn show_error(&mut self, error: &dyn Any) {
        self.value.show_error(error);
    }

    fn abandon_resource(self) {
        self.value.abandon_resource();
    }

    const OPTIONAL: bool = V::OPTIONAL;

    fn is_absent(&self) -> bool {
        self.value.is_absent()
    }

    const DRIVEN: bool = V::DRIVEN;

    fn drive_resource(&mut self, cx: &mut Context<'_>) -> Drove {
        self.value.drive_resource(cx)
    }

    fn has_lost(&self) -> bool {
        self.value.has_lost()
    }

    fn take_lost(&mut self) -> Option<E2> {
        self.value.take_lost().map(Into::into)
    }

    fn split_drivers() -> impl Split<Self, Drivers = impl Drive<Self>> {
        OfTarget(V::split_drivers())
    }
}

/// A resource with a deadline for its exit: the resource of [`EnterExt::exit_within`]. It passes `on_error` and
/// `abandon` on to the resource inside it.
///
/// ```
/// use std::{future::pending, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// # smol::block_on(async {
/// let hangs = async { Ok(()) }.exit_with(async |(), _| pending::<Result<(), _>>().await);
/// let hangs = hangs.exit_within(async || io::Error::other("late"));
/// let failure = gather((hangs,)).with(async |_| Ok(())).await.unwrap_err();
/// assert_eq!(failure.to_string(), "exit of member 0 failed: late");
/// # });
/// ```
pub struct ExitWithin<V, D> {
    value: V,
    deadline: D,
}

wrapper!(ExitWithin<V, D>);

impl<V: Resource, D: AsyncFnOnce() -> V::Error> Resource for ExitWithin<V, D> {
    type Error = V::Error;
    type Verdict = V::Verdict;
    type Value = V::Value;

    fn release_resource(self, case: ExitCase) -> impl Exiting<Error = V::Error> {
        InTime(Race { future: self.value.release_resource(case), deadline: (self.deadline)(), late: None })
    }

    fn exit_resource(self, case: ExitCase) -> impl Future<Output = Result<V::Verdict, V::Error>> {
        Race { future: self.value.exit_resource(case), deadline: (self.deadline)(), late: None }
    }

    fn lend_value(&mut self) -> &mut V::Value {
        self.value.lend_value()
    }

    fn show_error(&mut self, error: &dyn Any) {
        self.value.show_error(error);
    }

    fn abandon_resource(self) {
        let Self { value, deadline } = self;
        unwind::in_turn(|| value.abandon_resource(), || drop(deadline));
    }

    const OPTIONAL: bool = V::OPTIONAL;

    fn is_absent(&self) -> bool {
        self.value.is_absent()
    }

    const DRIVEN: bool = V::DRIVEN;

    fn drive_resource(&mut self, cx: &mut Context<'_>) -> Drove {
        self.value.drive_resource(cx)
    }

    fn has_lost(&self) -> bool {
        self.value.has_lost()
    }

    fn take_lost(&mut self) -> Option<V::Error> {
        self.value.take_lost()
    }

    fn split_drivers() -> impl Split<Self, Drivers = impl Drive<Self>> {
        OfTarget(V::split_drivers())
    }
}
