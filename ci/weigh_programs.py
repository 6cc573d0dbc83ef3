"""The programs that ci/weigh.py builds.

Each group has members of its own: each member is a type with its own enter and its own exit, and each group has its own
body, so that the compiler can share nothing between two groups but the helpers. Both contestants have the same members,
keep the same promises (every resource is exited, a panic resumes when all is done, no error is lost), and end alike.
"""

# What all programs have in common.
COMMON = """\
#![allow(dead_code)]

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use gather_cm::{Exit, ExitCase};

#[derive(Debug)]
pub struct Error(u64);

/// Pends once.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn pause() {
    Pause(false).await;
}

type Run = Pin<Box<dyn Future<Output = Result<u64, Error>>>>;

fn run(mut group: Run) {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = group.as_mut().poll(&mut cx) {
            println!("{result:?}");
            return;
        }
    }
}
"""

MEMBER = """
pub struct R{m} {{
    number: u64,
}}

async fn open_{m}(number: u64) -> Result<R{m}, Error> {{
    pause().await;
    if number == {failure} {{ Err(Error(number)) }} else {{ Ok(R{m} {{ number }}) }}
}}

impl Exit for R{m} {{
    type Error = Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), Error> {{
        pause().await;
        if self.number == {failure} + case as u64 {{ Err(Error(self.number)) }} else {{ Ok(()) }}
    }}
}}
"""

GATHER_HELPERS = """
use gather_cm::{Failure, Shape, gather};

impl<S: Shape> From<Failure<Error, S>> for Error {
    fn from(failure: Failure<Error, S>) -> Self {
        let first = failure.into_error(|origin, error| eprintln!("{origin}: {error:?}"));
        first.unwrap_or(Error(0))
    }
}
"""

GATHER = """
async fn group_{group}(number: u64) -> Result<u64, Error> {{
    let value = gather(({opens}))
        .with(async |({names})| {{
            pause().await;
            {body}
        }})
        .await?;
    Ok(value)
}}
"""

BY_HAND_HELPERS = """
use std::{any::Any, panic::{AssertUnwindSafe, resume_unwind}};

use futures::{FutureExt, future::CatchUnwind, join};

type Caught<T> = Result<Result<T, Error>, Box<dyn Any + Send>>;

fn caught<F: Future>(future: F) -> CatchUnwind<AssertUnwindSafe<F>> {
    AssertUnwindSafe(future).catch_unwind()
}

/// How a group ends.
struct Ending {
    case: ExitCase,
    panic: Option<Box<dyn Any + Send>>,
    error: Option<Error>,
}

impl Ending {
    fn new() -> Self {
        Self { case: ExitCase::Completed, panic: None, error: None }
    }

    /// Keeps the first error, and logs the others.
    fn fails(&mut self, index: usize, error: Error) {
        if self.error.is_some() {
            eprintln!("{index}: {error:?}");
        } else {
            self.error = Some(error);
        }
    }

    fn panics(&mut self, panic: Box<dyn Any + Send>) {
        self.panic.get_or_insert(panic);
    }

    fn takes<T>(&mut self, index: usize, result: Caught<T>, case: ExitCase) -> Option<T> {
        match result {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => self.fails(index, error),
            Err(panic) => self.panics(panic),
        }
        self.case = case;
        None
    }

    fn ends(self, value: Option<u64>) -> Result<u64, Error> {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
        match (self.error, value) {
            (None, Some(value)) => Ok(value),
            (error, _) => Err(error.unwrap_or(Error(0))),
        }
    }
}

async fn exit<V: Exit<Error = Error>>(value: Option<V>, case: ExitCase) -> Result<(), Error> {
    match value {
        Some(value) => value.exit(case).await.map(drop),
        None => Ok(()),
    }
}
"""

BY_HAND = """
async fn group_{group}(number: u64) -> Result<u64, Error> {{
    let mut ending = Ending::new();
    let ({names}) = join!({caught_opens});
    let ({names}) = ({entered});
    let mut value = None;
    let ({names}) = match ({names}) {{
        ({some_mut}) => {{
            let result = caught(async {{
                let ({names}) = ({borrowed});
                pause().await;
                {body}
            }})
            .await;
            value = ending.takes({count}, result, ExitCase::Failed);
            ({some})
        }}
        all => all,
    }};
    let case = ending.case;
    let ({names}) = join!({caught_exits});
    {exited}
    ending.ends(value)
}}
"""


def join(names, text):
    return ", ".join(text.format(name=name, index=index) for index, name in enumerate(names))


def member(name, number):
    return MEMBER.format(m=name, failure=1000 * (number + 1))


def gathers(count, by_hand):
    """A program of so many groups, of 3 and of 4 members in turn."""
    parts = [COMMON, BY_HAND_HELPERS if by_hand else GATHER_HELPERS]
    for group in range(count):
        names = "abcd"[: 3 + group % 2]
        parts += [member(f"{group}{name}", 4 * group + index) for index, name in enumerate(names)]
        body = "".join(f"{name}.number += {group + 1}; " for name in names)
        body += f"if a.number == {group} {{ Err(Error(a.number)) }} else {{ Ok({' + '.join(f'{name}.number' for name in names)}) }}"
        opens = f"open_{group}{{name}}(number + {{index}})"
        parts.append(
            (BY_HAND if by_hand else GATHER).format(
                group=group,
                count=len(names),
                body=body,
                names=join(names, "{name}"),
                opens=join(names, opens),
                caught_opens=join(names, f"caught({opens})"),
                entered=join(names, "ending.takes({index}, {name}, ExitCase::EnterFailed)"),
                some_mut=join(names, "Some(mut {name})"),
                some=join(names, "Some({name})"),
                borrowed=join(names, "&mut {name}"),
                caught_exits=join(names, "caught(exit({name}, case))"),
                exited=" ".join(f"ending.takes({index}, {name}, case);" for index, name in enumerate(names)),
            )
        )
    runs = "".join(f"    run(Box::pin(group_{group}(number)));\n" for group in range(count))
    parts.append(f"\nfn main() {{\n    let number = std::env::args().count() as u64;\n{runs}}}\n")
    return "".join(parts)


def nested(levels):
    """A program with one group that has so many levels; of level 0 there are only the members."""
    parts = [COMMON, GATHER_HELPERS.replace(", gather}", "}") if not levels else GATHER_HELPERS]
    names = ["0", *(str(level) for level in range(1, 5))]
    parts += [member(name, index) for index, name in enumerate(names)]
    if levels:
        group = "open_0(number)"
        for level in range(1, levels + 1):
            inner = group if level == 1 else f"{group}.errors_into::<Error>()"
            group = f"gather(({inner}, open_{level}(number))).enter()"
        uses = "use gather_cm::EnterExt;\n" if levels > 1 else ""
        parts.append(
            f"""
{uses}
async fn group(number: u64) -> Result<u64, Error> {{
    let entered = {group}.await?;
    pause().await;
    entered.exit(ExitCase::Completed).await?;
    Ok(number)
}}
"""
        )
    else:
        parts.append(
            """
async fn group(number: u64) -> Result<u64, Error> {
    let entered = open_0(number).await?;
    pause().await;
    entered.exit(ExitCase::Completed).await?;
    Ok(number)
}
"""
        )
    parts.append("\nfn main() {\n    run(Box::pin(group(std::env::args().count() as u64)));\n}\n")
    return "".join(parts)
