//! The test program of the question that this crate answers, with two test managers, `foo`
//! and `bar`.
//!
//! It prints the same lines as the Python program there:
//!
//! ```text
//! __aenter__ foo
//! __aenter__ bar
//! cm1 foo
//! cm2 bar
//! __aexit__ foo (None, None, None)
//! __aexit__ bar (None, None, None)
//! ```

use std::io::{self, Write};

use gather_cm::{Exit, ExitCase, FailureOf, gather};

struct TestCm {
    x: &'static str,
}

impl TestCm {
    async fn enter(x: &'static str) -> io::Result<Self> {
        writeln!(io::stdout(), "__aenter__ {x}")?;
        Ok(Self { x })
    }
}

impl Exit for TestCm {
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {
        // Python passes the exception's type, value and traceback, or three times `None`.
        let x = self.x;
        match case {
            ExitCase::Completed => writeln!(io::stdout(), "__aexit__ {x} (None, None, None)"),
            case => writeln!(io::stdout(), "__aexit__ {x} ({case:?})"),
        }
    }
}

async fn foo() -> Result<(), FailureOf<(TestCm, TestCm)>> {
    gather((TestCm::enter("foo"), TestCm::enter("bar")))
        .with(async |(cm1, cm2)| {
            writeln!(io::stdout(), "cm1 {}", cm1.x)?;
            writeln!(io::stdout(), "cm2 {}", cm2.x)
        })
        .await
}

fn main() -> Result<(), FailureOf<(TestCm, TestCm)>> {
    smol::block_on(foo())
}
