//! A plan of a group with nested groups, run in the crate and in the model.

use std::{
    any::Any,
    cell::Cell,
    convert::Infallible,
    future::{Future, poll_fn},
    num::NonZeroUsize,
    pin::Pin,
    rc::Rc,
    task::Poll,
};

use gather_cm::{
    Entered, Exit, ExitCase, Failure, Faults, Verdict, gather,
    policies::{Exits, Limited, Pool, Stack},
};

use super::{
    model::{Kid, Model, NESTED, Rollback, Script, Setup},
    play::{Fault, Left, Member, Report, Resource, Running, drive, left, play_body},
};

#[derive(Clone, Debug)]
pub enum Node {
    Leaf(Script, Script),
    Group(Setup, Vec<(Script, Script)>),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub setup: Setup,
    pub nodes: Vec<Node>,
    pub body: Script,
    pub choices: Vec<u8>,
}

/// A resource that is one of its own, or a group.
pub enum Any_ {
    Leaf(Resource),
    Pool(Entered<Vec<Resource>, Exits<Pool, Limited>>),
    Stack(Entered<Vec<Resource>, Exits<Stack, Limited>>),
}

impl Exit for Any_ {
    type Error = Fault;
    type Verdict = Verdict;

    async fn exit(self, case: ExitCase) -> Result<Verdict, Fault> {
        match self {
            Self::Leaf(resource) => resource.exit(case).await.map(Verdict::from).map_err(Fault),
            Self::Pool(group) => group.exit(case).await.map_err(Fault::from),
            Self::Stack(group) => group.exit(case).await.map_err(Fault::from),
        }
    }

    fn witness(&mut self, error: &dyn Any) {
        match self {
            Self::Leaf(resource) => resource.witness(error),
            Self::Pool(group) => group.witness(error),
            Self::Stack(group) => group.witness(error),
        }
    }

    fn abandon(self) {
        match self {
            Self::Leaf(resource) => resource.abandon(),
            Self::Pool(group) => group.abandon(),
            Self::Stack(group) => group.abandon(),
        }
    }
}

impl From<Failure<(), Infallible, Faults<Vec<Option<u8>>>>> for Fault {
    fn from(_: Failure<(), Infallible, Faults<Vec<Option<u8>>>>) -> Self {
        Fault(NESTED)
    }
}

type Entering = Pin<Box<dyn Future<Output = Result<Any_, Fault>>>>;

fn limit(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).expect("a limit")
}

fn enter_group(setup: &Setup, members: Vec<Member>) -> Entering {
    let gather = gather(members).enter_limit(limit(setup.enter_limit)).exit_limit(limit(setup.exit_limit));
    macro_rules! enter {
        ($Kind:ident, $gather:expr) => {{
            let enter = $gather.enter();
            Box::pin(async move { Ok(Any_::$Kind(enter.await?)) })
        }};
    }
    match (setup.rollback, setup.stack) {
        (Rollback::Settle, false) => enter!(Pool, gather),
        (Rollback::Eager, false) => enter!(Pool, gather.eager_rollback()),
        (Rollback::FailFast, false) => enter!(Pool, gather.fail_fast()),
        (Rollback::Settle, true) => enter!(Stack, gather.stack()),
        (Rollback::Eager, true) => enter!(Stack, gather.stack().eager_rollback()),
        (Rollback::FailFast, true) => enter!(Stack, gather.stack().fail_fast()),
    }
}

impl Plan {
    fn leaves(&self) -> Vec<(Script, Script)> {
        let leaves = self.nodes.iter().flat_map(|node| match node {
            Node::Leaf(enter, exit) => vec![(*enter, *exit)],
            Node::Group(_, members) => members.clone(),
        });
        leaves.collect()
    }

    fn model(&self) -> Model {
        let mut ids = 0..;
        let mut leaf = |(enter, exit)| Kid::Leaf { id: ids.next().expect("endless"), enter, exit };
        let kids = self.nodes.iter().map(|node| match node {
            Node::Leaf(enter, exit) => leaf((*enter, *exit)),
            Node::Group(setup, members) => {
                let kids = members.iter().copied().map(&mut leaf).collect();
                Kid::Group(Model::new(setup.clone(), kids, self.body))
            }
        });
        Model::new(self.setup.clone(), kids.collect(), self.body)
    }

    fn start(&self, left: &Left, stop: &Rc<Cell<bool>>) -> Running {
        let mut ids = 0..;
        let mut member = |scripts| Member::new(ids.next().expect("endless"), scripts, left);
        let members: Vec<Entering> = self
            .nodes
            .iter()
            .map(|node| match node {
                Node::Leaf(enter, exit) => {
                    let member = member((*enter, *exit));
                    Box::pin(async move { member.await.map(Any_::Leaf).map_err(Fault) }) as Entering
                }
                Node::Group(setup, members) => enter_group(setup, members.iter().copied().map(&mut member).collect()),
            })
            .collect();
        let (body, stop) = (play_body(self.body.end, left.clone()), stop.clone());
        let stop = poll_fn(move |_| if stop.get() { Poll::Ready(()) } else { Poll::Pending });
        let setup = &self.setup;
        let gather = gather(members)
            .enter_limit(limit(setup.enter_limit))
            .exit_limit(limit(setup.exit_limit))
            .until(stop)
            .catch_unwind();
        macro_rules! run {
            ($gather:expr) => {{
                let gather = $gather;
                Box::pin(async move { gather.try_with(async move |_| body.await).await.report() })
            }};
        }
        match (setup.rollback, setup.stack) {
            (Rollback::Settle, false) => run!(gather),
            (Rollback::Eager, false) => run!(gather.eager_rollback()),
            (Rollback::FailFast, false) => run!(gather.fail_fast()),
            (Rollback::Settle, true) => run!(gather.stack()),
            (Rollback::Eager, true) => run!(gather.stack().eager_rollback()),
            (Rollback::FailFast, true) => run!(gather.stack().fail_fast()),
        }
    }

    pub fn check(&self) {
        let left = left(self.body, &self.leaves());
        let stop = Rc::new(Cell::new(false));
        let future = self.start(&left, &stop);
        let mut choices = self.choices.iter();
        drive(self, self.model(), future, &left, self.setup.until.then_some(&*stop), |ways| {
            // When the choices are used up, everyone is released who can be, and then what is left over is dropped.
            choices.next().map_or(0, |choice| usize::from(*choice) * ways / 256)
        });
    }
}
