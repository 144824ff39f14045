//! How a task's outcome is told: its last state, and the error as clients read it.

use serde_json::{Value as Json, json};

use crate::db::queue::Ending;
use crate::db::tasks::{CreatedResource, ProgressRow, State};
use crate::error::{Error, Result};

/// What became of a task's body.
#[derive(Debug)]
pub(super) enum Outcome {
    Returned(Result<Json>),
    /// It stopped, or was dropped, because the process wants to end.
    Stopped,
}

/// What is written of a task with its outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Of a short task, whose work is in the same transaction.
    pub created: Vec<CreatedResource>,
    pub progress: Vec<ProgressRow>,
}

pub(super) fn ending(outcome: Outcome, record: Record, cid: &str) -> Ending {
    let (state, error, result) = match outcome {
        Outcome::Returned(Ok(Json::Null)) => (State::Completed, None, None),
        Outcome::Returned(Ok(result)) => (State::Completed, None, Some(result)),
        Outcome::Returned(Err(error)) => (State::Failed, Some(description(&error, cid)), None),
        Outcome::Stopped => (State::Failed, Some(reason("Worker was shut down while the task was running.")), None),
    };
    let mut progress = record.progress;
    for report in &mut progress {
        if report.state == State::Running {
            report.state = state;
        }
    }
    Ending { state, error, result, created: record.created, progress }
}

/// Of a task that a client canceled.
pub(super) fn canceled(mut record: Record) -> Ending {
    for report in &mut record.progress {
        if report.state == State::Running {
            report.state = State::Canceled;
        }
    }
    Ending { state: State::Canceled, error: None, result: None, created: record.created, progress: record.progress }
}

/// Of a task whose process is not heard of any more; what it had made by then stays named. Clients look for these words.
pub(super) fn lost() -> Ending {
    Ending {
        state: State::Failed,
        error: Some(reason("Worker has gone missing.")),
        result: None,
        created: Vec::new(),
        progress: Vec::new(),
    }
}

fn reason(text: &str) -> Json {
    json!({ "reason": text })
}

/// An error that is ours names the correlation id under which the log tells more.
fn description(error: &Error, cid: &str) -> Json {
    let text = match error {
        Error::Internal(_) => format!("internal error, correlation id {cid}"),
        other => other.public_text(),
    };
    let mut body = json!({ "traceback": null });
    if let Some(code) = error_code(&text) {
        body["error_code"] = code.into();
    }
    body["description"] = text.into();
    body
}

/// Pulp's numbered errors start with their code: `[PLP0011] …`.
fn error_code(text: &str) -> Option<&str> {
    let (code, _) = text.strip_prefix('[')?.split_once(']')?;
    let digits = code.strip_prefix("PLP")?;
    (digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_what_is_public_only() {
        let shown = |error: Error| description(&error, "abc").to_string();
        assert_eq!(
            shown(Error::internal("secret")),
            r#"{"traceback":null,"description":"internal error, correlation id abc"}"#
        );
        assert_eq!(
            shown(Error::Conflict("[PLP0011] Cannot".into())),
            r#"{"traceback":null,"error_code":"PLP0011","description":"[PLP0011] Cannot"}"#
        );
    }
}
