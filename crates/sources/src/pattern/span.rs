//! Spans of numbers: blocks of neighbouring floats, by which a range can be looked up as a text is by how it begins.
//!
//! Floats, taken as whole numbers that keep their order, form a binary tree; a block is all that begin with the same
//! bits. A range is covered by a few of them, a little generously at its ends.

/// How many bits a block is divided by, at most, where the range begins or ends within it.
const FINENESS: u32 = 3;

/// All floats whose ordered form begins with these bits; the rest of the bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Span {
    bits: u64,
    /// How many bits are fixed.
    pub(super) length: u32,
}

impl Span {
    /// The one of this length that a number is in.
    pub(super) fn of(number: f64, length: u32) -> Self {
        Self { bits: ordered(number) & mask(length), length }
    }

    fn last(self) -> u64 {
        self.bits | !mask(self.length)
    }

    fn halves(self) -> [Self; 2] {
        let length = self.length + 1;
        [Self { length, ..self }, Self { bits: self.bits | 1 << (64 - length), length }]
    }
}

/// Spans that together hold every number from `low` to `high`.
pub(super) fn cover(low: f64, high: f64) -> Vec<Span> {
    let (low, high) = (ordered(low), ordered(high));
    let common = (low ^ high).leading_zeros();
    let mut spans = Vec::new();
    add(Span { bits: low & mask(common), length: common }, (low, high), common + 1 + FINENESS, &mut spans);
    spans
}

fn add(span: Span, (low, high): (u64, u64), longest: u32, spans: &mut Vec<Span>) {
    if span.last() < low || span.bits > high {
        return;
    }
    let within = low <= span.bits && span.last() <= high;
    if within || span.length >= longest.min(64) {
        spans.push(span);
        return;
    }
    for half in span.halves() {
        add(half, (low, high), longest, spans);
    }
}

/// A float as a whole number of the same order.
fn ordered(number: f64) -> u64 {
    // Zero has two signs.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The first `length` bits.
fn mask(length: u32) -> u64 {
    u64::MAX.checked_shl(64 - length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(spans: &[Span], number: f64) -> bool {
        spans.iter().any(|span| Span::of(number, span.length) == *span)
    }

    #[test]
    fn a_cover_is_small_and_little_more_than_its_range() {
        for (low, high) in [(1.0, 2.0), (5.0, 7.5), (0.0, 100.0), (-3.0, -2.0), (-1.0, 1.0), (41.0, 41.0)] {
            let spans = cover(low, high);
            assert!(spans.len() <= 8, "{low} to {high}: {spans:?}");
            assert!(holds(&spans, low) && holds(&spans, high) && holds(&spans, f64::midpoint(low, high)));
        }
        let narrow = cover(500.0, 501.0);
        assert!(!holds(&narrow, 450.0) && !holds(&narrow, 502.0) && !holds(&narrow, 0.0), "{narrow:?}");
    }

    proptest! {
        #[test]
        fn every_number_of_a_range_is_in_its_cover(ends in (-5.0e9..5.0e9_f64, -5.0e9..5.0e9_f64), share in 0.0..=1.0_f64) {
            let (low, high) = if ends.0 < ends.1 { ends } else { (ends.1, ends.0) };
            prop_assert!(holds(&cover(low, high), (low + (high - low) * share).clamp(low, high)));
            prop_assert!(holds(&cover(low, f64::INFINITY), high));
            prop_assert!(holds(&cover(f64::NEG_INFINITY, high), low));
        }
    }
}
