//! The errors of a group's members by index, [`Errors`], and their storage for each [`Shape`] of group.

use core::{fmt, iter};

use crate::unwind::FirstPanic;

/// The shape of a group, as its errors see it: [`Few`] or [`Many`].
///
/// A [`Failure`](crate::Failure) names the shape, so that one `impl` serves groups of every size. This trait is sealed.
///
/// ```
/// use std::{fmt, io};
///
/// use gather_cm::{EnterExt, Failure, Shape, gather};
///
/// #[derive(Debug)]
/// enum AppError {
///     Io(io::Error),
///     Group(String),
/// }
///
/// impl From<io::Error> for AppError {
///     fn from(error: io::Error) -> Self {
///         Self::Io(error)
///     }
/// }
///
/// impl<S: Shape> From<Failure<AppError, S>> for AppError {
///     fn from(failure: Failure<AppError, S>) -> Self {
///         let log = |origin, error| eprintln!("{origin}: {error:?}");
///         failure.into_error(log).unwrap_or_else(|other| Self::Group(format!("{other:?}")))
///     }
/// }
///
/// async fn open(ok: bool) -> Result<u8, io::Error> {
///     if ok { Ok(1) } else { Err(io::Error::other("no such port")) }
/// }
///
/// async fn run() -> Result<u8, AppError> {
///     let member = |ok| open(ok).drop_on_exit().errors_into();
///     let two = (member(true), member(true));
///     let sum = gather(two).with(async |(a, b)| Ok::<_, AppError>(*a + *b)).await?;
///     let one = [member(false)];
///     Ok(gather(one).with(async |[a]| Ok::<_, AppError>(*a + sum)).await?)
/// }
///
/// assert!(matches!(smol::block_on(run()), Err(AppError::Io(_))));
/// ```
pub trait Shape: sealed::Sealed + Sized + 'static {
    /// The names that [`Gather::names`](crate::Gather::names) takes: `[&'static str; N]`, or `[&'static str]` for a
    /// `Vec`.
    type Names: ?Sized + Send + Sync + 'static;

    /// The storage of the errors.
    #[doc(hidden)]
    type Store<E>: Store<E>;

    /// Returns the names as a slice.
    #[doc(hidden)]
    fn names(names: &'static Self::Names) -> &'static [&'static str];

    /// Returns the slice as names. A tuple or an array needs exactly one name for each member.
    #[doc(hidden)]
    fn from_slice(names: &'static [&'static str]) -> Option<&'static Self::Names>;
}

/// The [`Shape`] of a tuple or an array of `N` members.
///
/// ```
/// use gather_cm::{Failure, FailureOf, Few};
///
/// fn same(failure: Failure<std::io::Error, Few<0>>) -> Failure<std::io::Error, Few<0>> {
///     failure
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Few<const N: usize> {}

/// The [`Shape`] of a `Vec` or of a scope.
///
/// It keeps errors as pairs of index and error, and allocates nothing if there is no error.
///
/// ```
/// use gather_cm::{Failure, Many};
///
/// fn exits(failure: &Failure<std::io::Error, Many>) -> usize {
///     failure.exits.len()
/// }
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Many {}

pub mod sealed {
    pub trait Sealed {}
}

impl<const N: usize> sealed::Sealed for Few<N> {}

impl<const N: usize> Shape for Few<N> {
    type Names = [&'static str; N];
    type Store<E> = [Option<E>; N];

    fn names(names: &'static Self::Names) -> &'static [&'static str] {
        names
    }

    fn from_slice(names: &'static [&'static str]) -> Option<&'static Self::Names> {
        names.try_into().ok()
    }
}

#[cfg(feature = "alloc")]
impl sealed::Sealed for Many {}

#[cfg(feature = "alloc")]
impl Shape for Many {
    type Names = [&'static str];
    type Store<E> = alloc::vec::Vec<(usize, E)>;

    fn names(names: &'static Self::Names) -> &'static [&'static str] {
        names
    }

    fn from_slice(names: &'static [&'static str]) -> Option<&'static Self::Names> {
        Some(names)
    }
}

/// The storage of errors, by index.
pub trait Store<E> {
    type IntoPairs: Iterator<Item = (usize, E)>;
    /// Whether `reserve` must make room before errors are put in.
    const GROWS: bool;

    fn empty() -> Self;

    /// Makes room for exactly so many errors.
    fn reserve(&mut self, errors: usize);

    /// Keeps the error of a member. Indices come in order.
    fn put(&mut self, index: usize, error: E);

    /// Returns the error of the member at `index`.
    fn get(&self, index: usize) -> Option<&E>;

    /// Returns the index that belongs to a place and the error in it, or `None` after the last place.
    fn at(&self, place: usize) -> Option<(usize, Option<&E>)>;

    fn into_pairs(self) -> Self::IntoPairs;
}

impl<E, const N: usize> Store<E> for [Option<E>; N] {
    type IntoPairs = Pairs<E, N>;
    const GROWS: bool = false;

    fn empty() -> Self {
        [const { None }; N]
    }

    fn reserve(&mut self, _: usize) {}

    fn put(&mut self, index: usize, error: E) {
        self[index] = Some(error);
    }

    fn get(&self, index: usize) -> Option<&E> {
        self.as_slice().get(index)?.as_ref()
    }

    fn at(&self, place: usize) -> Option<(usize, Option<&E>)> {
        Some((place, self.as_slice().get(place)?.as_ref()))
    }

    fn into_pairs(self) -> Pairs<E, N> {
        Pairs(self.into_iter().enumerate())
    }
}

/// The errors of an array of options, with their indices.
#[derive(Debug)]
pub struct Pairs<E, const N: usize>(iter::Enumerate<core::array::IntoIter<Option<E>, N>>);

impl<E, const N: usize> Iterator for Pairs<E, N> {
    type Item = (usize, E);

    fn next(&mut self) -> Option<(usize, E)> {
        self.0.find_map(|(index, error)| Some((index, error?)))
    }
}

#[cfg(feature = "alloc")]
impl<E> Store<E> for alloc::vec::Vec<(usize, E)> {
    type IntoPairs = alloc::vec::IntoIter<(usize, E)>;
    const GROWS: bool = true;

    fn empty() -> Self {
        Self::new()
    }

    fn reserve(&mut self, errors: usize) {
        self.reserve_exact(errors);
    }

    fn put(&mut self, index: usize, error: E) {
        self.push((index, error));
    }

    fn get(&self, index: usize) -> Option<&E> {
        let place = self.binary_search_by_key(&index, |pair| pair.0).ok()?;
        Some(&self[place].1)
    }

    fn at(&self, place: usize) -> Option<(usize, Option<&E>)> {
        let (index, error) = self.as_slice().get(place)?;
        Some((*index, Some(error)))
    }

    fn into_pairs(self) -> Self::IntoPairs {
        self.into_iter()
    }
}

/// The errors of a group's members, from their enters or their exits, each under its member's index.
///
/// ```
/// use std::io;
///
/// use gather_cm::{Cause, EnterExt, gather};
///
/// async fn power_up(volts: u32) -> Result<u32, io::Error> {
///     if volts > 5 { Err(io::Error::other(format!("{volts} V"))) } else { Ok(volts) }
/// }
///
/// # smol::block_on(async {
/// let failure = gather([3, 12, 5, 24].map(|volts| power_up(volts).drop_on_exit()))
///     .with(async |_| Ok(()))
///     .await
///     .unwrap_err();
/// let Cause::Enter(errors) = failure.cause else { panic!() };
/// assert_eq!(errors.len(), 2);
/// assert_eq!(errors.get(1).map(io::Error::to_string).as_deref(), Some("12 V"));
/// for (index, error) in errors {
///     println!("{index}: {error}");
/// }
/// # });
/// ```
pub struct Errors<E, S: Shape>(pub(crate) S::Store<E>);

impl<E, S: Shape> Errors<E, S> {
    /// Whether `reserve` must make room before errors are put in.
    pub(crate) const GROWS: bool = <S::Store<E> as Store<E>>::GROWS;

    pub(crate) fn empty() -> Self {
        Self(Store::empty())
    }

    /// Makes room for exactly so many errors.
    pub(crate) fn reserve(&mut self, errors: usize) {
        self.0.reserve(errors);
    }

    /// Collects the errors by their places in the iterator, and returns `None` if there are none.
    pub(crate) fn collect(errors: impl Iterator<Item = Option<E>>) -> Option<Self> {
        let mut collected = None;
        for (index, error) in errors.enumerate() {
            if let Some(error) = error {
                collected.get_or_insert_with(Self::empty).put(index, error);
            }
        }
        collected
    }

    /// Keeps the error of a member. Indices come in order.
    pub(crate) fn put(&mut self, index: usize, error: E) {
        self.0.put(index, error);
    }

    /// Merges these errors and `others`. If both have an error of the same member, the one in `others` stays.
    pub(crate) fn merge(self, others: Self, panic: &mut FirstPanic) -> Self {
        let mut merged = Self::empty();
        let mut others = others.into_iter().peekable();
        for (index, error) in self {
            while let Some((index, error)) = others.next_if(|other| other.0 < index) {
                merged.put(index, error);
            }
            if others.peek().is_some_and(|other| other.0 == index) {
                panic.drop(error);
            } else {
                merged.put(index, error);
            }
        }
        others.for_each(|(index, error)| merged.put(index, error));
        merged
    }

    /// Returns the error of the member at `index`, if that member failed.
    ///
    /// ```
    /// # use std::io;
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let disk = async { Ok::<_, io::Error>(1) }.drop_on_exit();
    /// let exit = async |_, _| Err::<(), _>(io::Error::other("stuck"));
    /// let link = async { Ok(2) }.exit_with(exit);
    /// let failure = gather((disk, link)).with(async |_| Ok(())).await.unwrap_err();
    /// assert!(failure.exits.get(0).is_none());
    /// assert_eq!(failure.exits.get(1).map(io::Error::to_string).as_deref(), Some("stuck"));
    /// # });
    /// ```
    pub fn get(&self, index: usize) -> Option<&E> {
        self.0.get(index)
    }

    /// Returns the errors with their members' indices, in index order.
    ///
    /// ```
    /// # use std::io;
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let exit = async |(), _| Err::<(), _>(io::Error::other("stuck"));
    /// let member = || async { Ok(()) }.exit_with(exit);
    /// let failure = gather([member(), member()]).with(async |_| Ok(())).await.unwrap_err();
    /// let indices: Vec<_> = failure.exits.iter().map(|(index, _error)| index).collect();
    /// assert_eq!(indices, [0, 1]);
    /// # });
    /// ```
    pub fn iter(&self) -> Iter<'_, E, S> {
        Iter { errors: self, place: 0 }
    }

    /// Returns how many members failed.
    ///
    /// ```
    /// # use std::io;
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let exit = async |(), _| Err::<(), _>(io::Error::other("stuck"));
    /// let member = || async { Ok(()) }.exit_with(exit);
    /// let failure = gather([member(), member()]).with(async |_| Ok(())).await.unwrap_err();
    /// assert_eq!(failure.exits.len(), 2);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Returns whether no member failed.
    ///
    /// ```
    /// # use std::io;
    /// # use gather_cm::{EnterExt, gather};
    /// # smol::block_on(async {
    /// let member = async { Ok(()) }.drop_on_exit();
    /// let body = async |_: (&mut (),)| Err::<(), _>(io::Error::other("oops"));
    /// let failure = gather((member,)).with(body).await.unwrap_err();
    /// assert!(failure.exits.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Converts every error by `f`.
    pub(crate) fn map<E2>(self, mut f: impl FnMut(E) -> E2) -> Errors<E2, S> {
        let mut mapped = Errors::empty();
        if Self::GROWS {
            mapped.reserve(self.len());
        }
        self.into_iter().for_each(|(index, error)| mapped.put(index, f(error)));
        mapped
    }
}

impl<E, S: Shape> IntoIterator for Errors<E, S> {
    type Item = (usize, E);
    type IntoIter = IntoIter<E, S>;

    fn into_iter(self) -> IntoIter<E, S> {
        IntoIter(self.0.into_pairs())
    }
}

impl<'a, E, S: Shape> IntoIterator for &'a Errors<E, S> {
    type Item = (usize, &'a E);
    type IntoIter = Iter<'a, E, S>;

    fn into_iter(self) -> Iter<'a, E, S> {
        self.iter()
    }
}

impl<E: fmt::Debug, S: Shape> fmt::Debug for Errors<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<E: Clone, S: Shape> Clone for Errors<E, S> {
    fn clone(&self) -> Self {
        let mut clone = Self::empty();
        if Self::GROWS {
            clone.reserve(self.len());
        }
        self.iter().for_each(|(index, error)| clone.put(index, error.clone()));
        clone
    }
}

impl<E: PartialEq, S: Shape> PartialEq for Errors<E, S> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl<E: Eq, S: Shape> Eq for Errors<E, S> {}

/// An iterator over [`Errors`] by reference, in index order. [`Errors::iter`] returns it.
pub struct Iter<'a, E, S: Shape> {
    errors: &'a Errors<E, S>,
    place: usize,
}

impl<'a, E, S: Shape> Iterator for Iter<'a, E, S> {
    type Item = (usize, &'a E);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (index, error) = self.errors.0.at(self.place)?;
            self.place += 1;
            if let Some(error) = error {
                return Some((index, error));
            }
        }
    }
}

impl<E, S: Shape> Clone for Iter<'_, E, S> {
    fn clone(&self) -> Self {
        Self { errors: self.errors, place: self.place }
    }
}

impl<E: fmt::Debug, S: Shape> fmt::Debug for Iter<'_, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// An iterator over [`Errors`] by value, in index order.
pub struct IntoIter<E, S: Shape>(<S::Store<E> as Store<E>>::IntoPairs);

impl<E, S: Shape> Iterator for IntoIter<E, S> {
    type Item = (usize, E);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl<E, S: Shape> fmt::Debug for IntoIter<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").finish_non_exhaustive()
    }
}
