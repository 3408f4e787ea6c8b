//! The text form of metrics: OpenMetrics 1.0, or the older Prometheus text 0.0.4 that `promtool check metrics` reads.
//! They differ in how a counter's family is called, in units, and in the mark of the end.

use std::fmt::{Display, Write};

/// Which of the two.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Prometheus,
}

/// What a family measures.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Counts up; its samples end in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
    /// Values by quantile.
    Summary,
    /// A 1 with labels that say something; its sample ends in `_info`.
    Info,
}

/// A text in the making.
#[derive(Debug)]
pub struct Text {
    form: Form,
    out: String,
    family: &'static str,
    suffix: &'static str,
}

impl Form {
    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Form::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What somebody who accepts this wants: OpenMetrics, unless it is only plain text.
    pub fn accepted(accept: Option<&str>) -> Form {
        match accept {
            Some(accept) if accept.contains("text/plain") && !accept.contains("openmetrics") => {
                Form::Prometheus
            }
            _ => Form::OpenMetrics,
        }
    }
}

impl Text {
    /// Nothing yet.
    pub fn new(form: Form) -> Text {
        Text { form, out: String::with_capacity(1 << 15), family: "", suffix: "" }
    }

    /// Begins a family. Its name ends in its unit, if it has one, and never in `_total` or `_info`.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let (word, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
            Kind::Summary => ("summary", ""),
            Kind::Info => ("info", "_info"),
        };
        (self.family, self.suffix) = (name, suffix);
        let _ = match self.form {
            Form::OpenMetrics => writeln!(self.out, "# TYPE {name} {word}"),
            Form::Prometheus if kind == Kind::Info => writeln!(self.out, "# TYPE {name}{suffix} gauge"),
            Form::Prometheus => writeln!(self.out, "# TYPE {name}{suffix} {word}"),
        };
        let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        if let (Some(unit), Form::OpenMetrics) = (unit, self.form) {
            let _ = writeln!(self.out, "# UNIT {name} {unit}");
        }
        let named = if self.form == Form::Prometheus { suffix } else { "" };
        let _ = writeln!(self.out, "# HELP {name}{named} {help}");
    }

    /// A sample of the family in hand.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line(self.suffix, labels, value);
    }

    /// A sample with an ending of its own: `_bucket`, `_count`, `_sum`.
    pub fn sample_of(&mut self, ending: &'static str, labels: &[(&str, &str)], value: impl Display) {
        self.line(ending, labels, value);
    }

    fn line(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) {
        self.out.push_str(self.family);
        self.out.push_str(ending);
        for (at, (name, text)) in labels.iter().enumerate() {
            self.out.push(if at == 0 { '{' } else { ',' });
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escape(text);
            self.out.push('"');
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }

    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '"' => self.out.push_str("\\\""),
                '\n' => self.out.push_str("\\n"),
                c => self.out.push(c),
            }
        }
    }

    /// The whole text.
    pub fn end(mut self) -> String {
        if self.form == Form::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(form: Form) -> String {
        let mut text = Text::new(form);
        text.family("trunkline_input_bytes", Kind::Counter, "Bytes.");
        text.sample(&[("queue", "a\"b\\c\n"), ("x", "y")], 7);
        text.family("trunkline_build", Kind::Info, "What runs.");
        text.sample(&[], 1);
        text.end()
    }

    #[test]
    fn both_forms() {
        assert_eq!(
            text(Form::OpenMetrics),
            "# TYPE trunkline_input_bytes counter\n# UNIT trunkline_input_bytes bytes\n\
             # HELP trunkline_input_bytes Bytes.\n\
             trunkline_input_bytes_total{queue=\"a\\\"b\\\\c\\n\",x=\"y\"} 7\n\
             # TYPE trunkline_build info\n# HELP trunkline_build What runs.\ntrunkline_build_info 1\n# EOF\n"
        );
        assert_eq!(
            text(Form::Prometheus),
            "# TYPE trunkline_input_bytes_total counter\n# HELP trunkline_input_bytes_total Bytes.\n\
             trunkline_input_bytes_total{queue=\"a\\\"b\\\\c\\n\",x=\"y\"} 7\n\
             # TYPE trunkline_build_info gauge\n# HELP trunkline_build_info What runs.\ntrunkline_build_info 1\n"
        );
    }

    #[test]
    fn who_gets_which() {
        for (accept, form) in [
            (None, Form::OpenMetrics),
            (Some("*/*"), Form::OpenMetrics),
            (Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3"), Form::OpenMetrics),
            (Some("text/plain"), Form::Prometheus),
        ] {
            assert_eq!(Form::accepted(accept), form, "{accept:?}");
        }
    }
}
