//! A failure as one boxed error that keeps every source: [`Report`].

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    error::Error,
    fmt::{self, Write},
};

use crate::{
    Cause, Failure, Origin, Shape,
    failure::{Indented, who},
};

type BoxError = Box<dyn Error + Send + Sync>;

impl<E, S: Shape, B> Failure<E, S, B> {
    /// Returns the failure as one boxed error that keeps every source.
    ///
    /// Use it with `anyhow` (`.await.map_err(Failure::report)?`), for a log, or at the end of `main`. A plain `?` turns the
    /// failure into a boxed error too, but that one has no sources: no `source()` can be written for every error type.
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
/// | `{}` | one line: what failed first, without the text of that error, since [`source`](Error::source) leads to it |
/// | `{:#}` | one line: everything, each error along with its sources |
/// | `{:?}` | a tree: everything, with a line for each source |
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
pub struct Report {
    parts: Vec<Part>,
}

/// A line of a report: `cancelled`, or `enter of db failed` along with its error.
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

/// An error along with its sources, on one line. The flag `-` puts brackets around a failure of several parts.
struct Chain<'a>(&'a BoxError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:-}", self.0)?;
        sources(self.0).try_for_each(|source| write!(f, ": {source:-}"))
    }
}

fn sources(error: &BoxError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    core::iter::successors(error.source(), |error: &&(dyn Error + 'static)| (*error).source())
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {}", Chain(error)))
    }
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: impl Iterator<Item = T>) -> fmt::Result {
    for (place, part) in parts.enumerate() {
        f.write_str(if place > 0 { "; " } else { "" })?;
        write!(f, "{part}")?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let several = self.parts.len() > 1;
            f.write_str(if several { "[" } else { "" })?;
            join(f, self.parts.iter())?;
            return f.write_str(if several { "]" } else { "" });
        }
        let first = self.parts.iter().position(|part| part.error.is_some());
        let (head, rest) = self.parts.split_at(first.map_or(self.parts.len(), |first| first + 1));
        join(f, head.iter().map(|part| &part.label))?;
        if !rest.is_empty() {
            f.write_str(" (also: ")?;
            join(f, rest.iter())?;
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// A line for each part, and below it an indented line for each of its sources.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.parts.iter().enumerate() {
            f.write_str(if place > 0 { "\n" } else { "" })?;
            f.write_str(&part.label)?;
            let Some(error) = &part.error else { continue };
            let mut tree = Indented(f);
            write!(tree, ":\n{error:-1}")?;
            sources(error).try_for_each(|source| write!(tree, "\ncaused by: {source:-1}"))?;
        }
        Ok(())
    }
}

impl Error for Report {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let error = self.parts.iter().find_map(|part| part.error.as_ref())?;
        Some(&**error)
    }
}
