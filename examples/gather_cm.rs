//! The test program of the question that this crate answers, with two test managers, `foo` and `bar`.
//!
//! It prints line for line what Python prints there:
//!
//! ```text
//! __aenter__ foo
//! __aenter__ bar
//! cm1 foo
//! cm2 bar
//! __aexit__ foo (None, None, None)
//! __aexit__ bar (None, None, None)
//! ```

use std::convert::Infallible;

use gather_cm::{Exit, ExitCase, gather};

struct TestCm {
    x: &'static str,
}

impl TestCm {
    async fn enter(x: &'static str) -> Result<Self, Infallible> {
        println!("__aenter__ {x}");
        Ok(Self { x })
    }
}

impl Exit for TestCm {
    type Error = Infallible;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), Infallible> {
        // Python tells `__aexit__` the exception's type, value and traceback; three times `None` where there is none.
        match case {
            ExitCase::Completed => println!("__aexit__ {} (None, None, None)", self.x),
            case => println!("__aexit__ {} ({case:?})", self.x),
        }
        Ok(())
    }
}

async fn foo() {
    let result = gather((TestCm::enter("foo"), TestCm::enter("bar")))
        .with(async |(cm1, cm2)| {
            println!("cm1 {}", cm1.x);
            println!("cm2 {}", cm2.x);
        })
        .await;
    result.expect("nothing here fails");
}

fn main() {
    smol::block_on(foo());
}
