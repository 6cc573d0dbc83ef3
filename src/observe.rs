//! What an observer is told: [`Event`].

use crate::ExitCase;

/// What has happened in a gather, as it tells the observer of [`Gather::observe`](crate::Gather::observe). Members are
/// named by their index.
///
/// Whatever begins ends, with one event of its own, so that anyone can tell at any time who is in flight:
///
/// | begins         | ends                                                          | is                        |
/// |----------------|---------------------------------------------------------------|---------------------------|
/// | [`EnterBegan`] | [`Entered`], [`EnterFailed`], [`EnterDropped`]                | entering                  |
/// | [`Entered`]    | [`ExitBegan`], [`Abandoned`]                                  | held                      |
/// | [`BodyBegan`]  | [`BodyEnded`], [`BodyDropped`]                                | the body, which runs      |
/// | [`ExitBegan`]  | [`Exited`], [`ExitFailed`], [`ExitDropped`]                   | exiting                   |
///
/// [`EnterBegan`]: Event::EnterBegan
/// [`Entered`]: Event::Entered
/// [`EnterFailed`]: Event::EnterFailed
/// [`EnterDropped`]: Event::EnterDropped
/// [`BodyBegan`]: Event::BodyBegan
/// [`BodyEnded`]: Event::BodyEnded
/// [`BodyDropped`]: Event::BodyDropped
/// [`ExitBegan`]: Event::ExitBegan
/// [`Exited`]: Event::Exited
/// [`ExitFailed`]: Event::ExitFailed
/// [`ExitDropped`]: Event::ExitDropped
/// [`Abandoned`]: Event::Abandoned
///
/// ```
/// use gather_cm::{EnterExt, Event, gather};
///
/// let mut in_flight = 0;
/// smol::block_on(async {
///     let member = || async { Ok::<_, ()>(()) }.drop_on_exit();
///     let observer = |event| match event {
///         Event::EnterBegan(_) | Event::ExitBegan(_) => in_flight += 1,
///         Event::BodyBegan | Event::BodyEnded(_) => {}
///         _ => in_flight -= 1,
///     };
///     gather((member(), member())).observe(observer).with(async |_| ()).await.unwrap();
/// });
/// assert_eq!(in_flight, 0);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The member begins to enter.
    EnterBegan(usize),
    /// The member has entered, and is held.
    Entered(usize),
    /// The member could not be entered: it failed or panicked.
    EnterFailed(usize),
    /// The member's entering was dropped halfway: by [`fail_fast`](crate::Gather::fail_fast), by
    /// [`until`](crate::Gather::until), or with the gather.
    EnterDropped(usize),
    /// The body begins: every member is held.
    BodyBegan,
    /// The body has ended, or was told to, and this is what the exits are told.
    BodyEnded(ExitCase),
    /// The body was dropped with the gather.
    BodyDropped,
    /// The member's exit begins.
    ExitBegan(usize),
    /// The member's exit has ended well.
    Exited(usize),
    /// The member's exit failed or panicked.
    ExitFailed(usize),
    /// The member's exit was dropped halfway, with the gather.
    ExitDropped(usize),
    /// The member was held when the gather was dropped: there is no exit.
    Abandoned(usize),
}
