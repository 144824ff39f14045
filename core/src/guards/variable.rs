//! A header whose value, in base64, is that of a variable of this process's environment: so the value stands in no
//! database. Only variables that the configuration names can be chosen, or guards would tell what the others hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::header;
use crate::config::Secret;
use crate::error::{Error, Result};
use crate::plugin::Gate;
use crate::resource::{Draft, Errors};

pub const VARIABLE: &str = "core.envvar_header";

/// The variables that guards may name, with what they hold; nothing for one that is not set.
pub type Variables = BTreeMap<String, Option<Secret>>;

/// # Errors
/// When the variable may not be named any more, or holds nothing: then nobody is let through.
pub fn gate(settings: &Json, variables: &Variables) -> Result<Arc<dyn Gate>> {
    let text = |name: &str| settings.get(name).and_then(Json::as_str).unwrap_or_default();
    let name = text("env_var");
    let value = variables.get(name).and_then(Option::as_ref).map(Secret::reveal).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| Error::internal(format!("the variable `{name}` of a guard holds nothing")))?;
    Ok(header::plain(text("header_name"), value))
}

/// Finds what is wrong with a guard's variable before the guard is kept.
pub fn check(draft: &Draft, variables: &Variables, errors: &mut Errors) {
    let name = draft.get("env_var").and_then(Json::as_str);
    if let Some(name) = name.filter(|name| !variables.contains_key(*name)) {
        let problem = format!("Environment variable '{name}' is not in `envvar_header_content_guard_allowed_vars`.");
        errors.add("env_var", problem);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_variables_that_hold_something_make_a_gate() {
        let secret = |text: &str| serde_json::from_value(json!(text)).ok();
        let variables = Variables::from([("A".into(), secret("a")), ("B".into(), secret("")), ("C".into(), None)]);
        for (name, is_gate, is_allowed) in
            [("A", true, true), ("B", false, true), ("C", false, true), ("HOME", false, false), ("", false, false)]
        {
            let settings = json!({"header_name": "x-a", "env_var": name});
            assert_eq!(gate(&settings, &variables).is_ok(), is_gate, "{name}");
            let mut errors = Errors::default();
            check(settings.as_object().unwrap(), &variables, &mut errors);
            assert_eq!(errors.is_empty(), is_allowed, "{name}");
        }
    }
}
