//! A failure as one boxed error that keeps every source: [`Report`].

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    error::Error,
    fmt::{self, Write},
};

use crate::{
    Cause, Failure, Origin, Shape,
    failure::{Lines, is_tree, who},
};

type BoxError = Box<dyn Error + Send + Sync>;

impl<E, S: Shape, B> Failure<E, S, B> {
    /// Returns the failure as one boxed error that keeps every source.
    ///
    /// Use it with `anyhow` (`.await.map_err(Failure::report)?`), for a log, or at the end of `main`. A plain `?` turns
    /// the failure into a boxed error too, but that error has no sources, because the crate cannot write a `source()`
    /// that fits every error type.
    ///
    /// ```
    /// use std::io;
    ///
    /// use gather_cm::{EnterExt, Failure, Report, gather};
    ///
    /// async fn run() -> Result<(), Report> {
    ///     let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
    ///     gather((db,)).names(&["db"]).with(async |_| Ok(())).await.map_err(Failure::report)
    /// }
    ///
    /// let report = smol::block_on(run()).unwrap_err();
    /// assert_eq!(format!("{report:#}"), "enter of db failed: no route");
    /// ```
    pub fn report(self) -> Report
    where
        E: Into<BoxError>,
        B: Into<BoxError>,
    {
        let mut report = Report::new();
        match self.cause {
            Cause::Enter(errors) => errors
                .into_iter()
                .for_each(|(index, error)| report.push(Origin::Enter(who::<S>(self.names, index)), Some(error.into()))),
            Cause::Lost(errors) => errors.into_iter().for_each(|(index, error)| {
                report.push(Origin::Driver(who::<S>(self.names, index)), Some(error.into()))
            }),
            Cause::Body(error) => report.push(Origin::Body, Some(error.into())),
            Cause::Cancelled {} => report.push("cancelled", None),
            Cause::Exit {} => {}
            #[cfg(feature = "std")]
            Cause::Panicked(panic) => report.push(panic, None),
        }
        for (index, error) in self.exits {
            report.push(Origin::Exit(who::<S>(self.names, index)), Some(error.into()));
        }
        report
    }
}

/// A [`Failure`](crate::Failure) as one error, for `anyhow`, for a log, or for the end of `main`.
/// [`Failure::report`](crate::Failure::report) makes it.
///
/// | you print | and get |
/// | --- | --- |
/// | `{}` | one line: what failed first, without the text of that error, because [`source`](Error::source) leads to it |
/// | `{:#}` | one line: everything, each error along with its sources |
/// | `{:?}` | a tree: everything, with a line for each source, and nested failures further to the right |
///
/// `{}` leaves out the first error's text because `anyhow` and other reporters print it as the source.
///
/// ```
/// use std::{error::Error, io};
///
/// use gather_cm::{EnterExt, gather};
///
/// # smol::block_on(async {
/// let db = async { Err::<(), _>(io::Error::other("no route")) }.drop_on_exit();
/// let exit = async |(), _| Err::<(), _>(io::Error::other("stuck"));
/// let cache = async { Ok(()) }.exit_with(exit);
/// let group = gather((db, cache)).names(&["db", "cache"]);
/// let failure = group.with(async |_| Ok(())).await.unwrap_err();
/// let report = failure.report();
/// assert_eq!(report.to_string(), "enter of db failed (also: exit of cache failed: stuck)");
/// assert_eq!(report.source().map(|error| error.to_string()).as_deref(), Some("no route"));
/// let line = "[enter of db failed: no route; exit of cache failed: stuck]";
/// assert_eq!(format!("{report:#}"), line);
/// # });
/// ```
///
/// # Groups in groups
///
/// The error of a member may itself be a failure or a report. On one line it has brackets around it, unless it has only
/// one part. In the tree it is a branch:
///
/// ```
/// use std::io;
///
/// use gather_cm::{EnterExt, gather};
///
/// # smol::block_on(async {
/// let server = |text: &'static str| {
///     async { Ok(()) }
///         .exit_with(async move |(), _| Err::<(), _>(io::Error::other(text)))
/// };
/// let servers = gather((server("no answer"), server("stuck"))).names(&["primary", "replica"]);
/// let failure = gather((servers.enter(),))
///     .names(&["servers"])
///     .with_own_error(async |_| Err::<(), _>(io::Error::other("no quorum")))
///     .await
///     .unwrap_err();
/// assert_eq!(
///     failure.to_string(),
///     "body failed: no quorum; exit of servers failed: \
///      [exit of primary failed: no answer; exit of replica failed: stuck]"
/// );
///
/// let tree = "\
/// body failed:
///   no quorum
/// exit of servers failed:
///   exit of primary failed:
///     no answer
///   exit of replica failed:
///     stuck";
/// assert_eq!(format!("{:?}", failure.report()), tree);
/// # });
/// ```
///
/// A nested failure prints the texts of its errors without their sources, because it takes errors of every type. Errors
/// of `anyhow` still print their sources. For other errors, use [`errors_into`](crate::EnterExt::errors_into) to
/// convert each nested failure to an error of yours that holds its report. A nested report prints the sources of all
/// its errors.
pub struct Report {
    parts: Vec<Part>,
}

/// A part of a report: `cancelled`, or `enter of db failed` along with its error.
struct Part {
    label: String,
    error: Option<BoxError>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { parts: Vec::new() }
    }

    pub(crate) fn push(&mut self, label: impl fmt::Display, error: Option<BoxError>) {
        self.parts.push(Part { label: label.to_string(), error });
    }
}

/// Returns the error and its sources, up to the first report. A report prints its own sources, so the chain ends there.
fn chain(error: &BoxError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    core::iter::successors(Some(&**error as _), |error: &&(dyn Error + 'static)| {
        (*error).source().filter(|_| !is_report(*error))
    })
}

/// Returns whether the error is a report, or an `io::Error` that prints one in its place.
fn is_report(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "std")]
    if let Some(inner) = error.downcast_ref().and_then(std::io::Error::get_ref) {
        return is_report(inner);
    }
    error.is::<Report>()
}

impl Part {
    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Lines::joined(f), "{}", self.label)?;
        self.error.iter().flat_map(chain).try_for_each(|error| write!(Lines::joined(f), ":\n{error:-}"))
    }

    fn tree(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut part = Lines::indented(f);
        write!(part, "{}", self.label)?;
        for (place, error) in self.error.iter().flat_map(chain).enumerate() {
            let text = format!("{error:-1}");
            if place == 0 {
                write!(part, ":\n{text}")?;
            } else if text.trim_matches('\n').contains('\n') {
                part.write_str("\ncaused by:")?;
                write!(Lines::indented(&mut part), "\n{text}")?;
            } else {
                write!(part, "\ncaused by: {text}")?;
            }
        }
        Ok(())
    }
}

/// Writes the parts by `write`, and `separator` between two of them.
fn join(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    parts: &[Part],
    write: fn(&Part, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        f.write_str(if place > 0 { separator } else { "" })?;
        write(part, f)?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_tree(f) {
            return join(f, "\n", &self.parts, Part::tree);
        }
        if f.alternate() || f.sign_minus() {
            let several = self.parts.len() > 1;
            f.write_str(if several { "[" } else { "" })?;
            join(f, "; ", &self.parts, Part::line)?;
            return f.write_str(if several { "]" } else { "" });
        }
        let first = self.parts.iter().position(|part| part.error.is_some());
        let (head, rest) = self.parts.split_at(first.map_or(self.parts.len(), |first| first + 1));
        join(f, "; ", head, |part, f| write!(Lines::joined(f), "{}", part.label))?;
        if !rest.is_empty() {
            f.write_str(" (also: ")?;
            join(f, "; ", rest, Part::line)?;
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// Writes a line for each part. Below it are the lines of its error and of each source, further to the right.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, "\n", &self.parts, Part::tree)
    }
}

impl Error for Report {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let error = self.parts.iter().find_map(|part| part.error.as_ref())?;
        Some(&**error)
    }
}
