//! Resources that join while the body runs, in a scope, and in what you would use instead.

use std::{future::Future, hint::black_box, pin::Pin};

use gather_cm::{Exit, ExitCase, Many, gather, scope};

use super::{Contestants, Pend, Turn, contestant, peers::Gathered};

/// A resource whose exit pends once.
struct Link([u64; 8]);

impl Exit for Link {
    type Error = u64;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), u64> {
        Turn::<Pend>::new().await;
        if self.0[0] == u64::MAX - case as u64 { Err(self.0[0]) } else { Ok(()) }
    }
}

fn links(members: usize) -> impl Iterator<Item = Link> {
    (0..members).map(|index| Link(black_box([index as u64; 8])))
}

fn pool(members: usize) -> impl Future<Output = Gathered<Many>> {
    scope().with(async move |scope| Ok(links(members).map(|link| scope.hold(link).0[7]).sum()))
}

fn stack(members: usize) -> impl Future<Output = Gathered<Many>> {
    scope().stack().with(async move |scope| Ok(links(members).map(|link| scope.hold(link).0[7]).sum()))
}

/// Gathers a group whose members are known beforehand.
fn group(members: usize) -> impl Future<Output = Gathered<Many>> {
    let links: Vec<_> = links(members).map(|link| std::future::ready(Ok(link))).collect();
    gather(links).with(async |links| Ok(links.iter_mut().map(|link| link.0[7]).sum()))
}

type BoxedExit = Box<dyn FnOnce(ExitCase) -> Pin<Box<dyn Future<Output = Result<(), u64>>>>>;

/// Runs the exits by hand, one after the other.
async fn boxed_stack(members: usize) -> Result<u64, Vec<u64>> {
    let mut exits = Vec::<BoxedExit>::new();
    let mut sum = 0;
    for link in links(members) {
        sum += link.0[7];
        exits.push(Box::new(move |case| Box::pin(link.exit(case))));
    }
    let mut failed = Vec::new();
    while let Some(exit) = exits.pop() {
        failed.extend(exit(ExitCase::Completed).await.err());
    }
    if failed.is_empty() { Ok(sum) } else { Err(failed) }
}

/// Compares the scope with a `Vec` group.
pub fn pools(members: usize) -> Contestants<'static> {
    vec![
        contestant("gather", move || pool(black_box(members))),
        contestant("Vec group", move || group(black_box(members))),
    ]
}

/// Compares the scope with a stack of boxes by hand.
pub fn stacks(members: usize) -> Contestants<'static> {
    vec![
        contestant("gather", move || stack(black_box(members))),
        contestant("boxes by hand", move || boxed_stack(black_box(members))),
    ]
}
