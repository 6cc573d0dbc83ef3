//! Large random plans, of up to 64 members and with nested groups, held against the model of the contract. What fails is
//! shrunk, and written to the regressions file beside this one.
#![cfg(feature = "std")]
#![allow(dead_code)] // what only the explorer of every schedule needs

#[path = "schedules/model.rs"]
mod model;
#[path = "schedules/play.rs"]
mod play;

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
use model::{End, Kid, Model, NESTED, NEVER, Rollback, Script, Setup};
use play::{Fault, Left, Member, Report, Resource, Running, drive, hush, left, play_body};
use proptest::{prelude::*, test_runner::FileFailurePersistence};

#[derive(Clone, Debug)]
enum Node {
    Leaf(Script, Script),
    Group(Setup, Vec<(Script, Script)>),
}

#[derive(Clone, Debug)]
struct Plan {
    setup: Setup,
    nodes: Vec<Node>,
    body: Script,
    choices: Vec<u8>,
}

/// A resource that is one of its own, or a group.
enum Any_ {
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

    fn check(&self) {
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

/// Mostly well: a large group in which everything fails says little.
fn script(exit: bool) -> impl Strategy<Value = Script> {
    let well = if exit {
        prop_oneof![4 => Just(End::Well), 4 => Just(End::Suppresses)].boxed()
    } else {
        Just(End::Well).boxed()
    };
    let end = prop_oneof![24 => well, 2 => Just(End::Fails), 1 => Just(End::Panics)];
    let pends = prop_oneof![4 => Just(0), 4 => 1..4u8, 1 => if exit { Just(0) } else { Just(NEVER) }];
    (pends, end).prop_map(|(pends, end)| Script { pends, end })
}

fn setup() -> impl Strategy<Value = Setup> {
    let rollback = prop_oneof![Just(Rollback::Settle), Just(Rollback::Eager), Just(Rollback::FailFast)];
    let limit = || prop_oneof![Just(99), 1..6usize];
    (rollback, any::<bool>(), limit(), limit(), any::<bool>()).prop_map(
        |(rollback, stack, enter_limit, exit_limit, until)| Setup { rollback, stack, enter_limit, exit_limit, until },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    let leaf = || (script(false), script(true));
    let group = (setup(), prop::collection::vec(leaf(), 0..6))
        .prop_map(|(setup, members)| Node::Group(Setup { until: false, ..setup }, members));
    let node = prop_oneof![4 => leaf().prop_map(|(enter, exit)| Node::Leaf(enter, exit)), 1 => group];
    let nodes = prop::collection::vec(node, 0..64).prop_map(|mut nodes| {
        let mut leaves = 0;
        nodes.retain(|node| {
            leaves += if let Node::Group(_, members) = node { members.len() } else { 1 };
            leaves <= 64
        });
        nodes
    });
    // A drop is the last of the ways: seldom chosen, for the plans to get far.
    let choice = prop_oneof![60 => 0..240u8, 1 => 0..=255u8];
    let choices = prop::collection::vec(choice, 0..200);
    (setup(), nodes, script(true), choices).prop_map(|(setup, nodes, body, choices)| Plan {
        setup,
        nodes,
        body,
        choices,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 500 } else { 40_000 }, failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans.regressions")))), ..ProptestConfig::default() })]

    #[test]
    fn large_plans_behave_as_the_model(plan in plan()) {
        hush();
        plan.check();
    }
}
