//! Page tokens of events: a direction and a place. They stay valid while events come and go.

use ebb_model::Timestamp;
use ebb_store::logs::{Direction, Position};

use super::invalid;
use crate::wire::AwsError;

/// Before everything.
const START: Position = Position { timestamp: Timestamp(i64::MIN), sequence: 0 };

/// `f/TIME.SEQUENCE`, or `b/…` to read backwards.
pub(super) fn show(direction: Direction, place: Option<Position>) -> String {
    let Position { timestamp, sequence } = place.unwrap_or(START);
    let direction = match direction {
        Direction::Forward => 'f',
        Direction::Backward => 'b',
    };
    format!("{direction}/{}.{sequence}", timestamp.millis())
}

pub(super) fn parse(token: &str) -> Result<(Direction, Position), AwsError> {
    let parts = || {
        let (direction, place) = token.split_once('/')?;
        let direction = match direction {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return None,
        };
        let (time, sequence) = place.split_once('.')?;
        let timestamp = Timestamp(time.parse().ok()?);
        Some((direction, Position { timestamp, sequence: sequence.parse().ok()? }))
    };
    parts().ok_or_else(|| invalid("The specified nextToken is invalid."))
}
