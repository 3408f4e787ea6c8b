//! A small reader of OpenMetrics text that refuses what the standard refuses, as far as the product uses it: families
//! in one piece with type, unit and help before their samples; names that fit type and unit; labels quoted; values
//! numbers; buckets ascending and ending at +Inf with the count; quantiles within 0 and 1; one `# EOF` at the end.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by `name{label=value,…}`, labels in order of their names.
#[derive(Debug)]
pub struct Metrics(BTreeMap<String, f64>);

#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    helped: bool,
    /// Of the histogram in hand: labels without `le`, bound, count.
    bucket: Option<(String, f64, f64)>,
}

impl Metrics {
    pub fn read(text: &str) -> Result<Metrics, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("it does not end in # EOF")?;
        let (mut samples, mut seen, mut family) = (BTreeMap::new(), BTreeSet::new(), Family::default());
        for line in body.lines() {
            let told = |what: &str| format!("{what}: {line}");
            if let Some(rest) = line.strip_prefix("# ") {
                let (word, rest) = rest.split_once(' ').ok_or(told("half a line"))?;
                let (name, rest) = rest.split_once(' ').ok_or(told("half a line"))?;
                if word == "TYPE" {
                    if !seen.insert(name.to_owned()) {
                        return Err(told("a family in two pieces"));
                    }
                    family = Family { name: name.to_owned(), kind: rest.to_owned(), ..Family::default() };
                } else if name != family.name || family.helped {
                    return Err(told("out of place"));
                } else if word == "UNIT" && !name.ends_with(&format!("_{rest}")) {
                    return Err(told("the name does not end in its unit"));
                }
                family.helped |= word == "HELP";
                continue;
            }
            let (name, labels, value) = sample(line).ok_or(told("not a sample"))?;
            family.check(&name, &labels, value).map_err(|what| told(&what))?;
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if samples.insert(format!("{name}{{{}}}", labels.join(",")), value).is_some() {
                return Err(told("twice"));
            }
        }
        Ok(Metrics(samples))
    }

    pub fn value(&self, sample: &str) -> Option<f64> {
        self.0.get(sample).copied()
    }
}

impl Family {
    fn check(&mut self, name: &str, labels: &BTreeMap<String, String>, value: f64) -> Result<(), String> {
        let ending = name.strip_prefix(self.name.as_str()).ok_or("a sample of another family")?;
        let fits = match self.kind.as_str() {
            "counter" => ending == "_total" && value >= 0.0,
            "gauge" => ending.is_empty(),
            "info" => ending == "_info" && value == 1.0,
            "summary" if ending.is_empty() => {
                labels.get("quantile").and_then(|q| q.parse().ok()).is_some_and(|q| (0.0..=1.0).contains(&q))
            }
            "summary" => ["_count", "_sum"].contains(&ending),
            "histogram" => ["_bucket", "_count", "_sum"].contains(&ending),
            kind => return Err(format!("type {kind}")),
        };
        if !fits || !self.helped || !value.is_finite() {
            return Err(format!("a {} {ending} of {value}", self.kind));
        }
        if self.kind == "histogram" { self.check_bucket(ending, labels, value) } else { Ok(()) }
    }

    fn check_bucket(
        &mut self,
        ending: &str,
        labels: &BTreeMap<String, String>,
        value: f64,
    ) -> Result<(), String> {
        let mut others = labels.clone();
        let bound = others.remove("le");
        let others = format!("{others:?}");
        let before = self.bucket.take().filter(|(labels, ..)| *labels == others);
        match (ending, bound, before) {
            ("_bucket", Some(bound), before) => {
                let bound =
                    if bound == "+Inf" { f64::INFINITY } else { bound.parse().map_err(|_| "a bound")? };
                if before.is_some_and(|(_, less, count)| less >= bound || count > value) {
                    return Err("buckets do not ascend".to_owned());
                }
                self.bucket = Some((others, bound, value));
            }
            ("_count", None, Some((_, bound, count))) if bound != f64::INFINITY || count != value => {
                return Err("the last bucket is not +Inf with the count".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Name, labels, value.
fn sample(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, behind) = rest.split_once("=\"")?;
            let (value, behind) = quoted(behind)?;
            labels.insert(label.to_owned(), value).is_none().then_some(())?;
            rest = behind.strip_prefix(',').unwrap_or(behind);
        }
        rest = &rest[1..];
    }
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain(name) && labels.keys().all(|name| plain(name))).then_some(())?;
    Some((name.to_owned(), labels, rest.strip_prefix(' ')?.parse().ok()?))
}

/// A label's value up to its quote, and what stands behind.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

#[test]
fn the_checker_refuses() {
    let good = "# TYPE a counter\n# HELP a b\na_total 1\n# EOF\n";
    assert_eq!(Metrics::read(good).unwrap().value("a_total{}"), Some(1.0));
    let histogram = |lines: &str| format!("# TYPE h histogram\n# HELP h b\n{lines}# EOF\n");
    assert!(Metrics::read(&histogram("h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n")).is_ok());
    for bad in [
        "# TYPE a counter\n# HELP a b\na_total 1\n".to_owned(),
        good.replace("a_total", "a"),
        good.replace("a_total", "b_total"),
        good.replace(" 1", " one"),
        good.replace("# HELP a b\n", ""),
        good.replace("# EOF", "a_total 1\n# EOF"),
        "# TYPE a_seconds gauge\n# UNIT a_seconds bytes\n# HELP a_seconds b\n# EOF\n".to_owned(),
        histogram("h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n"),
        histogram("h_bucket{le=\"1\"} 1\nh_count 1\n"),
        histogram("h_bucket{le=\"1} 1\n"),
    ] {
        assert!(Metrics::read(&bad).is_err(), "{bad}");
    }
}
