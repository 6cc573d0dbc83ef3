"""The programs that ci/weigh.py builds.

Each group has members and a body of its own, so that the compiler can share nothing between two groups but the
helpers. There are three kinds of members: a resource with the group's error, a value with a closure as its exit, and a
resource with an error of another type. Both contestants have the same members, keep the same promises (every resource
is exited, a panic resumes when all exits have finished, no error is lost), and end alike.
"""

# The code that all programs have in common.
COMMON = """\
#![allow(dead_code, unused_imports)]

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use gather_cm::{Exit, ExitCase};

#[derive(Debug)]
pub struct Error(u64);

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(error.to_string().len() as u64)
    }
}

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

fn number() -> u64 {
    std::env::args().nth(1).map_or(1, |number| number.parse().unwrap())
}
"""

# These numbers make a program go through all ends of a group: nothing fails, or an enter, the body or an exit fails.
NUMBERS = (1, 1000, 1999, 499, 999)

VALUE = """
pub struct R{m} {{
    number: u64,
}}

async fn open_{m}(number: u64) -> Result<R{m}, Error> {{
    pause().await;
    if number == {failure} {{ Err(Error(number)) }} else {{ Ok(R{m} {{ number }}) }}
}}
"""

# A value with an exit of its own.
RESOURCE = VALUE + """
impl Exit for R{m} {{
    type Error = Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> Result<(), Error> {{
        pause().await;
        if self.number == {failure} + case as u64 {{ Err(Error(self.number)) }} else {{ Ok(()) }}
    }}
}}
"""

# The body of a closure that is its exit.
CLOSE = """{{
            pause().await;
            if value.number == {failure} + case as u64 {{ Err(Error(value.number)) }} else {{ Ok(()) }}
        }}"""

OTHER_ERROR = """
pub struct R{m} {{
    number: u64,
}}

async fn open_{m}(number: u64) -> io::Result<R{m}> {{
    pause().await;
    if number == {failure} {{ Err(io::Error::other("opening")) }} else {{ Ok(R{m} {{ number }}) }}
}}

impl Exit for R{m} {{
    type Error = io::Error;
    type Verdict = ();

    async fn exit(self, case: ExitCase) -> io::Result<()> {{
        pause().await;
        if self.number == {failure} + case as u64 {{ Err(io::Error::other("closing")) }} else {{ Ok(()) }}
    }}
}}
"""

GATHER_HELPERS = """
use gather_cm::{EnterExt, Failure, Shape, gather};

impl<S: Shape> From<Failure<Error, S>> for Error {
    fn from(failure: Failure<Error, S>) -> Self {
        let first = failure.into_error(|origin, error| eprintln!("{origin}: {error:?}"));
        first.unwrap_or(Error(0))
    }
}
"""

GATHER = """
async fn group_{group}(number: u64) -> Result<u64, Error> {{
    let value = gather((
        {opens},
    ))
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

async fn exit<V: Exit<Error: Into<Error>>>(value: Option<V>, case: ExitCase) -> Result<(), Error> {
    match value {
        Some(value) => value.exit(case).await.map(drop).map_err(Into::into),
        None => Ok(()),
    }
}
"""

BY_HAND = """
async fn group_{group}(number: u64) -> Result<u64, Error> {{
    let mut ending = Ending::new();
    let ({names}) = join!(
        {caught_opens},
    );
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
    let ({names}) = join!(
        {caught_exits},
    );
    {exited}
    ending.ends(value)
}}
"""


NESTED = """
async fn group(number: u64) -> Result<u64, Error> {{
    let entered = {group}.await?;
    pause().await;
    entered.exit(ExitCase::Completed).await?;
    Ok(number)
}}

fn main() {{
    run(Box::pin(group(number())));
}}
"""

KINDS = {"a": RESOURCE, "b": VALUE, "c": OTHER_ERROR, "d": RESOURCE}
# The code that enters and exits a member of each kind.
GATHERED = {
    "a": "open_{m}({number})",
    "b": "open_{m}({number}).exit_with(async |value, case| {close})",
    "c": "open_{m}({number}).errors_into()",
    "d": "open_{m}({number})",
}
OPENED = {
    "a": "caught(open_{m}({number}))",
    "b": "caught(open_{m}({number}))",
    "c": "caught(async {{ Ok(open_{m}({number}).await?) }})",
    "d": "caught(open_{m}({number}))",
}
EXITED = {
    "a": "caught(exit(a, case))",
    "b": "caught(async {{ if let Some(value) = b {close} else {{ Ok(()) }} }})",
    "c": "caught(exit(c, case))",
    "d": "caught(exit(d, case))",
}


def gathers(count, by_hand):
    """Returns a program with `count` groups, which have 3 and 4 members in turn."""
    parts = [COMMON, BY_HAND_HELPERS if by_hand else GATHER_HELPERS]
    for group in range(count):
        names = "abcd"[: 3 + group % 2]
        members = []
        for index, name in enumerate(names):
            failure = 1000 * (4 * group + index + 1)
            parts.append(KINDS[name].format(m=f"{group}{name}", failure=failure))
            values = {"m": f"{group}{name}", "number": f"number + {index}", "close": CLOSE.format(failure=failure)}
            members.append([texts[name].format(**values) for texts in (GATHERED, OPENED, EXITED)])
        gathered, opened, exited = (",\n        ".join(texts) for texts in zip(*members))
        sum_ = " + ".join(f"{name}.number" for name in names)
        body = "".join(f"{name}.number += {group + 1};\n            " for name in names)
        body += f"if a.number == {group + 500} {{ Err(Error(a.number)) }} else {{ Ok({sum_}) }}"
        parts.append(
            (BY_HAND if by_hand else GATHER).format(
                group=group,
                count=len(names),
                body=body,
                names=join(names, "{name}"),
                opens=gathered,
                caught_opens=opened,
                entered=join(names, "ending.takes({index}, {name}, ExitCase::EnterFailed)"),
                some_mut=join(names, "Some(mut {name})"),
                some=join(names, "Some({name})"),
                borrowed=join(names, "&mut {name}"),
                caught_exits=exited,
                exited="\n    ".join(f"ending.takes({index}, {name}, case);" for index, name in enumerate(names)),
            )
        )
    runs = "".join(f"    run(Box::pin(group_{group}(number)));\n" for group in range(count))
    parts.append(f"\nfn main() {{\n    let number = number();\n{runs}}}\n")
    return "".join(parts)


def join(names, text):
    return ", ".join(text.format(name=name, index=index) for index, name in enumerate(names))


def nested(levels):
    """Returns a program with one group that has `levels` levels. With 0 levels, it has only the members."""
    parts = [COMMON, GATHER_HELPERS]
    parts += [RESOURCE.format(m=level, failure=1000 * (level + 1)) for level in range(5)]
    group = "open_0(number)"
    for level in range(1, levels + 1):
        inner = group if level == 1 else f"{group}.errors_into::<Error>()"
        group = f"gather(({inner}, open_{level}(number))).enter()"
    parts.append(NESTED.format(group=group))
    return "".join(parts)
