//! Steady time: a wall clock that is not believed when it steps, until the step has stood for a while.
//!
//! A machine's clock may jump for a moment: a virtual machine that resumes, a hand that mistypes a date, a time server
//! that errs. Deadlines are held against the clock, and what has expired stays expired; so a clock that is a day ahead
//! for half a second would end every hold. The monotonic clock does not jump. What the wall clock says is compared with
//! what the monotonic clock lets expect; slow corrections, which time services prefer, are followed as they come.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How far a reading may be from the one expected and still be believed at once. Clocks drift and are slewed by
/// milliseconds a second; a service that reads its clock every second sees nothing near this.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);

/// How long a step has to stand before it is believed: longer than a clock that is set right again is wrong, shorter
/// than the shortest deadline that matters to a customer.
const STANDS_FOR: Duration = Duration::from_secs(5);

/// A wall clock held against a monotonic one.
#[derive(Debug)]
pub(super) struct SteadyTime {
    /// The last reading that was believed, and the monotonic time of it.
    believed: (Timestamp, Duration),
    /// A step that is not believed yet.
    doubted: Option<Doubted>,
}

/// A step in doubt.
#[derive(Debug, Clone, Copy)]
struct Doubted {
    /// How far the wall clock is ahead of the time expected.
    step: SignedDuration,
    /// The monotonic time at which it was first seen.
    since: Duration,
}

/// What a reading gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The time.
    pub(super) now: Timestamp,
    /// The step that is believed with this reading, if one is: how far the time has moved.
    pub(super) believed_step: Option<SignedDuration>,
}

impl SteadyTime {
    /// The first reading, at monotonic time zero. There is nothing to compare it with: it is believed.
    pub(super) const fn starting_at(wall: Timestamp) -> Self {
        Self {
            believed: (wall, Duration::ZERO),
            doubted: None,
        }
    }

    /// Takes a reading of the wall clock and of the monotonic clock.
    pub(super) fn read(&mut self, wall: Timestamp, monotonic: Duration) -> Reading {
        let (last, since) = self.believed;
        let passed = monotonic.saturating_sub(since);
        let expected = last.saturating_add(passed).unwrap_or(Timestamp::MAX);
        let step = wall.duration_since(expected);
        if step.abs() <= TOLERANCE {
            return self.believe(wall, monotonic, None);
        }
        match self.doubted {
            Some(doubted) if step.saturating_sub(doubted.step).abs() <= TOLERANCE => {
                if monotonic.saturating_sub(doubted.since) >= STANDS_FOR {
                    return self.believe(wall, monotonic, Some(step));
                }
            }
            _ => {
                self.doubted = Some(Doubted { step, since: monotonic });
            }
        }
        Reading {
            now: expected,
            believed_step: None,
        }
    }

    fn believe(&mut self, wall: Timestamp, monotonic: Duration, believed_step: Option<SignedDuration>) -> Reading {
        self.believed = (wall, monotonic);
        self.doubted = None;
        Reading {
            now: wall,
            believed_step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    /// A machine whose two clocks a test turns.
    struct Machine {
        time: SteadyTime,
        wall: Timestamp,
        monotonic: Duration,
        believed: Vec<SignedDuration>,
    }

    impl Machine {
        fn new() -> Self {
            let wall = "2026-11-28T12:00:00Z".parse().expect("an instant");
            Self {
                time: SteadyTime::starting_at(wall),
                wall,
                monotonic: Duration::ZERO,
                believed: Vec::new(),
            }
        }

        fn step(&mut self, by: SignedDuration) {
            self.wall += by;
        }

        /// Reads the time after a while: how many milliseconds after noon it is.
        fn after(&mut self, millis: u64) -> i128 {
            let passed = Duration::from_millis(millis);
            self.monotonic += passed;
            self.wall += passed;
            let reading = self.time.read(self.wall, self.monotonic);
            self.believed.extend(reading.believed_step);
            let noon: Timestamp = "2026-11-28T12:00:00Z".parse().expect("an instant");
            reading.now.duration_since(noon).as_millis()
        }
    }

    #[test]
    fn a_steady_clock_is_believed() {
        let mut machine = Machine::new();
        assert_eq!(machine.after(250), 250);
        assert_eq!(machine.after(3_600_000), 3_600_250);
        assert!(machine.believed.is_empty());
    }

    #[test]
    fn a_clock_that_is_wrong_for_half_a_second_is_not_believed() {
        for step in [DAY, -DAY, SignedDuration::from_secs(2), SignedDuration::from_hours(-1)] {
            let mut machine = Machine::new();
            assert_eq!(machine.after(1_000), 1_000);
            machine.step(step);
            assert_eq!(machine.after(0), 1_000);
            assert_eq!(machine.after(500), 1_500);
            machine.step(-step);
            assert_eq!(machine.after(10), 1_510);
            // The doubt is gone with the step: the next one begins anew.
            assert_eq!(machine.after(60_000), 61_510);
            machine.step(step);
            assert_eq!(machine.after(10), 61_520);
            assert!(machine.believed.is_empty());
        }
    }

    #[test]
    fn a_step_that_stands_is_believed_once_with_its_size() {
        for step in [DAY, -DAY] {
            let mut machine = Machine::new();
            machine.step(step);
            for second in 0..5 {
                assert_eq!(machine.after(if second == 0 { 0 } else { 1_000 }), second * 1_000);
            }
            assert_eq!(machine.after(1_000), 5_000 + step.as_millis());
            assert_eq!(machine.after(1_000), 6_000 + step.as_millis());
            assert_eq!(machine.believed, [step]);
        }
    }

    #[test]
    fn a_clock_that_jumps_about_is_not_believed_while_it_does() {
        let mut machine = Machine::new();
        for second in 1..60 {
            machine.step(if second % 2 == 0 { DAY } else { -DAY });
            assert_eq!(machine.after(1_000), second * 1_000);
        }
        assert!(machine.believed.is_empty());
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let mut machine = Machine::new();
        let mut expected = 0;
        for _ in 0..10_000 {
            machine.step(SignedDuration::from_millis(1));
            expected += 1_001;
            assert_eq!(machine.after(1_000), expected);
        }
        assert!(machine.believed.is_empty());
    }

    #[test]
    fn time_at_the_end_of_what_can_be_told_does_not_overflow() {
        let mut time = SteadyTime::starting_at(Timestamp::MAX);
        assert_eq!(time.read(Timestamp::MAX, Duration::from_secs(9)).now, Timestamp::MAX);
        assert_eq!(time.read(Timestamp::MIN, Duration::from_secs(9)).now, Timestamp::MAX);
        assert_eq!(time.read(Timestamp::MIN, Duration::from_secs(20)).now, Timestamp::MIN);
    }
}
