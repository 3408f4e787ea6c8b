//! Curves of age: points and a slope after the last, compiled to segments of integer slope. Bounds keep every
//! priority within 64 bits; priorities themselves are the business of route.

use super::{CURVE_AGE_MAX, Curve, Segment};
use crate::types::DurationMs;

/// No curve leaves ± this many points.
pub const CURVE_POINTS_MAX: i64 = 1 << 30;

const ONE: i128 = 1 << 32;

impl Curve {
    /// Compiles points `(age, points)`, ages never descending, and the slope after the last of them.
    ///
    /// Before the first age its points count, at a repeated age those of the later point. The segment from
    /// `CURVE_AGE_MAX` on has the points that the curve has there, rounded down.
    ///
    /// Errors: the index of the point that lies past ±`CURVE_POINTS_MAX` within `CURVE_AGE_MAX`, or the number of
    /// points if the slope after the last leads there. A slope is also past the bounds if it does not fit 64 bits.
    pub fn compile(points: &[(DurationMs, i64)], per_minute: i64) -> Result<Curve, usize> {
        let mut segments: Vec<Segment> = Vec::with_capacity(points.len() + 2);
        let (first_age, first_points) = points.first().copied().unwrap_or((DurationMs::ZERO, 0));
        if first_age > DurationMs::ZERO {
            segments.push(Segment { from: DurationMs::ZERO, points: first_points, slope: 0 });
        }
        let whole = [(DurationMs::ZERO, 0)];
        let knees = if points.is_empty() { &whole[..] } else { points };
        for (place, (from, points)) in knees.iter().copied().enumerate() {
            if from > CURVE_AGE_MAX {
                break;
            }
            bounded(points).ok_or(place)?;
            let slope = match knees.get(place + 1) {
                Some((to, _)) if *to == from => continue,
                Some((to, next)) => slope(i128::from(next - points), to.0 - from.0).ok_or(place + 1)?,
                None => slope(i128::from(per_minute), 60_000).ok_or(knees.len())?,
            };
            segments.push(Segment { from, points, slope });
            let end = knees.get(place + 1).map_or(CURVE_AGE_MAX, |(to, _)| CURVE_AGE_MAX.min(*to));
            bounded(points_at(segments[segments.len() - 1], end)).ok_or(place + 1)?;
        }
        Ok(Curve { segments: flat_in_the_end(segments) })
    }
}

impl Curve {
    /// The most points, above or below 0, that the curve gives at any age.
    pub(super) fn extent(&self) -> i64 {
        let ends = self.segments.windows(2).map(|pair| points_at(pair[0], pair[1].from));
        let points = self.segments.iter().map(|segment| segment.points).chain(ends);
        points.map(i64::abs).max().unwrap_or(0)
    }
}

impl Default for Curve {
    /// No points at first, one a minute after that.
    fn default() -> Self {
        Curve::compile(&[], 1).expect("one a minute is 576,000 points in 400 days")
    }
}

/// `floor(rise·2³² / over_ms)`, if it fits.
fn slope(rise: i128, over_ms: i64) -> Option<i64> {
    i64::try_from((rise * ONE).div_euclid(i128::from(over_ms))).ok()
}

/// Points of a segment at an age, rounded down.
fn points_at(segment: Segment, age: DurationMs) -> i64 {
    let rise = i128::from(segment.slope) * i128::from(age.0 - segment.from.0);
    i64::try_from(i128::from(segment.points) + rise.div_euclid(ONE)).unwrap_or(i64::MAX)
}

fn bounded(points: i64) -> Option<()> {
    (-CURVE_POINTS_MAX..=CURVE_POINTS_MAX).contains(&points).then_some(())
}

/// Ends the curve at `CURVE_AGE_MAX`.
fn flat_in_the_end(mut segments: Vec<Segment>) -> Vec<Segment> {
    let last = *segments.last().expect("a curve has a segment at age 0");
    if last.from == CURVE_AGE_MAX {
        segments.pop();
    }
    let points = points_at(last, CURVE_AGE_MAX);
    segments.push(Segment { from: CURVE_AGE_MAX, points, slope: 0 });
    segments
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The curve by definition, in points as a fraction of `(numerator, denominator)`.
    fn naive(points: &[(i64, i64)], per_minute: i64, age: i64) -> (i128, i128) {
        let age = age.clamp(0, CURVE_AGE_MAX.0);
        let zero = [(0, 0)];
        let points = if points.is_empty() { &zero[..] } else { points };
        let Some(place) = points.iter().rposition(|(at, _)| *at <= age) else {
            return (i128::from(points[0].1), 1);
        };
        let (at, from) = points[place];
        let (rise, over) = match points.get(place + 1) {
            Some((next_at, next)) => (next - from, next_at - at),
            None => (per_minute, 60_000),
        };
        (i128::from(from) * i128::from(over) + i128::from(rise) * i128::from(age - at), i128::from(over))
    }

    fn of_segments(curve: &Curve, age: i64) -> i128 {
        let age = age.max(0);
        let segment = curve.segments.iter().rev().find(|segment| segment.from.0 <= age).expect("from 0");
        i128::from(segment.points) * ONE + i128::from(segment.slope) * i128::from(age - segment.from.0)
    }

    fn check(points: &[(i64, i64)], per_minute: i64, ages: &[i64]) -> Result<(), TestCaseError> {
        let spans: Vec<_> = points.iter().map(|(age, points)| (DurationMs(*age), *points)).collect();
        let Ok(curve) = Curve::compile(&spans, per_minute) else { return Ok(()) };
        prop_assert_eq!(curve.segments[0].from, DurationMs::ZERO);
        prop_assert!(curve.segments.windows(2).all(|pair| pair[0].from < pair[1].from));
        let last = curve.segments[curve.segments.len() - 1];
        prop_assert_eq!((last.from, last.slope), (CURVE_AGE_MAX, 0));
        for age in ages {
            let (numerator, denominator) = naive(points, per_minute, *age);
            let exact = (numerator * ONE).div_euclid(denominator);
            let off = exact - of_segments(&curve, *age);
            // A slope is rounded down by less than one unit a millisecond; the flat end by less than a point more.
            let bound =
                i128::from((*age).clamp(1, CURVE_AGE_MAX.0)) + if *age >= CURVE_AGE_MAX.0 { ONE } else { 0 };
            prop_assert!((0..=bound).contains(&off), "age {age}: off by {off}, bound {bound}, {curve:?}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn equals_its_definition(
            mut points in prop::collection::vec((0i64..3_000_000, -5_000i64..5_000), 0..6),
            per_minute in -50i64..50,
            ages in prop::collection::vec(-10i64..4_000_000, 1..20),
            scale in prop::sample::select(vec![1i64, 1_000, 20_000]),
        ) {
            points.sort_by_key(|(age, _)| *age);
            points.iter_mut().for_each(|(age, _)| *age *= scale);
            let mut ages: Vec<_> = ages.iter().map(|age| age * scale).collect();
            ages.extend(points.iter().flat_map(|(age, _)| [age - 1, *age, age + 1]));
            ages.extend([CURVE_AGE_MAX.0 - 1, CURVE_AGE_MAX.0, CURVE_AGE_MAX.0 + 1]);
            check(&points, per_minute, &ages)?;
        }
    }

    #[test]
    fn default_curve() {
        let slope = (1i64 << 32) / 60_000;
        let flat = Segment { from: CURVE_AGE_MAX, points: 575_996, slope: 0 };
        let curve = Curve::default();
        assert_eq!(curve.segments[0], Segment { from: DurationMs::ZERO, points: 0, slope });
        assert_eq!(curve.segments[1].from, flat.from);
        assert_eq!(
            i128::from(curve.segments[1].points),
            (i128::from(slope) * i128::from(CURVE_AGE_MAX.0)) >> 32
        );
        assert_eq!(curve.segments.len(), 2);
    }

    #[test]
    fn steps_and_slopes() {
        let ages =
            |list: &[(i64, i64)]| list.iter().map(|(age, p)| (DurationMs(*age), *p)).collect::<Vec<_>>();
        let segment = |from, points, slope| Segment { from: DurationMs(from), points, slope };
        let flat = |points| segment(CURVE_AGE_MAX.0, points, 0);
        let curve =
            |list: &[(i64, i64)], after| Curve::compile(&ages(list), after).map(|curve| curve.segments);
        assert_eq!(curve(&[(5, 7)], 0), Ok(vec![segment(0, 7, 0), segment(5, 7, 0), flat(7)]), "flat before");
        let step = vec![segment(0, 0, 0), segment(10, 50, 0), flat(50)];
        assert_eq!(curve(&[(0, 0), (10, 0), (10, 20), (10, 50)], 0), Ok(step), "the last of a repeated age");
        let down = vec![segment(0, 0, -1_431_655_766), segment(3, -1, 0), flat(-1)];
        assert_eq!(curve(&[(0, 0), (3, -1)], 0), Ok(down), "slopes are rounded down, not towards 0");
        let late = vec![segment(0, 0, 1 << 32), flat(CURVE_AGE_MAX.0)];
        let (twice, too_far) = (2 * CURVE_AGE_MAX.0, CURVE_AGE_MAX.0);
        assert!(too_far > CURVE_POINTS_MAX, "the case below is past the bounds");
        assert_ne!(curve(&[(0, 0), (twice, twice)], 0), Ok(late));
        assert_eq!(curve(&[(0, 0), (twice, twice)], 0), Err(1));
        assert_eq!(curve(&[(0, 0), (CURVE_AGE_MAX.0, 9), (twice, 8)], 0).map(|s| s[1]), Ok(flat(9)));
    }

    #[test]
    fn bounds() {
        let at = |age, points| (DurationMs(age), points);
        assert_eq!(Curve::compile(&[at(0, CURVE_POINTS_MAX)], 0).map(|c| c.segments.len()), Ok(2));
        assert_eq!(Curve::compile(&[at(0, CURVE_POINTS_MAX + 1)], 0), Err(0));
        assert_eq!(Curve::compile(&[at(0, 0), at(5, -CURVE_POINTS_MAX - 1)], 0), Err(1));
        assert_eq!(Curve::compile(&[at(0, 0)], CURVE_POINTS_MAX), Err(1), "the slope after the last");
        assert_eq!(Curve::compile(&[at(0, -CURVE_POINTS_MAX), at(1, CURVE_POINTS_MAX)], 0), Err(1));
    }
}
