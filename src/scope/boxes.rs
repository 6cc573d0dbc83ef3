//! Resources of different types in one scope. Each is in a box, along with its exit.

use alloc::boxed::Box;
use core::{
    any::Any,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use crate::{Exit, ExitCase, Lent, Scope, Verdict};

/// A resource and its exit, one after the other in the same place.
///
/// | state     | holds                                   | next                                           |
/// |-----------|-----------------------------------------|------------------------------------------------|
/// | `Held`    | the value `V`, and `K` that makes `X`   | `Exiting` (`begin`), `Over` (`take`, `abandon`) |
/// | `Exiting` | the future of the exit                  | dropped along with the box                     |
/// | `Over`    | nothing                                 |                                                |
#[pin_project(project = CellProj, project_replace = CellOwn)]
enum Cell<V, K, X, H> {
    Held(V, K, PhantomData<fn() -> H>),
    Exiting(#[pin] X),
    Over,
}

/// Says what a value does besides its exit.
trait Hooks<V> {
    fn on_error(value: &mut V, error: &dyn Any);

    fn abandon(value: V);
}

/// The value does what its `Exit` says.
enum OfExit {}

impl<V: Exit> Hooks<V> for OfExit {
    fn on_error(value: &mut V, error: &dyn Any) {
        value.on_error(error);
    }

    fn abandon(value: V) {
        value.abandon();
    }
}

/// The value does nothing of its own.
enum Plain {}

impl<V> Hooks<V> for Plain {
    fn on_error(_: &mut V, _: &dyn Any) {}

    fn abandon(value: V) {
        drop(value);
    }
}

/// A cell of any type.
trait Erased<E> {
    fn begin(self: Pin<&mut Self>, case: ExitCase);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Verdict, E>>;

    fn on_error(self: Pin<&mut Self>, error: &dyn Any);

    fn abandon(self: Pin<&mut Self>);
}

/// A cell with a value of the type `V`.
trait Typed<V, E>: Erased<E> {
    fn value(&self) -> &V;

    fn value_mut(self: Pin<&mut Self>) -> &mut V;

    fn take(self: Pin<&mut Self>) -> V;
}

const HELD: &str = "a box that is lent holds its value";

impl<V, K, X, W, E, H> Erased<E> for Cell<V, K, X, H>
where
    K: FnOnce(V, ExitCase) -> X,
    X: Future<Output = Result<W, E>>,
    W: Into<Verdict>,
    H: Hooks<V>,
{
    fn begin(mut self: Pin<&mut Self>, case: ExitCase) {
        if let CellOwn::Held(value, exit, _) = self.as_mut().project_replace(Self::Over) {
            self.set(Self::Exiting(exit(value, case)));
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Verdict, E>> {
        match self.project() {
            CellProj::Exiting(exit) => exit.poll(cx).map_ok(Into::into),
            CellProj::Held(..) | CellProj::Over => Poll::Pending,
        }
    }

    fn on_error(self: Pin<&mut Self>, error: &dyn Any) {
        if let CellProj::Held(value, ..) = self.project() {
            H::on_error(value, error);
        }
    }

    fn abandon(self: Pin<&mut Self>) {
        if let CellOwn::Held(value, exit, _) = self.project_replace(Self::Over) {
            crate::unwind::in_turn(|| H::abandon(value), || drop(exit));
        }
    }
}

impl<V, K, X, W, E, H> Typed<V, E> for Cell<V, K, X, H>
where
    Self: Erased<E>,
    X: Future<Output = Result<W, E>>,
{
    fn value(&self) -> &V {
        match self {
            Self::Held(value, ..) => value,
            Self::Exiting(_) | Self::Over => unreachable!("{HELD}"),
        }
    }

    fn value_mut(self: Pin<&mut Self>) -> &mut V {
        match self.project() {
            CellProj::Held(value, ..) => value,
            CellProj::Exiting(_) | CellProj::Over => unreachable!("{HELD}"),
        }
    }

    fn take(self: Pin<&mut Self>) -> V {
        match self.project_replace(Self::Over) {
            CellOwn::Held(value, exit, _) => {
                // The value is a local by now, so that it is dropped too if this panics.
                drop(exit);
                value
            }
            CellOwn::Exiting(_) | CellOwn::Over => unreachable!("{HELD}"),
        }
    }
}

/// Writes the two kinds of boxes: one for every executor and thread, and one that may borrow.
macro_rules! boxes {
    (
        [$($life:lifetime)?], [$($bounds:tt)*], $Typed:ident,
        $(#[$exit_docs:meta])* $BoxExit:ident,
        $(#[$docs:meta])* $Boxed:ident,
    ) => {
        $(#[$exit_docs])*
        pub struct $BoxExit<$($life,)? E>(Pin<Box<dyn Erased<E> $($bounds)*>>);

        $(#[$docs])*
        pub struct $Boxed<$($life,)? V, E>(Pin<Box<dyn $Typed<$($life,)? V, E> $($bounds)*>>);

        /// A cell that can forget its type.
        trait $Typed<$($life,)? V, E>: Typed<V, E> {
            fn erase(self: Pin<Box<Self>>) -> Pin<Box<dyn Erased<E> $($bounds)*>>;
        }

        impl<$($life,)? T: Typed<V, E> $($bounds)*, V, E> $Typed<$($life,)? V, E> for T {
            fn erase(self: Pin<Box<Self>>) -> Pin<Box<dyn Erased<E> $($bounds)*>> {
                self
            }
        }

        impl<$($life,)? V, E> $Boxed<$($life,)? V, E> {
            /// Returns the value without exiting it. You are responsible for it now.
            ///
            /// ```
            /// use std::io;
            ///
            /// use gather_cm::{Boxed, Lent, Scope};
            ///
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
            /// let scope = Scope::new();
            /// let open = async { io::Result::Ok("text") };
            /// let text = scope.adopt(open, async |_, _| io::Result::Ok(())).await?;
            /// assert_eq!(Boxed::into_inner(Lent::into_inner(text)), "text");
            /// # Ok(()) }) }
            /// ```
            pub fn into_inner(mut this: Self) -> V {
                this.0.as_mut().take()
            }
        }

        impl<$($life,)? V, E> Deref for $Boxed<$($life,)? V, E> {
            type Target = V;

            fn deref(&self) -> &V {
                self.0.value()
            }
        }

        impl<$($life,)? V, E> DerefMut for $Boxed<$($life,)? V, E> {
            fn deref_mut(&mut self) -> &mut V {
                self.0.as_mut().value_mut()
            }
        }

        impl<$($life,)? V: fmt::Debug, E> fmt::Debug for $Boxed<$($life,)? V, E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($Boxed)).field(&**self).finish()
            }
        }

        impl<$($life,)? E> fmt::Debug for $BoxExit<$($life,)? E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($BoxExit)).finish_non_exhaustive()
            }
        }

        impl<$($life,)? V, E> From<$Boxed<$($life,)? V, E>> for $BoxExit<$($life,)? E> {
            fn from(boxed: $Boxed<$($life,)? V, E>) -> Self {
                Self(boxed.0.erase())
            }
        }

        impl<$($life,)? E> Exit for $BoxExit<$($life,)? E> {
            type Error = E;
            type Verdict = Verdict;

            fn exit(mut self, case: ExitCase) -> impl Future<Output = Result<Verdict, E>> {
                self.0.as_mut().begin(case);
                core::future::poll_fn(move |cx| self.0.as_mut().poll(cx))
            }

            fn on_error(&mut self, error: &dyn Any) {
                self.0.as_mut().on_error(error);
            }

            fn abandon(mut self) {
                self.0.as_mut().abandon();
            }
        }

        impl<$($life,)? V, E> Exit for $Boxed<$($life,)? V, E> {
            type Error = E;
            type Verdict = Verdict;

            fn exit(self, case: ExitCase) -> impl Future<Output = Result<Verdict, E>> {
                $BoxExit::from(self).exit(case)
            }

            fn on_error(&mut self, error: &dyn Any) {
                self.0.as_mut().on_error(error);
            }

            fn abandon(mut self) {
                self.0.as_mut().abandon();
            }
        }
    };
}

boxes!(
    [], [+ Send + 'static], SendTyped,
    /// A resource of any type in a box, along with its exit. Resources of different types can join a
    /// `Scope<BoxExit<E>>` if they have one error type `E`.
    ///
    /// The resource, its exit and its future share one allocation. They must be `Send` and `'static`, so that you can
    /// spawn the scope. If yours are not, use [`LocalBoxExit`].
    ///
    /// [`Scope::enter_boxed`] has an example.
    BoxExit,
    /// A resource of the type `V` that will be a [`BoxExit`]. It derefs to the resource.
    ///
    /// [`Scope::enter_boxed`] has an example.
    Boxed,
);

boxes!(
    ['a], [+ 'a], LocalTyped,
    /// A resource of any type in a box, along with its exit, for one thread. Both may borrow for `'a`, and need not be
    /// `Send`.
    ///
    /// [`Scope::enter_local`] has an example. If you need both, borrowed resources and a future that is `Send`, write
    /// an enum. The docs of [`Scope`](Scope#resources-of-different-types) have a macro for it.
    LocalBoxExit,
    /// A resource of the type `V` that will be a [`LocalBoxExit`]. It derefs to the resource.
    ///
    /// [`Scope::enter_local`] has an example.
    LocalBoxed,
);

impl<E> Scope<BoxExit<E>> {
    /// Enters a member of any type, whose resource implements [`Exit`]. Pass `V::exit` as `exit`. Its future must be
    /// `Send`, and the compiler can check that only here.
    ///
    /// # Errors
    ///
    /// It fails as [`enter`](Self::enter) does.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{Exit, ExitCase, scope};
    ///
    /// struct Database;
    ///
    /// impl Exit for Database {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// async fn open() -> Result<Database, io::Error> {
    ///     Ok(Database)
    /// }
    ///
    /// # #[cfg(feature = "std")] // so that the future is `Send`
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let task = smol::spawn(async {
    ///     let group = scope().with(async |scope| {
    ///         let _database = scope.enter_boxed(open(), Database::exit).await?;
    ///         let open = async { io::Result::Ok("file") };
    ///         let file = scope.adopt(open, async |_file, _case| Ok(())).await?;
    ///         scope.defer(async |case| Ok(println!("the body has ended: {case:?}")));
    ///         Ok(file.len())
    ///     });
    ///     group.await
    /// });
    /// assert_eq!(smol::block_on(task)?, 4);
    /// # Ok(()) }
    /// # #[cfg(not(feature = "std"))]
    /// # fn main() {}
    /// ```
    pub fn enter_boxed<M, V, X, E2>(
        &self,
        member: M,
        exit: impl FnOnce(V, ExitCase) -> X + Send + 'static,
    ) -> impl Future<Output = Result<Lent<'_, Boxed<V, E>, BoxExit<E>>, E2>>
    where
        M: IntoFuture<Output = Result<V, E2>>,
        V: Exit<Error = E> + Send + 'static,
        X: Future<Output = Result<V::Verdict, E>> + Send + 'static,
    {
        self.enter_as(member, |value| Boxed(Box::pin(Cell::Held(value, exit, PhantomData::<fn() -> OfExit>))))
    }

    /// Enters a member of any type. `exit` exits its value, as [`exit_with`](crate::EnterExt::exit_with) does.
    /// [`enter_boxed`](Self::enter_boxed) has an example.
    ///
    /// # Errors
    ///
    /// It fails as [`enter`](Self::enter) does.
    pub fn adopt<M, V, X, W, E2>(
        &self,
        member: M,
        exit: impl FnOnce(V, ExitCase) -> X + Send + 'static,
    ) -> impl Future<Output = Result<Lent<'_, Boxed<V, E>, BoxExit<E>>, E2>>
    where
        M: IntoFuture<Output = Result<V, E2>>,
        V: Send + 'static,
        X: Future<Output = Result<W, E>> + Send + 'static,
        W: Into<Verdict>,
    {
        self.enter_as(member, |value| Boxed(Box::pin(Cell::Held(value, exit, PhantomData::<fn() -> Plain>))))
    }

    /// Runs `exit` at the end of the scope. [`enter_boxed`](Self::enter_boxed) has an example.
    pub fn defer<X, W>(&self, exit: impl FnOnce(ExitCase) -> X + Send + 'static) -> Lent<'_, Boxed<(), E>, BoxExit<E>>
    where
        X: Future<Output = Result<W, E>> + Send + 'static,
        W: Into<Verdict>,
    {
        let exit = |(), case| exit(case);
        self.hold_into(Boxed(Box::pin(Cell::Held((), exit, PhantomData::<fn() -> Plain>))))
    }
}

impl<'a, E> Scope<LocalBoxExit<'a, E>> {
    /// Enters a member of any type, whose resource implements [`Exit`].
    ///
    /// # Errors
    ///
    /// It fails as [`enter`](Self::enter) does.
    ///
    /// ```
    /// use std::{cell::RefCell, io};
    ///
    /// use gather_cm::{Exit, ExitCase, scope};
    ///
    /// struct Counter<'a>(&'a RefCell<u32>);
    ///
    /// impl Exit for Counter<'_> {
    ///     type Error = io::Error;
    ///     type Verdict = ();
    ///
    ///     async fn exit(self, _: ExitCase) -> Result<(), io::Error> {
    ///         Ok(*self.0.borrow_mut() += 1)
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
    /// let exits = RefCell::new(0);
    /// scope()
    ///     .with(async |scope| {
    ///         scope.enter_local(async { io::Result::Ok(Counter(&exits)) }).await?;
    ///         let open = async { io::Result::Ok(2) };
    ///         scope.adopt_local(open, async |n, _| Ok(*exits.borrow_mut() += n)).await?;
    ///         scope.defer_local(async |_| Ok(*exits.borrow_mut() += 4));
    ///         Ok(())
    ///     })
    ///     .await?;
    /// assert_eq!(exits.into_inner(), 7);
    /// # Ok(()) }) }
    /// ```
    pub fn enter_local<M, V, E2>(
        &self,
        member: M,
    ) -> impl Future<Output = Result<Lent<'_, LocalBoxed<'a, V, E>, LocalBoxExit<'a, E>>, E2>>
    where
        M: IntoFuture<Output = Result<V, E2>>,
        V: Exit<Error = E> + 'a,
    {
        self.enter_as(member, |value| LocalBoxed(Box::pin(Cell::Held(value, V::exit, PhantomData::<fn() -> OfExit>))))
    }

    /// Enters a member of any type. `exit` exits its value, as [`exit_with`](crate::EnterExt::exit_with) does.
    /// [`enter_local`](Self::enter_local) has an example.
    ///
    /// # Errors
    ///
    /// It fails as [`enter`](Self::enter) does.
    pub fn adopt_local<M, V, X, W, E2>(
        &self,
        member: M,
        exit: impl FnOnce(V, ExitCase) -> X + 'a,
    ) -> impl Future<Output = Result<Lent<'_, LocalBoxed<'a, V, E>, LocalBoxExit<'a, E>>, E2>>
    where
        M: IntoFuture<Output = Result<V, E2>>,
        V: 'a,
        X: Future<Output = Result<W, E>> + 'a,
        W: Into<Verdict>,
    {
        self.enter_as(member, |value| LocalBoxed(Box::pin(Cell::Held(value, exit, PhantomData::<fn() -> Plain>))))
    }

    /// Runs `exit` at the end of the scope. [`enter_local`](Self::enter_local) has an example.
    pub fn defer_local<X, W>(
        &self,
        exit: impl FnOnce(ExitCase) -> X + 'a,
    ) -> Lent<'_, LocalBoxed<'a, (), E>, LocalBoxExit<'a, E>>
    where
        X: Future<Output = Result<W, E>> + 'a,
        W: Into<Verdict>,
    {
        let exit = |(), case| exit(case);
        self.hold_into(LocalBoxed(Box::pin(Cell::Held((), exit, PhantomData::<fn() -> Plain>))))
    }
}
