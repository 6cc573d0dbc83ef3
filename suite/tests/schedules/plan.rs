//! A plan of a group with nested groups, run in the crate and in the model.

use std::{any::Any, future::poll_fn, marker::PhantomData, pin::Pin, rc::Rc};

use gather_cm::{Exit, ExitCase, Failure, Shape, Verdict, gather};

use super::{
    member,
    play::{self, Choose, Driving, Stop, WithDriver, driven, play_body, with_policies, with_shield},
    script::{Drivers, End, Order, Outcome, Part, Rollback, Running, Script, Scripts, Setup, Shield},
    state::Model,
};

#[derive(Clone, Debug)]
pub enum Node {
    Leaf(Leaf),
    Group(Group),
}

/// A nested group.
#[derive(Clone, Debug)]
pub struct Group {
    pub setup: Setup,
    pub stop: Script,
    pub leaves: Vec<Leaf>,
}

/// The scripts of a member, and whether it panics in `on_error` and in `abandon`.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub enter: Script,
    pub exit: Script,
    /// The script of its driver, if the members of its group have drivers.
    pub driver: Script,
    pub on_error_panics: bool,
    pub abandon_panics: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub setup: Setup,
    pub nodes: Vec<Node>,
    pub body: Script,
    pub stop: Script,
    /// Whether the destructor of the body's value panics.
    pub value_bomb: bool,
    pub choices: Vec<u8>,
}

impl Leaf {
    /// Adds one more panic, of a destructor, when a future should be made, or in a call.
    pub fn add_fault(&mut self, fault: u8) {
        match fault % 7 {
            0 => self.enter.bomb = true,
            1 => self.exit.bomb = true,
            2 => self.enter.end = End::MakePanics,
            3 => self.exit.end = End::MakePanics,
            4 => self.on_error_panics = true,
            5 => self.driver.bomb = true,
            _ => self.abandon_panics = true,
        }
    }
}

/// Returns the same policies with a shield, or the nearest ones that `with_shield` knows.
pub fn shielded(setup: Setup, shield: Shield) -> Setup {
    let (rollback, order) = match (shield, setup.rollback, setup.order) {
        (Shield::Nothing, ..) => return setup,
        (Shield::EntersAndExits, Rollback::FailFast | Rollback::Settle, _) => (Rollback::RunOn, Order::Pool),
        (_, rollback @ (Rollback::FailFast | Rollback::Settle), _) => (rollback, Order::Pool),
        (_, Rollback::RunOn, Order::InReverse) => (Rollback::RunOn, Order::Stack),
        (_, Rollback::Eager, Order::Stack) => (Rollback::Eager, Order::InReverse),
        (_, rollback, order) => (rollback, order),
    };
    Setup { shield, rollback, order, fair: false, keep_value: false, ..setup }
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Part>>>>;

/// Maps the output of a future. The future stays where it is to its end, because its destructor may panic.
fn mapped<T, U>(future: impl Future<Output = T> + 'static, map: impl Fn(T) -> Result<U, Part> + 'static) -> Boxed<U> {
    let mut future = Box::pin(future);
    Box::pin(poll_fn(move |cx| future.as_mut().poll(cx).map(&map)))
}

/// A resource, of a single member or of a group.
trait Held {
    fn exit(self: Box<Self>, case: ExitCase) -> Boxed<Verdict>;
    fn on_error(&mut self, error: &dyn Any);
    fn abandon(self: Box<Self>);
}

impl<V: Exit<Verdict: 'static, Error: 'static> + 'static> Held for V
where
    Part: From<V::Error>,
{
    fn exit(self: Box<Self>, case: ExitCase) -> Boxed<Verdict> {
        mapped(Exit::exit(*self, case), |result| result.map(Into::into).map_err(Part::from))
    }

    fn on_error(&mut self, error: &dyn Any) {
        Exit::on_error(self, error);
    }

    fn abandon(self: Box<Self>) {
        Exit::abandon(*self);
    }
}

impl<S: Shape> From<Failure<Part, S>> for Part {
    fn from(_: Failure<Part, S>) -> Self {
        Part::Group
    }
}

/// A resource that exits its contents by hand.
struct AnyResource(Box<dyn Held>);

impl Exit for AnyResource {
    type Error = Part;
    type Verdict = Verdict;

    fn exit(self, case: ExitCase) -> impl Future<Output = Result<Verdict, Part>> {
        self.0.exit(case)
    }

    fn on_error(&mut self, error: &dyn Any) {
        self.0.on_error(error);
    }

    fn abandon(self) {
        self.0.abandon();
    }
}

/// A member of any kind. It has drivers, if `D` has some.
enum AnyMember<D> {
    Leaf(WithDriver),
    Group(Boxed<AnyResource>, PhantomData<D>),
}

impl<D: TakeDriver + 'static> IntoFuture for AnyMember<D> {
    type Output = Result<D::Member, Part>;
    type IntoFuture = Boxed<D::Member>;

    fn into_future(self) -> Boxed<D::Member> {
        match self {
            Self::Leaf(member) => mapped(member.into_future(), |result| {
                let (resource, driver) = result?;
                Ok(D::take(AnyResource(Box::new(resource)), driver))
            }),
            Self::Group(group, _) => mapped(group, |result| Ok(D::take(result?, Driving::NONE))),
        }
    }
}

trait TakeDriver {
    type Member;

    fn take(resource: AnyResource, driver: Driving) -> Self::Member;
}

/// The members have no drivers.
impl TakeDriver for () {
    type Member = AnyResource;

    fn take(resource: AnyResource, _: Driving) -> AnyResource {
        resource
    }
}

impl TakeDriver for Driving {
    type Member = (AnyResource, Driving);

    fn take(resource: AnyResource, driver: Driving) -> Self::Member {
        (resource, driver)
    }
}

/// Enters a nested group. Groups without drivers differ from the others only in the scripts.
fn enter_group(setup: &Setup, stop: Stop, members: Vec<WithDriver>) -> Boxed<AnyResource> {
    let members = members.into_iter().map(|member| driven(member, setup.drivers)).collect::<Vec<_>>();
    with_policies!(gather(members), setup, stop, |gather| {
        mapped(gather.enter(), |result| Ok(AnyResource(Box::new(result?))))
    })
}

impl Plan {
    /// Adds one more panic, of a leaf.
    pub fn add_leaf_fault(&mut self, which: usize, fault: u8) {
        let leaves = self.nodes.iter_mut().flat_map(|node| match node {
            Node::Leaf(leaf) => std::slice::from_mut(leaf),
            Node::Group(group) => &mut group.leaves,
        });
        let mut leaves: Vec<_> = leaves.collect();
        if let Some(which) = which.checked_rem(leaves.len()) {
            leaves[which].add_fault(fault);
        }
    }

    /// Adds one more panic, of the body, of its value or of a `stop`.
    pub fn add_fault(&mut self, fault: u8) {
        let nested = self.nodes.iter_mut().filter_map(|node| match node {
            Node::Leaf(_) => None,
            Node::Group(group) => Some(&mut group.stop),
        });
        let mut stops: Vec<_> = [&mut self.stop].into_iter().chain(nested).collect();
        let which = usize::from(fault / 5) % stops.len();
        match fault % 5 {
            0 => self.body.bomb = true,
            1 => self.value_bomb = true,
            2 => stops[which].bomb = true,
            3 => stops[which].end = End::Panics,
            _ => stops[which].end = End::MakePanics,
        }
    }

    fn leaves(&self) -> Vec<Leaf> {
        let leaves = self.nodes.iter().flat_map(|node| match node {
            Node::Leaf(leaf) => vec![leaf.clone()],
            Node::Group(group) => group.leaves.clone(),
        });
        leaves.collect()
    }

    /// Returns the scripts of the stops. The first one is that of the group itself. Each node has one, whether or not
    /// it is used.
    fn stops(&self) -> Vec<Script> {
        let nested = self.nodes.iter().map(|node| match node {
            Node::Leaf(_) => Script::STOP,
            Node::Group(group) => group.stop,
        });
        [self.stop].into_iter().chain(nested).collect()
    }

    fn scripts(&self) -> Rc<Scripts> {
        let (body, stops, leaves) = (self.body, self.stops(), self.leaves());
        let value = Script { bomb: self.value_bomb, ..Script::WELL };
        let call = |panics| Script { end: if panics { End::Panics } else { End::Well }, ..Script::WELL };
        Rc::new(Scripts::new(leaves.len(), stops.len(), move |part| match part {
            Part::Body => body,
            Part::Value => value,
            Part::Stop(id) => stops[id],
            Part::Enter(id) => leaves[id].enter,
            Part::Exit(id) => leaves[id].exit,
            Part::Driver(id) => leaves[id].driver,
            Part::OnError(id) => call(leaves[id].on_error_panics),
            Part::Abandon(id) => call(leaves[id].abandon_panics),
            Part::Group => unreachable!("it has no script of its own"),
        }))
    }

    fn model(&self, scripts: &Rc<Scripts>) -> Model {
        let mut ids = 0..;
        let mut leaf = |drivers| member::Member::leaf(ids.next().expect("endless"), drivers, scripts);
        let members = self.nodes.iter().zip(1..).map(|(node, stop)| match node {
            Node::Leaf(_) => leaf(self.setup.drivers),
            Node::Group(group) => {
                let members = group.leaves.iter().map(|_| leaf(group.setup.drivers)).collect();
                member::Member::ByHand(Box::new(Model::nested(group.setup, stop, members, scripts)))
            }
        });
        Model::new(self.setup, members.collect(), scripts)
    }

    fn members<D>(&self, scripts: &Rc<Scripts>) -> Vec<AnyMember<D>> {
        let mut ids = 0..;
        let mut leaf = |drivers| WithDriver(ids.next().expect("endless"), scripts.clone(), drivers);
        let members = self.nodes.iter().zip(1..).map(|(node, stop)| match node {
            Node::Leaf(_) => AnyMember::Leaf(leaf(self.setup.drivers)),
            Node::Group(Group { setup, leaves, .. }) => {
                let stop = Stop::new(setup, stop, scripts);
                let leaves = leaves.iter().map(|_| leaf(setup.drivers)).collect();
                AnyMember::Group(enter_group(setup, stop, leaves), PhantomData)
            }
        });
        members.collect()
    }

    fn start(&self, scripts: &Rc<Scripts>) -> Running {
        if self.setup.drivers == Drivers::Absent {
            return self.start_members(self.members::<()>(scripts), scripts);
        }
        let members = self.members::<Driving>(scripts).into_iter();
        self.start_members(members.map(|member| driven(member, self.setup.drivers)).collect(), scripts)
    }

    fn start_members<M>(&self, members: Vec<M>, scripts: &Rc<Scripts>) -> Running
    where
        M: gather_cm::Member<Error = Part, Resource: 'static, IntoFuture: 'static> + 'static,
    {
        let (gather, body) = (gather(members).catch_unwind(), scripts.clone());
        let stop = Stop::new(&self.setup, 0, scripts);
        if self.setup.shield != Shield::Nothing {
            let scripts = scripts.clone();
            return with_shield!(gather, &self.setup, stop, |gather| {
                let gather = gather.with(async move |_| play_body(body).await).on_drop(move |cleanup| {
                    let cleanup = async { Outcome::from(cleanup.await) };
                    assert!(scripts.handed_over.replace(Some(Box::pin(cleanup))).is_none(), "handed over twice");
                });
                Box::pin(async move { Outcome::from(gather.await) })
            });
        }
        with_policies!(gather, &self.setup, stop, |gather| {
            let gather = gather.with(async move |_| play_body(body).await);
            if self.setup.keep_value {
                let gather = gather.keep_value();
                Box::pin(async move { Outcome::from(gather.await) })
            } else {
                Box::pin(async move { Outcome::from(gather.await) })
            }
        })
    }

    pub fn check(&self) {
        let scripts = self.scripts();
        let chosen = Chosen { choices: self.choices.iter(), idled: false };
        play::play(self, &scripts, self.model(&scripts), self.start(&scripts), chosen);
    }
}

/// The plan's own choices. When they are used up, every part that can be released is released, and then the rest is
/// dropped.
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
