//! Members that come as a handle and a driver, in groups of three of each shape.
#![allow(dead_code)]

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use gather_cm::{Adapted, ByDriver, EnterExt, Failure, Gather, Shape, gather};

use crate::common::{Act, Driver, Enter, Gate, Log, Member, Report, Resource, well};

/// A driver that acts as told, and logs it under its name.
pub struct Drives {
    name: usize,
    log: Log,
    act: Act,
    over: bool,
}

impl Future for Drives {
    type Output = Result<(), &'static str>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "the driver {} was polled after its end", self.name);
        self.log.push(format_args!("drive {}", self.name));
        self.over = true;
        let polled = self.act.poll(cx);
        self.over = polled.is_ready();
        polled
    }
}

impl Drop for Drives {
    fn drop(&mut self) {
        self.log.push(format_args!("drop driver {}", self.name));
        assert!(!self.act.drop_panics, "drop driver {}", self.name);
    }
}

/// Makes a driver with this name.
pub fn drives(log: &Log, name: usize, act: Act) -> Drives {
    Drives { name, log: log.clone(), act, over: false }
}

/// Makes a driver that never ends, and that is polled only if it was woken.
pub fn sleeps() -> Act {
    well().gate(&Gate::new())
}

/// Makes a driver that never ends, and that wakes itself.
pub fn busy() -> Act {
    sleeps().busy()
}

/// A body that waits at a gate.
pub async fn body(log: &Log, gate: &Gate) -> Result<u8, &'static str> {
    poll_fn(|cx| {
        log.push("body");
        gate.poll(cx)
    })
    .await;
    Ok(7)
}

/// Enters a resource, which comes with a driver.
pub struct Connect {
    member: Member,
    log: Log,
    driver: Act,
}

impl IntoFuture for Connect {
    type Output = Result<(Resource, Drives), &'static str>;
    type IntoFuture = Connecting;

    fn into_future(self) -> Connecting {
        let name = self.member.name;
        let driver = Some(drives(&self.log, name, self.driver));
        Connecting { enter: self.member.into_future(), driver }
    }
}

/// The future of a [`Connect`].
pub struct Connecting {
    enter: Enter,
    driver: Option<Drives>,
}

impl Future for Connecting {
    type Output = Result<(Resource, Drives), &'static str>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.enter).poll(cx);
        polled.map(|result| Ok((result?, self.driver.take().expect("it ends once"))))
    }
}

pub type Link = Adapted<Connect, ByDriver>;

/// Makes a member with this name. The acts say how it enters, what its driver does, and how it exits.
pub fn connect(log: &Log, name: usize, [enter, driver, exit]: [Act; 3]) -> Connect {
    over(log, Member::new(log, name, enter, exit), driver)
}

/// A member with a driver.
pub fn over(log: &Log, member: Member, driver: Act) -> Connect {
    Connect { member, log: log.clone(), driver }
}

/// Three members, each with its enter, its driver and its exit.
pub fn links(log: &Log, acts: [[Act; 3]; 3]) -> [Link; 3] {
    let mut names = 0..3;
    acts.map(|acts| connect(log, names.next().expect("three"), acts).driven())
}

/// Three members that enter and exit at once, with these drivers.
pub fn driven_by(log: &Log, drivers: [Act; 3]) -> [Link; 3] {
    links(log, drivers.map(|driver| [well(), driver, well()]))
}

pub fn tuple<M: IntoFuture>([a, b, c]: [M; 3]) -> Gather<(M, M, M)>
where
    (M, M, M): gather_cm::Group,
{
    gather((a, b, c))
}

pub fn array<M: IntoFuture>(members: [M; 3]) -> Gather<[M; 3]>
where
    [M; 3]: gather_cm::Group,
{
    gather(members)
}

#[cfg(feature = "alloc")]
pub fn few(members: [Link; 3]) -> Gather<Vec<Link>> {
    gather(Vec::from(members))
}

/// Gathers the members along with thirty more, which are ready at once, so that the members have wakers of their own.
#[cfg(feature = "alloc")]
pub fn many(members: [Link; 3]) -> Gather<Vec<Link>> {
    let more = (3..33).map(|name| connect(&Log::default(), name, [well(), sleeps(), well()]).driven());
    gather(members.into_iter().chain(more).collect())
}

/// Polls a life cycle by hand.
pub fn drive<'a, R: 'a, S: Shape>(
    future: impl Future<Output = Result<R, Failure<&'static str, S>>> + 'a,
) -> Driver<'a, Report<R>> {
    Driver::new(async { Report::plain(future.await) })
}

/// Takes from the log what drivers do, and the beginnings and the ends.
pub fn steps(log: &Log) -> Vec<String> {
    let tells = |line: &String| {
        let drops = line.starts_with("drop") && !line.contains("driver");
        !drops && !line.contains("poll") && !line.starts_with("enter ")
    };
    log.take().into_iter().filter(tells).collect()
}

/// Runs a test once for each shape: its argument is the function that makes the group.
#[macro_export]
macro_rules! in_each_group {
    ($($(#[$meta:meta])* fn $test:ident($group:ident) $run:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $test() {
            { let $group = driven::tuple; $run }
            { let $group = driven::array; $run }
            #[cfg(feature = "alloc")]
            { let $group = driven::few; $run }
            #[cfg(feature = "alloc")]
            { let $group = driven::many; $run }
        }
    )*};
}
