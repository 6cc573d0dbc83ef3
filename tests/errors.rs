//! Tests of the errors of a group as a collection: they can be compared, shown and iterated over.

mod common;

use common::Driver;
use gather_cm::{Cause, EnterExt, Errors, Few, gather};

/// The enter errors of three members.
fn errors(results: [Result<(), &'static str>; 3]) -> Errors<&'static str, Few<3>> {
    let members = results.map(|result| async move { result }.drop_on_exit());
    let failure = Driver::new(gather(members).with(async |_| Ok(()))).end().unwrap_err();
    let Cause::Enter(errors) = failure.cause else { panic!("an enter fails") };
    errors
}

/// Two are equal if the same members failed, with the same errors.
#[test]
fn comparison() {
    let (no, disk, link) = (Ok(()), Err("disk"), Err("link"));
    assert_eq!(errors([no, disk, link]), errors([no, disk, link]));
    assert_ne!(errors([no, disk, link]), errors([no, link, disk]), "other errors");
    assert_ne!(errors([no, disk, no]), errors([disk, no, no]), "another member");
    assert_ne!(errors([no, disk, no]), errors([no, disk, disk]), "more of them");
    let copy = errors([disk, no, link]);
    assert_eq!(copy.clone(), copy);
}

/// `Debug` shows indices and errors. An iterator shows the errors that it has not returned yet. An iterator by value
/// shows its name, so that errors need not be `Debug`.
#[test]
fn debug() {
    let errors = errors([Err("disk"), Ok(()), Err("link")]);
    assert_eq!(format!("{errors:?}"), r#"{0: "disk", 2: "link"}"#);
    let mut iter = errors.iter();
    assert_eq!(format!("{iter:?}"), r#"{0: "disk", 2: "link"}"#);
    assert_eq!(iter.next(), Some((0, &"disk")));
    assert_eq!(format!("{iter:?}"), r#"{2: "link"}"#);
    assert_eq!(iter.clone().collect::<Vec<_>>(), iter.collect::<Vec<_>>());
    assert_eq!(format!("{:?}", errors.into_iter()), "IntoIter { .. }");
}
