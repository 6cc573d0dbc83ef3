//! The body: it borrows every value mutably, in argument order, and may borrow from its surroundings.

mod common;

use std::{cell::RefCell, rc::Rc};

use common::{Driver, Gate, Log, Member, Report, Shape, well};
use gather_cm::{EnterExt, Exit, ExitCase, gather};

/// 7: values come in argument order, whichever was entered first.
fn values_come_in_argument_order<S: Shape>() {
    let log = Log::default();
    let gates: [Gate; 3] = Default::default();
    let mut name = 0;
    let members = gates.clone().map(|gate| {
        name += 1;
        Member::new(&log, name - 1, well().gate(&gate), well())
    });
    let mut gather = S::three(members, async |values| Ok(values.map(|value| value.name())));
    gather.pends();
    for index in [2, 0] {
        gates[index].open();
        gather.pends();
    }
    gates[1].open();
    assert_eq!(gather.end(), Report::value([0, 1, 2]));
    assert_eq!(log.only(&["entered"]), ["entered 2", "entered 0", "entered 1"]);
}

/// 7: the body borrows from its surroundings.
fn the_body_borrows_its_surroundings<S: Shape>() {
    let log = Log::default();
    let gate = Gate::new();
    let mut sum = 0;
    let text = String::from("borrowed");
    let members = [0, 1, 2].map(|name| Member::new(&log, name, well(), well()));
    let mut gather = S::three(members, async |values| {
        gate.wait().await;
        for value in values {
            sum += value.name();
        }
        Ok(text.as_str())
    });
    gather.pends();
    gate.open();
    assert_eq!(gather.end(), Report::value("borrowed"));
    drop(gather);
    assert_eq!(sum, 3);
}

shapes! {
    values_come_in_argument_order
    the_body_borrows_its_surroundings
}

/// A resource that borrows, so it is not `'static`.
struct Lease<'a> {
    pool: &'a RefCell<Vec<u32>>,
    number: u32,
}

impl Exit for Lease<'_> {
    type Error = &'static str;
    type Verdict = ();

    async fn exit(self, _: ExitCase) -> Result<(), &'static str> {
        self.pool.borrow_mut().push(self.number);
        Ok(())
    }
}

async fn lease(pool: &RefCell<Vec<u32>>) -> Result<Lease<'_>, &'static str> {
    let number = pool.borrow_mut().pop().ok_or("the pool is empty")?;
    Ok(Lease { pool, number })
}

/// A plain `async fn` is a body.
async fn add((a, b): (&mut Lease<'_>, &mut Lease<'_>)) -> Result<u32, &'static str> {
    Ok(a.number + b.number)
}

#[test]
fn resources_may_borrow() {
    let pool = RefCell::new(vec![1, 2, 3]);
    let sum = Driver::new(gather((lease(&pool), lease(&pool))).with(add)).end();
    assert_eq!(sum.unwrap(), 5);
    let sum = Driver::new(gather([lease(&pool), lease(&pool)]).with(async |[a, b]| Ok(a.number + b.number))).end();
    assert!(sum.is_ok());
    #[cfg(feature = "alloc")]
    {
        let all =
            Driver::new(gather(vec![lease(&pool), lease(&pool), lease(&pool)]).with(async |all| Ok(all.len()))).end();
        assert_eq!(all.unwrap(), 3);
    }
    let failure =
        Driver::new(gather([lease(&pool), lease(&pool), lease(&pool), lease(&pool)]).with(async |_| Ok(()))).end();
    assert_eq!(failure.unwrap_err().to_string(), "enter of member 3 failed: the pool is empty");
    let mut left = pool.into_inner();
    left.sort();
    assert_eq!(left, [1, 2, 3]);
}

/// The body may change the values, and the exits receive the changed values.
#[test]
fn values_are_lent_mutably() {
    let seen = Rc::new(RefCell::new(vec![]));
    let member = |n: u32| {
        let seen = seen.clone();
        async move { Ok::<_, ()>(n) }.exit_with(async move |n, _| Ok(seen.borrow_mut().push(n)))
    };
    Driver::new(gather((member(1), member(2))).with(async |(a, b)| Ok(std::mem::swap(a, b)))).end().unwrap();
    Driver::new(gather([member(3), member(4)]).with(async |[a, b]| Ok(std::mem::swap(a, b)))).end().unwrap();
    assert_eq!(*seen.borrow(), [2, 1, 4, 3]);
    #[cfg(feature = "alloc")]
    {
        let with = gather(vec![member(5), member(6)]).with(async |all| {
            let mut all = all.iter_mut();
            Ok(std::mem::swap(all.next().unwrap(), all.next().unwrap()))
        });
        Driver::new(with).end().unwrap();
        assert_eq!(seen.borrow()[4..], [6, 5]);
    }
}

/// The body is a closure that is called once, so it may give away the values that it owns.
#[test]
fn the_body_may_consume_what_it_owns() {
    let owned = String::from("owned");
    let member = async { Ok::<_, ()>(1) }.drop_on_exit();
    let back = Driver::new(gather((member,)).with(async move |_| Ok(owned))).end();
    assert_eq!(back.unwrap(), "owned");
}
