//! A spawner that keeps the cleanups of shielded gathers, so that a test can poll them by hand. This file also has
//! groups of three members in each shape.
#![allow(dead_code)]

use std::{cell::RefCell, future::Future, rc::Rc};

use gather_cm::{Failure, Gather, Shape, gather};

use crate::common::{Driver, Log, Member, Report, well};

/// The cleanups that were handed over.
#[derive(Clone, Default)]
pub struct Queue(Rc<RefCell<Vec<Driver<'static, Report<()>>>>>);

impl Queue {
    pub fn spawner<S, F>(&self) -> impl FnOnce(F) + use<S, F>
    where
        S: Shape,
        F: Future<Output = Result<(), Failure<&'static str, S>>> + 'static,
    {
        let queue = self.clone();
        move |cleanup| queue.0.borrow_mut().push(drive(cleanup))
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Returns the one cleanup that was handed over.
    pub fn one(&self) -> Driver<'static, Report<()>> {
        let mut all = self.0.take();
        assert_eq!(all.len(), 1, "cleanups were handed over");
        all.remove(0)
    }
}

/// Polls a life cycle, or a cleanup, by hand.
pub fn drive<'a, R: 'a, S: Shape>(
    future: impl Future<Output = Result<R, Failure<&'static str, S>>> + 'a,
) -> Driver<'a, Report<R>> {
    Driver::new(async { Report::plain(future.await) })
}

pub fn tuple([a, b, c]: [Member; 3]) -> Gather<(Member, Member, Member)> {
    gather((a, b, c))
}

pub fn array(members: [Member; 3]) -> Gather<[Member; 3]> {
    gather(members)
}

pub fn few(members: [Member; 3]) -> Gather<Vec<Member>> {
    gather(Vec::from(members))
}

/// Gathers the members along with thirty more, which are ready at once, so that the members have wakers of their own.
pub fn many(members: [Member; 3]) -> Gather<Vec<Member>> {
    let more = (3..33).map(|name| Member::new(&Log::default(), name, well(), well()));
    gather(members.into_iter().chain(more).collect())
}

/// Runs a test once for each shape: its argument is the function that makes the group.
#[macro_export]
macro_rules! in_each_shape {
    ($($(#[$meta:meta])* [$($shape:ident)*] fn $test:ident($group:ident) $run:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $test() {
            $({
                let $group = shield::$shape;
                $run
            })*
        }
    )*};
}
