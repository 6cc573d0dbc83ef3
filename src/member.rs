//! Adapters, on every member: [`EnterExt`].

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

use crate::{Exit, ExitCase, Verdict};

/// Adapters, on every member: they say how a value is exited, or what its errors become.
///
/// A member is anything that gives `Result<V, E>` when awaited. The resources that the adapters give deref to the value
/// they wrap, and give it back by `into_inner`. Borrowed and `!Send` values work.
///
/// # Cancellation
///
/// Where the gather is dropped, the member's own future is dropped, or its value is abandoned, as without the adapter;
/// by [`exit_with`](Self::exit_with) and [`drop_on_exit`](Self::drop_on_exit) it is dropped.
///
/// ```
/// use gather_cm::{EnterExt, gather};
///
/// smol::block_on(async {
///     let broker = async { Ok::<_, String>("broker") }.exit_with(async |name, case| {
///         println!("closing {name}: {case:?}");
///         Ok(())
///     });
///     let buffer = async { Ok::<_, String>(vec![1, 2, 3]) }.drop_on_exit();
///     let len = gather((broker, buffer)).with(async |(broker, buffer)| broker.len() + buffer.len()).await.unwrap();
///     assert_eq!(len, 9);
/// });
/// ```
pub trait EnterExt: IntoFuture + Sized {
    /// The value is exited by `exit`, a closure or a plain `async fn`.
    ///
    /// If the value is a resource already, `exit` stands in for its own, and its `witness` and `abandon` are not
    /// called. Abandoned, the value is dropped.
    ///
    /// # Errors
    ///
    /// Entering and exiting fail with one error type.
    ///
    /// ```
    /// use gather_cm::{EnterExt, ExitCase, gather};
    /// use std::cell::RefCell;
    ///
    /// let log = RefCell::new(Vec::new());
    /// smol::block_on(async {
    ///     let member = async { Ok::<_, ()>("uart") }.exit_with(async |name, case| {
    ///         log.borrow_mut().push((name, case));
    ///         Ok(())
    ///     });
    ///     gather((member,)).with(async |(name,)| assert_eq!(name.len(), 4)).await.unwrap();
    /// });
    /// assert_eq!(log.into_inner(), [("uart", ExitCase::Completed)]);
    /// ```
    fn exit_with<X, W, E>(self, exit: X) -> Adapted<Self, ByClosure<X, W>>
    where
        Self::Output: Fallible<Error = E>,
        X: AsyncFnOnce(<Self::Output as Fallible>::Value, ExitCase) -> Result<W, E>,
        W: Into<Verdict>,
    {
        Adapted { member: self, adapter: ByClosure(Some(exit), PhantomData) }
    }

    /// The value's own `Drop` is its exit, so that RAII guards join a group. It never fails and never suppresses.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// smol::block_on(async {
    ///     let lock = smol::lock::Mutex::new(1);
    ///     let guard = async { Ok::<_, ()>(lock.lock().await) }.drop_on_exit();
    ///     gather((guard,)).with(async |(value,)| ***value += 1).await.unwrap();
    ///     assert_eq!(*lock.try_lock().unwrap(), 2);
    /// });
    /// ```
    fn drop_on_exit(self) -> Adapted<Self, ByDrop>
    where
        Self::Output: Fallible,
    {
        Adapted { member: self, adapter: ByDrop }
    }

    /// Both the enter's error and the exit's become an `E2`, by [`Into`], so that members of different error types
    /// make a group.
    ///
    /// The resource's `witness` is shown the group's error, which for a sibling's enter is an `E2`.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    ///
    /// #[derive(Debug, PartialEq)]
    /// enum Error { Parse(std::num::ParseIntError), Utf8(std::str::Utf8Error) }
    /// impl From<std::num::ParseIntError> for Error {
    ///     fn from(error: std::num::ParseIntError) -> Self { Self::Parse(error) }
    /// }
    /// impl From<std::str::Utf8Error> for Error {
    ///     fn from(error: std::str::Utf8Error) -> Self { Self::Utf8(error) }
    /// }
    ///
    /// smol::block_on(async {
    ///     let number = async { "17".parse::<i32>() }.drop_on_exit().errors_into::<Error>();
    ///     let text = async { std::str::from_utf8(b"text") }.drop_on_exit().errors_into();
    ///     gather((number, text)).with(async |(number, _text)| assert_eq!(***number, 17)).await.unwrap();
    /// });
    /// ```
    fn errors_into<E2>(self) -> Adapted<Self, ByInto<E2>>
    where
        Self::Output: Fallible<Value: Exit<Error = <Self::Output as Fallible>::Error>, Error: Into<E2>>,
    {
        Adapted { member: self, adapter: ByInto(PhantomData) }
    }

    /// The member must be entered before `deadline` is over; otherwise its enter is dropped, and what `deadline` gives is
    /// its fault.
    ///
    /// The deadline is any future: a timer of whatever runtime, made by the closure when the member begins to enter. It
    /// is polled after the member, so that a member that is ready just in time has entered.
    ///
    /// # Errors
    ///
    /// As the member, and with what `deadline` gives.
    ///
    /// # Cancellation
    ///
    /// An enter that is too late is dropped, as one is by [`Gather::fail_fast`](crate::Gather::fail_fast): it must clean
    /// up after itself.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    /// use std::{future::pending, time::Duration};
    ///
    /// let connect = |slow: bool| async move { if slow { pending().await } else { Ok::<_, String>("connected") } };
    /// let deadline = |name: &'static str| async move || {
    ///     smol::Timer::after(Duration::from_millis(1)).await;
    ///     format!("{name} did not answer")
    /// };
    /// smol::block_on(async {
    ///     let disk = connect(false).drop_on_exit().enter_within(deadline("the disk"));
    ///     let link = connect(true).drop_on_exit().enter_within(deadline("the link"));
    ///     let failure = gather((disk, link)).with(async |_| ()).await.unwrap_err();
    ///     assert_eq!(failure.to_string(), "enter of member 1 failed: the link did not answer");
    /// });
    /// ```
    fn enter_within<D>(self, deadline: D) -> EnterWithin<Self, impl Future<Output = <Self::Output as Fallible>::Error>>
    where
        Self::Output: Fallible,
        D: AsyncFnOnce() -> <Self::Output as Fallible>::Error,
    {
        EnterWithin { member: self, deadline: async move { deadline().await } }
    }

    /// The resource must be exited before `deadline` is over; otherwise its exit is dropped, and what `deadline` gives
    /// is its fault. The other members are not touched.
    ///
    /// The deadline is any future: a timer of whatever runtime, made by the closure when the exit begins. It is polled
    /// after the exit, so that one that ends just in time has ended.
    ///
    /// # Errors
    ///
    /// As the member, and with what `deadline` gives.
    ///
    /// # Cancellation
    ///
    /// An exit that is too late is dropped, with the resource inside it: `abandon` is not called.
    ///
    /// ```
    /// use gather_cm::{EnterExt, gather};
    /// use std::{future::pending, time::Duration};
    ///
    /// smol::block_on(async {
    ///     let hangs = async { Ok(()) }
    ///         .exit_with(async |(), _| pending::<Result<(), &str>>().await)
    ///         .exit_within(async || {
    ///             smol::Timer::after(Duration::from_millis(1)).await;
    ///             "no answer to close"
    ///         });
    ///     let failure = gather((hangs,)).with(async |_| ()).await.unwrap_err();
    ///     assert_eq!(failure.to_string(), "exit of member 0 failed: no answer to close");
    /// });
    /// ```
    fn exit_within<D>(self, deadline: D) -> Adapted<Self, ByDeadline<D>>
    where
        Self::Output: Fallible<Value: Exit<Error = <Self::Output as Fallible>::Error>>,
        D: AsyncFnOnce() -> <Self::Output as Fallible>::Error,
    {
        Adapted { member: self, adapter: ByDeadline(Some(deadline)) }
    }
}

impl<M: IntoFuture> EnterExt for M {}

/// A `Result`, as what a member gives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a member gives",
    label = "a member gives a `Result<V, E>` when awaited"
)]
pub trait Fallible {
    type Value;
    type Error;
}

impl<V, E> Fallible for Result<V, E> {
    type Value = V;
    type Error = E;
}

/// Makes a resource of what a member gives, once.
pub trait Adapter<Output> {
    type Value;
    type Error;

    fn adapt(&mut self, output: Output) -> Result<Self::Value, Self::Error>;
}

const ONCE: &str = "a member is entered once";

/// [`EnterExt::exit_with`].
pub struct ByClosure<X, W>(Option<X>, PhantomData<fn() -> W>);

impl<V, E, X, W> Adapter<Result<V, E>> for ByClosure<X, W> {
    type Value = ExitWith<V, X, W, E>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<ExitWith<V, X, W, E>, E> {
        let exit = self.0.take();
        output.map(|value| ExitWith { value, exit: exit.expect(ONCE), _answers: PhantomData })
    }
}

/// [`EnterExt::drop_on_exit`].
pub struct ByDrop;

impl<V, E> Adapter<Result<V, E>> for ByDrop {
    type Value = DropOnExit<V, E>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<DropOnExit<V, E>, E> {
        output.map(|value| DropOnExit { value, _answers: PhantomData })
    }
}

/// [`EnterExt::errors_into`].
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

/// [`EnterExt::exit_within`].
pub struct ByDeadline<D>(Option<D>);

impl<V, E, D> Adapter<Result<V, E>> for ByDeadline<D> {
    type Value = ExitWithin<V, D>;
    type Error = E;

    fn adapt(&mut self, output: Result<V, E>) -> Result<ExitWithin<V, D>, E> {
        let deadline = self.0.take();
        output.map(|value| ExitWithin { value, deadline: deadline.expect(ONCE) })
    }
}

/// A member with an adapter: made by the methods of [`EnterExt`]. Awaited by itself it gives the resource.
///
/// ```
/// use gather_cm::{EnterExt, Exit, ExitCase};
///
/// smol::block_on(async {
///     let member = async { Ok::<_, ()>("lock") }.drop_on_exit();
///     let resource = member.await.unwrap();
///     resource.exit(ExitCase::Completed).await.unwrap();
/// });
/// ```
#[must_use = "a member does nothing unless it is gathered"]
pub struct Adapted<M, A> {
    member: M,
    adapter: A,
}

impl<M: IntoFuture, A: Adapter<M::Output>> IntoFuture for Adapted<M, A> {
    type Output = Result<A::Value, A::Error>;
    type IntoFuture = Adapting<M::IntoFuture, A>;

    fn into_future(self) -> Self::IntoFuture {
        Adapting { future: self.member.into_future(), adapter: self.adapter }
    }
}

impl<M, A> fmt::Debug for Adapted<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapted").finish_non_exhaustive()
    }
}

/// The future of an adapted member's entering. The member's own stays where it is to the end, for whoever drops this one:
/// where its destructor panics, the resource must be out of it.
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

impl<Fut, A> fmt::Debug for Adapting<Fut, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapting").finish_non_exhaustive()
    }
}

/// A member that must be entered in time: made by [`EnterExt::enter_within`]. Awaited by itself it gives the resource,
/// or what the deadline gives.
///
/// ```
/// use gather_cm::EnterExt;
/// use std::future::{pending, ready};
///
/// smol::block_on(async {
///     let hangs = pending::<Result<(), &str>>();
///     assert_eq!(hangs.enter_within(async || ready("late").await).await, Err("late"));
/// });
/// ```
#[must_use = "a member does nothing unless it is gathered"]
pub struct EnterWithin<M, D> {
    member: M,
    deadline: D,
}

impl<M: IntoFuture<Output = Result<V, E>>, D: Future<Output = E>, V, E> IntoFuture for EnterWithin<M, D> {
    type Output = Result<V, E>;
    type IntoFuture = Race<M::IntoFuture, D>;

    fn into_future(self) -> Self::IntoFuture {
        Race { future: self.member.into_future(), deadline: self.deadline }
    }
}

impl<M, D> fmt::Debug for EnterWithin<M, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterWithin").finish_non_exhaustive()
    }
}

/// A future, or the error that its deadline gives.
#[pin_project]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Race<Fut, D> {
    #[pin]
    future: Fut,
    #[pin]
    deadline: D,
}

impl<Fut: Future<Output = Result<T, E>>, D: Future<Output = E>, T, E> Future for Race<Fut, D> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => this.deadline.poll(cx).map(Err),
        }
    }
}

impl<Fut, D> fmt::Debug for Race<Fut, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").finish_non_exhaustive()
    }
}

/// A resource that wraps a value: it derefs to it, and gives it back.
macro_rules! wrapper {
    ($Wrapper:ident<V $(, $T:ident)*>) => {
        impl<V $(, $T)*> $Wrapper<V $(, $T)*> {
            /// The value itself, and the duty to release it: nothing is exited.
            ///
            /// ```
            /// use gather_cm::{EnterExt, gather};
            ///
            /// smol::block_on(async {
            ///     let member = async { Ok::<_, ()>("kept") }.drop_on_exit();
            ///     let (value,) = gather((member,)).enter().await.unwrap().into_inner();
            ///     assert_eq!(value.into_inner(), "kept");
            /// });
            /// ```
            pub fn into_inner(self) -> V {
                self.value
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
    };
}

/// A value that a closure exits: the resource of [`EnterExt::exit_with`].
///
/// ```
/// use gather_cm::{EnterExt, gather};
///
/// smol::block_on(async {
///     let member = async { Ok::<_, ()>(vec![1]) }.exit_with(async |list, _| Ok(assert_eq!(list, [1, 2])));
///     gather((member,)).with(async |(list,)| list.push(2)).await.unwrap();
/// });
/// ```
pub struct ExitWith<V, X, W, E> {
    value: V,
    exit: X,
    _answers: PhantomData<fn() -> (W, E)>,
}

wrapper!(ExitWith<V, X, W, E>);

impl<V, X, W, E> Exit for ExitWith<V, X, W, E>
where
    X: AsyncFnOnce(V, ExitCase) -> Result<W, E>,
    W: Into<Verdict>,
{
    type Error = E;
    type Verdict = W;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<W, E>> {
        (self.exit)(self.value, case)
    }
}

/// A value that is released by its own `Drop`: the resource of [`EnterExt::drop_on_exit`].
///
/// ```
/// use gather_cm::{DropOnExit, EnterExt, gather};
///
/// async fn fill((list,): (&mut DropOnExit<Vec<u8>, ()>,)) -> usize {
///     list.push(1);
///     list.len()
/// }
///
/// smol::block_on(async {
///     let member = async { Ok(Vec::new()) }.drop_on_exit();
///     assert_eq!(gather((member,)).with(fill).await.unwrap(), 1);
/// });
/// ```
pub struct DropOnExit<V, E> {
    value: V,
    _answers: PhantomData<fn() -> E>,
}

wrapper!(DropOnExit<V, E>);

impl<V, E> Exit for DropOnExit<V, E> {
    type Error = E;
    type Verdict = ();

    fn exit(self, _: ExitCase) -> impl Future<Output = Result<(), E>> {
        drop(self.value);
        poll_fn(|_| Poll::Ready(Ok(())))
    }
}

/// The exit's future of a resource whose errors become an `E2`. It stays where it is to its end, as in [`Adapting`].
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

/// A resource whose errors become an `E2`: the resource of [`EnterExt::errors_into`]. Its `witness` and `abandon` are
/// those of the resource inside.
///
/// ```
/// use gather_cm::{EnterExt, gather};
///
/// smol::block_on(async {
///     let member = async { Ok(()) }.exit_with(async |(), _| Err::<(), _>("stuck")).errors_into::<String>();
///     let failure = gather((member,)).with(async |_| {}).await.unwrap_err();
///     assert_eq!(failure.exits.get(0), Some(&String::from("stuck")));
/// });
/// ```
pub struct ErrorsInto<V, E2> {
    value: V,
    _answers: PhantomData<fn() -> E2>,
}

wrapper!(ErrorsInto<V, E2>);

impl<V: Exit<Error: Into<E2>>, E2> Exit for ErrorsInto<V, E2> {
    type Error = E2;
    type Verdict = V::Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<V::Verdict, E2>> {
        ErrInto { future: self.value.exit(case), _into: PhantomData }
    }

    fn witness(&mut self, error: &dyn Any) {
        self.value.witness(error);
    }

    fn abandon(self) {
        self.value.abandon();
    }
}

/// A resource that must be exited in time: that of [`EnterExt::exit_within`]. Its `witness` and `abandon` are those of
/// the resource inside.
///
/// ```
/// use gather_cm::{EnterExt, gather};
/// use std::future::{pending, ready};
///
/// smol::block_on(async {
///     let hangs = async { Ok(()) }.exit_with(async |(), _| pending::<Result<(), _>>().await);
///     let failure = gather((hangs.exit_within(async || ready("late").await),)).with(async |_| {}).await.unwrap_err();
///     assert_eq!(failure.exits.get(0), Some(&"late"));
/// });
/// ```
pub struct ExitWithin<V, D> {
    value: V,
    deadline: D,
}

wrapper!(ExitWithin<V, D>);

impl<V: Exit, D: AsyncFnOnce() -> V::Error> Exit for ExitWithin<V, D> {
    type Error = V::Error;
    type Verdict = V::Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<V::Verdict, V::Error>> {
        Race { future: self.value.exit(case), deadline: (self.deadline)() }
    }

    fn witness(&mut self, error: &dyn Any) {
        self.value.witness(error);
    }

    fn abandon(self) {
        self.value.abandon();
    }
}
