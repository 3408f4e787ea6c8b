//! A distribution in the text form of HdrHistogram's percentile plots (`outputPercentileDistribution` of the Java
//! library): value, percentile, count up to there, 1/(1 − percentile); then mean, deviation, greatest and count.

use std::fmt::Write;

use hdrhistogram::Histogram;

/// Steps in each half of what is left to 1: as the Java library does unless told otherwise.
const STEPS_A_HALF: u32 = 5;

/// The text; values are divided by `unit`.
pub fn text(histogram: &Histogram<u64>, unit: f64) -> String {
    let mut out =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for step in histogram.iter_quantiles(STEPS_A_HALF) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / unit, step.quantile_iterated_to());
        let _ = write!(out, "{value:12.3} {quantile:1.12} {total:10}");
        let _ = match quantile < 1.0 {
            true => writeln!(out, " {:14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(out),
        };
    }
    let (mean, deviation) = (histogram.mean() / unit, histogram.stdev() / unit);
    let (max, count) = (histogram.max() as f64 / unit, histogram.len());
    let sub_buckets = 2_u64.pow(11);
    let _ = write!(
        out,
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n\
         #[Max     = {max:12.3}, Total count    = {count:12}]\n\
         #[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]\n",
        histogram.buckets()
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = u64>) -> String {
        let mut histogram = Histogram::new(3).unwrap();
        values.for_each(|value| histogram.record(value).unwrap());
        text(&histogram, 1_000.0)
    }

    #[test]
    fn the_form_is_the_java_librarys() {
        let text = of(1_000..=2_000);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[2], "       1.000 0.000000000000          1           1.00");
        assert!(lines.contains(&"       1.500 0.500000000000        501           2.00"), "{text}");
        assert!(lines.contains(&"       2.000 1.000000000000       1001"), "{text}");
        assert_eq!(lines[lines.len() - 3], "#[Mean    =        1.500, StdDeviation   =        0.289]");
        assert_eq!(lines[lines.len() - 2], "#[Max     =        2.000, Total count    =         1001]");
        assert!(lines[lines.len() - 1].starts_with("#[Buckets = ") && text.ends_with("2048]\n"));
    }

    #[test]
    fn nothing_recorded_is_a_text_as_well() {
        let text = of(std::iter::empty());
        assert!(text.contains("Total count    =            0]"), "{text}");
    }
}
