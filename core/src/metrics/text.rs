//! The text format of Prometheus, version 0.0.4:
//!
//! ```text
//! # HELP pith_tasks_waiting Tasks that wait.
//! # TYPE pith_tasks_waiting gauge
//! pith_tasks_waiting{kind="a"} 3
//! ```

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

use super::Durations;

/// What it is sent as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A text being written; writing to it cannot fail.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    pub const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    /// Begins the samples of one name, which all come next.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(value));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A name with one sample and no labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The samples of one histogram.
    pub fn durations(&mut self, name: &str, labels: &[(&str, &str)], durations: &Durations) {
        let bucket = format!("{name}_bucket");
        let mut count = 0;
        let bounds = durations.bounds.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
        for (bound, within) in bounds.zip(&durations.counts) {
            count += within.load(Ordering::Relaxed);
            let labeled = [labels, &[("le", &bound)]].concat();
            self.sample(&bucket, &labeled, count);
        }
        self.sample(&format!("{name}_sum"), labels, seconds(durations.sum.load(Ordering::Relaxed)));
        self.sample(&format!("{name}_count"), labels, count);
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// Microseconds as seconds, without needless zeroes.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Operation, Requests, requests};
    use super::*;

    #[test]
    fn labels_are_quoted_and_a_name_without_labels_stands_alone() {
        let mut text = Text::default();
        text.single("up", Kind::Gauge, "Whether it is.", 1);
        text.sample("x", &[("a", "q\"b\\s\nn"), ("b", "")], 2.5);
        let expected = "# HELP up Whether it is.\n# TYPE up gauge\nup 1\nx{a=\"q\\\"b\\\\s\\nn\",b=\"\"} 2.5\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_bucket_counts_all_that_was_quicker() {
        let durations = Durations::of_tasks();
        for millis in [1, 10, 11, 70, 20_000_000] {
            durations.note(Duration::from_millis(millis));
        }
        let mut text = Text::default();
        text.durations("d", &[("n", "t")], &durations);
        let text = text.finish();
        for line in [
            "d_bucket{n=\"t\",le=\"0.01\"} 2",
            "d_bucket{n=\"t\",le=\"0.05\"} 3",
            "d_bucket{n=\"t\",le=\"14400\"} 4",
            "d_bucket{n=\"t\",le=\"+Inf\"} 5",
            "d_sum{n=\"t\"} 20000.092",
            "d_count{n=\"t\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn operations_that_nobody_asked_for_are_left_out() {
        let (asked, idle) = (Requests::default(), Requests::default());
        asked.note(200, 10, Duration::from_millis(3));
        asked.note(200, 5, Duration::from_millis(3));
        asked.note(418, 0, Duration::ZERO);
        let operation = |name, requests| Operation { face: "api", name, method: "GET", requests };
        let mut text = Text::default();
        requests(&mut text, &[operation("read", &asked), operation("idle", &idle)]);
        let text = text.finish();
        let labels = "face=\"api\",operation=\"read\",method=\"GET\"";
        for line in [
            format!("pith_http_requests_total{{{labels},status=\"200\"}} 2"),
            format!("pith_http_requests_total{{{labels},status=\"other\"}} 1"),
            format!("pith_http_response_bytes_total{{{labels}}} 15"),
            format!("pith_http_request_duration_seconds_count{{{labels}}} 3"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("idle"));
    }
}
