//! These functions draw a timeline.

use super::recorder::{Phase, Row, Span, Timeline};

/// Draws a timeline as text, with two letters for each tick.
pub fn text(timeline: &Timeline) -> String {
    let mut text = String::new();
    for Row { name, spans } in &timeline.rows {
        let (mut line, mut notes) = (format!("{name:8}"), Vec::new());
        for &Span { phase, from, to, case, broken } in spans {
            let letter = match phase {
                Phase::Enter => ">",
                Phase::Held => "=",
                Phase::Body => "#",
                Phase::Exit => "<",
            };
            let [from, to] = [from, to.unwrap_or(timeline.end)].map(|tick| 8 + 2 * tick as usize);
            line = format!("{line:from$}{}", letter.repeat(to - from));
            if let Some(broken) = broken {
                line.replace_range(to - 1.., "x");
                notes.push(broken.into());
            }
            notes.extend(case.map(|case| format!("receives {case:?}")));
        }
        if spans.is_empty() {
            notes.push("is not called".into());
        }
        let width = 9 + 2 * timeline.end as usize;
        text += format!("{line:width$}{}", notes.join(", ")).trim_end();
        text.push('\n');
    }
    for (tick, mark) in &timeline.marks {
        text += &format!("tick {tick}: {mark}\n");
    }
    text
}

/// Draws a timeline as a picture.
///
/// The picture has a ground of its own, so that it suits pages of every color. You can put it into HTML and Markdown as
/// it is, because it has no ids, no style sheet and no blank line.
pub fn svg(title: &str, code: &str, timeline: &Timeline, result: &str) -> String {
    const LEFT: u32 = 92;
    const TOP: u32 = 112;
    const ROW: u32 = 50;
    const WIDTH: u32 = 670;
    let x = |tick: u32| LEFT + WIDTH * tick / timeline.end.max(8);
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let end = x(timeline.end);
    let bottom = TOP + ROW * timeline.rows.len() as u32;
    let height = bottom + 42;
    let (title, code) = (escape(title), escape(code));
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' role='img' width='800' height='{height}' \
         viewBox='0 0 800 {height}' style='max-width:100%;height:auto' fill='#24292f' font-size='13' \
         font-family='system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif'>\n\
         <title>{title}</title>\n\
         <rect x='.5' y='.5' width='799' height='{}' rx='8' fill='#fff' stroke='#d0d7de'/>\n\
         <text x='24' y='34' font-size='17' font-weight='600'>{title}</text>\n\
         <text x='24' y='57' fill='#57606a' font-family='ui-monospace,Menlo,Consolas,monospace'>{code}</text>\n",
        height - 1
    );
    let label = |x: u32, y: u32, look: &str, text: &str| format!("<text x='{x}' y='{y}'{look}>{text}</text>\n");
    let line = |path: &str, look: &str| format!("<path d='{path}' fill='none' {look}/>\n");
    if let Some(tick) = timeline.handed_over {
        let (x, y, width, height) = (x(tick), TOP - 10, end - x(tick) + 8, bottom - TOP + 10);
        svg += &format!("<rect x='{x}' y='{y}' width='{width}' height='{height}' fill='#efe9f8'/>\n");
        svg += &label(x + 7, bottom - 12, " font-size='12'", "a task of yours runs the exits");
    }
    for (n, (tick, mark)) in timeline.marks.iter().enumerate() {
        let x = x(*tick);
        svg += &line(&format!("M{x} {}V{bottom}", TOP - 30), "stroke='#57606a' stroke-dasharray='4 3'");
        let (x, look) = if n == 0 && x > 240 { (x - 7, " text-anchor='end'") } else { (x + 7, "") };
        svg += &label(x, TOP - 20, look, mark);
    }
    for (Row { name, spans }, top) in timeline.rows.iter().zip((TOP..).step_by(ROW as usize)) {
        svg += &label(24, top + 17, " font-size='14' font-weight='600'", name);
        if spans.is_empty() {
            svg += &label(LEFT, top + 17, " fill='#57606a'", "is not called");
        }
        for &Span { phase, from, to, case, broken } in spans {
            let (what, fill, ink) = match phase {
                Phase::Enter => ("enters", "#0b62a8", "#fff"),
                Phase::Held => ("is held", "#d9e0e8", "#24292f"),
                Phase::Body => ("runs", "#00785a", "#fff"),
                Phase::Exit => ("exits", "#bf4a00", "#fff"),
            };
            let (from, to) = (x(from), x(to.unwrap_or(timeline.end)));
            let width = (to - from).saturating_sub(2);
            svg += &format!("<rect x='{}' y='{top}' width='{width}' height='24' rx='3' fill='{fill}'/>\n", from + 1);
            if width > 50 {
                svg += &label((from + to) / 2, top + 17, &format!(" fill='{ink}' text-anchor='middle'"), what);
            }
            if let Some(broken) = broken {
                let y = top + 12;
                svg += &format!("<circle cx='{to}' cy='{y}' r='9' fill='#fff' stroke='#24292f'/>\n");
                svg += &line(&format!("M{} {}l8 8m0-8l-8 8", to - 4, y - 4), "stroke='#24292f' stroke-width='2'");
                svg += &label(to - 7, top + 39, " font-size='12' text-anchor='end'", broken);
            }
            if let Some(case) = case {
                let (x, anchor) = if from < 640 { (from + 7, "start") } else { (to - 1, "end") };
                let look = format!(" font-size='12' text-anchor='{anchor}'");
                svg += &label(x, top + 39, &look, &format!("receives <tspan font-weight='600'>{case:?}</tspan>"));
            }
        }
    }
    svg += &line(&format!("M{LEFT} {bottom}H{}m-6-4l6 4-6 4", LEFT + WIDTH + 14), "stroke='#57606a'");
    svg += &format!("<circle cx='{end}' cy='{bottom}' r='4'/>\n");
    svg += &label(24, bottom + 5, " fill='#57606a'", "time");
    svg += &label(end + 4, bottom + 24, " text-anchor='end'", &escape(result));
    svg + "</svg>\n"
}
