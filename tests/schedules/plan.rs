//! A plan of a group with nested groups, run in the crate and in the model.

use std::{any::Any, cell::Cell, convert::Infallible, future::poll_fn, pin::Pin, rc::Rc};

use gather_cm::{Exit, ExitCase, Failure, Faults, Verdict, gather};

use super::{
    member,
    play::{self, Choose, Running, play_body, report, until, with_policies},
    script::{End, Part, Rollback, Script, Scripts, Setup},
    state::Model,
};

#[derive(Clone, Debug)]
pub enum Node {
    Leaf(Leaf),
    Group(Setup, Vec<Leaf>),
}

/// The scripts of a member, and whether it panics when it is shown an error and when it is abandoned.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub enter: Script,
    pub exit: Script,
    pub witness_panics: bool,
    pub abandon_panics: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub setup: Setup,
    pub nodes: Vec<Node>,
    pub body: Script,
    pub choices: Vec<u8>,
}

impl Leaf {
    /// One more panic: of a destructor, where a future should be made, or in a call.
    pub fn add_fault(&mut self, fault: u8) {
        match fault % 6 {
            0 => self.enter.bomb = true,
            1 => self.exit.bomb = true,
            2 => self.enter.end = End::MakePanics,
            3 => self.exit.end = End::MakePanics,
            4 => self.witness_panics = true,
            _ => self.abandon_panics = true,
        }
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Part>>>>;

/// The future, with another output. It stays where it is to its end, as its destructor may panic.
fn mapped<T, U>(future: impl Future<Output = T> + 'static, map: impl Fn(T) -> Result<U, Part> + 'static) -> Boxed<U> {
    let mut future = Box::pin(future);
    Box::pin(poll_fn(move |cx| future.as_mut().poll(cx).map(&map)))
}

/// A resource, one of its own or a group.
trait Held {
    fn exit(self: Box<Self>, case: ExitCase) -> Boxed<Verdict>;
    fn witness(&mut self, error: &dyn Any);
    fn abandon(self: Box<Self>);
}

impl<V: Exit<Verdict: 'static, Error: 'static> + 'static> Held for V
where
    Part: From<V::Error>,
{
    fn exit(self: Box<Self>, case: ExitCase) -> Boxed<Verdict> {
        mapped(Exit::exit(*self, case), |result| result.map(Into::into).map_err(Part::from))
    }

    fn witness(&mut self, error: &dyn Any) {
        Exit::witness(self, error);
    }

    fn abandon(self: Box<Self>) {
        Exit::abandon(*self);
    }
}

impl From<Failure<(), Infallible, Faults<Vec<Option<Part>>>>> for Part {
    fn from(_: Failure<(), Infallible, Faults<Vec<Option<Part>>>>) -> Self {
        Part::Group
    }
}

struct AnyResource(Box<dyn Held>);

impl Exit for AnyResource {
    type Error = Part;
    type Verdict = Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Verdict, Part>> {
        self.0.exit(case)
    }

    fn witness(&mut self, error: &dyn Any) {
        self.0.witness(error);
    }

    fn abandon(self) {
        self.0.abandon();
    }
}

enum AnyMember {
    Leaf(play::Member),
    Group(Boxed<AnyResource>),
}

impl IntoFuture for AnyMember {
    type Output = Result<AnyResource, Part>;
    type IntoFuture = Boxed<AnyResource>;

    fn into_future(self) -> Boxed<AnyResource> {
        match self {
            Self::Leaf(member) => mapped(member.into_future(), |result| Ok(AnyResource(Box::new(result?)))),
            Self::Group(group) => group,
        }
    }
}

fn enter_group(setup: &Setup, members: Vec<play::Member>) -> Boxed<AnyResource> {
    with_policies!(gather(members), setup, std::future::pending(), |gather| {
        mapped(gather.enter(), |result| Ok(AnyResource(Box::new(result?))))
    })
}

impl Plan {
    /// A fault of one of the leaves, or of the body.
    pub fn add_fault(&mut self, which: usize, fault: u8) {
        let leaves = self.nodes.iter_mut().flat_map(|node| match node {
            Node::Leaf(leaf) => std::slice::from_mut(leaf),
            Node::Group(_, leaves) => leaves,
        });
        let mut leaves: Vec<_> = leaves.collect();
        let which = which % (leaves.len() + 1);
        match leaves.get_mut(which) {
            Some(leaf) => leaf.add_fault(fault),
            None => self.body.bomb = true,
        }
    }

    fn leaves(&self) -> Vec<Leaf> {
        let leaves = self.nodes.iter().flat_map(|node| match node {
            Node::Leaf(leaf) => vec![leaf.clone()],
            Node::Group(_, leaves) => leaves.clone(),
        });
        leaves.collect()
    }

    fn scripts(&self) -> Rc<Scripts> {
        let (body, leaves) = (self.body, self.leaves());
        let call = |panics| Script { pends: 0, end: if panics { End::Panics } else { End::Well }, bomb: false };
        Rc::new(Scripts::new(leaves.len(), move |part| match part {
            Part::Body => body,
            Part::Enter(id) => leaves[id].enter,
            Part::Exit(id) => leaves[id].exit,
            Part::Witness(id) => call(leaves[id].witness_panics),
            Part::Abandon(id) => call(leaves[id].abandon_panics),
            Part::Group => unreachable!("it has no script of its own"),
        }))
    }

    fn model(&self, scripts: &Rc<Scripts>) -> Model {
        let mut ids = 0..;
        let mut leaf = || member::Member::Leaf(ids.next().expect("endless"), scripts.clone());
        let members = self.nodes.iter().map(|node| match node {
            Node::Leaf(_) => leaf(),
            Node::Group(setup, leaves) => {
                let members = leaves.iter().map(|_| leaf()).collect();
                member::Member::Group(Box::new(Model::new(*setup, members, scripts)))
            }
        });
        Model::new(self.setup, members.collect(), scripts)
    }

    fn start(&self, scripts: &Rc<Scripts>, stop: &Rc<Cell<bool>>) -> Running {
        let mut ids = 0..;
        let mut leaf = || play::Member(ids.next().expect("endless"), scripts.clone());
        let members = self.nodes.iter().map(|node| match node {
            Node::Leaf(_) => AnyMember::Leaf(leaf()),
            Node::Group(setup, leaves) => AnyMember::Group(enter_group(setup, leaves.iter().map(|_| leaf()).collect())),
        });
        let (gather, body, stop) = (gather(members.collect::<Vec<_>>()).catch_unwind(), scripts.clone(), stop.clone());
        with_policies!(gather, &self.setup, until(stop), |gather| {
            Box::pin(async move { report(gather.try_with(async move |_| play_body(body).await).await) })
        })
    }

    pub fn check(&self) {
        let (scripts, stop) = (self.scripts(), Rc::new(Cell::new(false)));
        let future = self.start(&scripts, &stop);
        let stop = self.setup.until.then_some(&*stop);
        play::play(
            self,
            &scripts,
            self.model(&scripts),
            future,
            stop,
            Chosen { choices: self.choices.iter(), idled: false },
        );
    }
}

/// The plan's own choices. When they are used up, everyone is released who can be, and then what is left is dropped.
struct Chosen<'a> {
    choices: std::slice::Iter<'a, u8>,
    idled: bool,
}

impl Choose for Chosen<'_> {
    const ALL: bool = false;

    fn may_idle(&self) -> bool {
        !self.idled
    }

    fn idle(&mut self) {
        self.idled = true;
    }

    fn choose(&mut self, ways: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice) * ways / 256)
    }
}
