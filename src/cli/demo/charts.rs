//! Charts as SVG, written by hand: lines, stacked areas, bars, a map of heat. Colours and fonts come from the page's
//! style sheet by class, so that a chart is right in the dark and in the light.

use std::fmt::Write;

/// Width of a chart in its own units; the page scales it.
const WIDTH: f64 = 560.0;
/// Height of a chart.
const HEIGHT: f64 = 240.0;
/// Room for labels on the left and below.
const LEFT: f64 = 46.0;
const BELOW: f64 = 22.0;
const ABOVE: f64 = 10.0;
const RIGHT: f64 = 10.0;

/// A line or an area.
pub struct Series<'a> {
    /// In the legend.
    pub name: &'a str,
    /// Style class: `c1` to `c8`.
    pub class: &'a str,
    /// One a sample; `None`: nothing to show there.
    pub points: Vec<Option<f64>>,
}

/// How the upright axis goes.
#[derive(Copy, Clone)]
pub enum Axis {
    /// From 0 evenly.
    Even,
    /// Between two bounds, evenly.
    Between(f64, f64),
    /// By powers of ten.
    Powers,
}

/// The frame of a chart over the day.
pub struct Frame<'a> {
    /// Hour of the day at the left edge.
    pub begins_h: f64,
    /// Hours shown.
    pub hours: f64,
    /// What stands behind a number on the upright axis.
    pub unit: &'a str,
    /// The upright axis.
    pub axis: Axis,
}

struct Scale {
    low: f64,
    high: f64,
    powers: bool,
}

impl Scale {
    fn new(axis: Axis, values: impl Iterator<Item = f64> + Clone) -> Scale {
        let most = values.clone().fold(0.0, f64::max);
        match axis {
            Axis::Even => Scale { low: 0.0, high: rounded_up(most), powers: false },
            Axis::Between(low, high) => Scale { low, high, powers: false },
            Axis::Powers => {
                let least = values.filter(|value| *value > 0.0).fold(most.max(1.0), f64::min);
                let low = least.log10().floor();
                Scale { low, high: most.max(1.0).log10().ceil().max(low + 1.0), powers: true }
            }
        }
    }

    fn y(&self, value: f64) -> f64 {
        let value = if self.powers { value.max(1e-9).log10() } else { value };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        HEIGHT - BELOW - share * (HEIGHT - BELOW - ABOVE)
    }

    fn ticks(&self) -> Vec<f64> {
        if self.powers {
            return (self.low as i32..=self.high as i32).map(|power| 10f64.powi(power)).collect();
        }
        (0..=4).map(|n| self.low + (self.high - self.low) * f64::from(n) / 4.0).collect()
    }
}

/// The least of 1, 2, 4, 5 or 8 times a power of ten that is not below.
fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .into_iter()
        .map(|n| n * power)
        .find(|n| *n >= value)
        .unwrap_or(10.0 * power)
}

/// A number as short as it can be: `1.5k`, `0.25`.
pub fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if scaled.abs() >= 100.0 || scaled.fract().abs() < 1e-9 {
        0
    } else if scaled.abs() >= 1.0 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$}{unit}")
}

/// Unit of an axis whose labels are spans of time.
pub const MICROSECONDS: &str = "µs";

/// A span in the unit that suits it.
fn span(us: f64) -> String {
    match us {
        us if us >= 1e6 => short(us / 1e6) + " s",
        us if us >= 1e3 => short(us / 1e3) + " ms",
        _ => short(us) + " µs",
    }
}

fn open(label: &str, height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\">")
}

fn x_of(place: f64, count: usize) -> f64 {
    LEFT + place / (count.max(2) - 1) as f64 * (WIDTH - LEFT - RIGHT)
}

/// Grid and labels.
fn frame(out: &mut String, frame: &Frame<'_>, scale: &Scale) {
    for tick in scale.ticks() {
        let y = scale.y(tick);
        let label = if frame.unit == MICROSECONDS { span(tick) } else { short(tick) + frame.unit };
        let (from, to) = (LEFT, WIDTH - RIGHT);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{from}\" x2=\"{to}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    let every = if frame.hours > 7.0 { 2 } else { 1 };
    let first = frame.begins_h.ceil() as u32;
    for hour in (first..=(frame.begins_h + frame.hours) as u32).step_by(every) {
        let share = (f64::from(hour) - frame.begins_h) / frame.hours.max(0.01);
        let x = LEFT + share * (WIDTH - LEFT - RIGHT);
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{hour:02}:00</text>",
            HEIGHT - 5.0
        );
    }
}

/// A chart of lines.
pub fn lines(label: &str, of: &Frame<'_>, series: &[Series<'_>]) -> String {
    let values = series.iter().flat_map(|one| one.points.iter().flatten().copied());
    let scale = Scale::new(of.axis, values);
    let mut out = open(label, HEIGHT);
    frame(&mut out, of, &scale);
    for one in series {
        let mut path = String::new();
        let mut pen_down = false;
        for (place, value) in one.points.iter().enumerate() {
            if let Some(value) = value {
                let command = if pen_down { 'L' } else { 'M' };
                let _ = write!(
                    path,
                    "{command}{:.1} {:.1}",
                    x_of(place as f64, one.points.len()),
                    scale.y(*value)
                );
            }
            pen_down = value.is_some();
        }
        let _ =
            write!(out, "<path class=\"line {}\" d=\"{path}\"><title>{}</title></path>", one.class, one.name);
    }
    out + "</svg>" + &legend(series)
}

/// A chart of areas, one upon the other, the first at the bottom.
pub fn stacked(label: &str, of: &Frame<'_>, series: &[Series<'_>]) -> String {
    let count = series.first().map_or(0, |one| one.points.len());
    let mut tops: Vec<Vec<f64>> = vec![vec![0.0; count]];
    for one in series {
        let below = tops.last().expect("never empty");
        tops.push(one.points.iter().zip(below).map(|(value, below)| below + value.unwrap_or(0.0)).collect());
    }
    let scale = Scale::new(of.axis, tops.last().expect("never empty").iter().copied());
    let mut out = open(label, HEIGHT);
    for (one, edges) in series.iter().zip(tops.windows(2)) {
        let mut path = String::new();
        for (place, value) in edges[1].iter().enumerate() {
            let command = if place == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x_of(place as f64, count), scale.y(*value));
        }
        for (place, value) in edges[0].iter().enumerate().rev() {
            let _ = write!(path, "L{:.1} {:.1}", x_of(place as f64, count), scale.y(*value));
        }
        let _ = write!(
            out,
            "<path class=\"area {}\" d=\"{path}Z\"><title>{}</title></path>",
            one.class, one.name
        );
    }
    frame(&mut out, of, &scale);
    out + "</svg>" + &legend(series)
}

/// The names of a chart's colours.
fn legend(series: &[Series<'_>]) -> String {
    let mut out = String::from("<p class=\"legend\">");
    for one in series {
        let _ = write!(out, "<span><i class=\"{}\"></i>{}</span>", one.class, one.name);
    }
    out + "</p>"
}

/// A bar in parts.
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// Class, size and name of each part.
    pub parts: Vec<(&'static str, f64, &'static str)>,
    /// What stands at its end.
    pub note: String,
}

/// Bars, each as long as the others: shares of a whole.
pub fn shares(bars: &[Bar]) -> String {
    let mut out = String::from("<div class=\"bars\">");
    for bar in bars {
        let whole: f64 = bar.parts.iter().map(|part| part.1).sum::<f64>().max(1e-9);
        let _ = write!(out, "<div><b>{}</b><span class=\"bar\">", bar.label);
        for (class, size, name) in &bar.parts {
            let percent = size * 100.0 / whole;
            let _ = write!(
                out,
                "<i class=\"{class}\" style=\"width:{percent:.2}%\" title=\"{name}: {percent:.1} %\"></i>"
            );
        }
        let _ = write!(out, "</span><em>{}</em></div>", bar.note);
    }
    out + "</div>"
}

/// Rows of a heat map that belong together: their name, then each row's name and cells.
pub type Rows<'a> = (&'a str, Vec<(&'a str, Vec<u32>)>);

/// A map of heat: a row for each list, grouped under labels; the darker the more.
pub fn heat(label: &str, begins_h: f64, hours: f64, groups: &[Rows<'_>]) -> String {
    const ROW: f64 = 9.0;
    const GAP: f64 = 7.0;
    // Wider than the other charts, since it stands alone in its row.
    const WIDTH: f64 = 1_000.0;
    let rows: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    let height = rows as f64 * ROW + groups.len() as f64 * GAP + BELOW;
    let left = 82.0;
    let most = groups
        .iter()
        .flat_map(|(_, rows)| rows.iter().flat_map(|(_, cells)| cells))
        .copied()
        .max()
        .unwrap_or(0);
    let mut out =
        format!("<svg class=\"broad\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\">");
    let mut y = 0.0;
    for (group, rows) in groups {
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{group}</text>",
            left - 6.0,
            y + rows.len() as f64 * ROW / 2.0 + 4.0
        );
        for (name, cells) in rows {
            let width = (WIDTH - left - RIGHT) / cells.len().max(1) as f64;
            let highest = cells.iter().max().copied().unwrap_or(0);
            let _ = write!(
                out,
                "<g><title>{name}: at most {highest} waiting</title><rect class=\"empty\" x=\"{left}\" y=\"{y:.1}\" \
                 width=\"{:.1}\" height=\"{}\"/>",
                WIDTH - left - RIGHT,
                ROW - 1.0
            );
            for (place, count) in cells.iter().enumerate().filter(|(_, count)| **count > 0) {
                let _ = write!(
                    out,
                    "<rect class=\"h{}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{}\"/>",
                    heat_of(*count, most),
                    left + place as f64 * width,
                    width + 0.2,
                    ROW - 1.0
                );
            }
            out.push_str("</g>");
            y += ROW;
        }
        y += GAP;
    }
    for hour in ((begins_h.ceil() as u32)..=(begins_h + hours) as u32).step_by(2) {
        let x = left + (f64::from(hour) - begins_h) / hours.max(0.01) * (WIDTH - left - RIGHT);
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{hour:02}:00</text>",
            height - 5.0
        );
    }
    out + "</svg>"
}

/// One of six steps, by the logarithm.
fn heat_of(count: u32, most: u32) -> u32 {
    let share = f64::from(count + 1).ln() / f64::from(most + 1).max(2.0).ln();
    ((share * 6.0).ceil() as u32).clamp(1, 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let all =
            [(0.0, "0"), (0.25, "0.25"), (12.5, "12.5"), (1_500.0, "1.5k"), (250_000.0, "250k"), (2e6, "2M")];
        for (value, text) in all {
            assert_eq!(short(value), text);
        }
        assert_eq!([rounded_up(0.0), rounded_up(37.0), rounded_up(401.0)], [1.0, 40.0, 500.0]);
    }

    #[test]
    fn a_chart_stays_within_its_frame() {
        let series =
            [Series { name: "a", class: "c1", points: vec![Some(1.0), None, Some(1e9), Some(-5.0)] }];
        let of = Frame { begins_h: 7.0, hours: 14.0, unit: "", axis: Axis::Powers };
        let svg = lines("a chart", &of, &series);
        let path = svg.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
        let numbers = path
            .split(['M', 'L', ' '])
            .filter(|n| !n.is_empty())
            .map(|n| n.parse::<f64>().expect("a number"));
        assert!(numbers.into_iter().all(|n| (0.0..=WIDTH).contains(&n)), "{path}");
        assert_eq!(path.matches('M').count(), 2, "a gap lifts the pen: {path}");
    }
}
