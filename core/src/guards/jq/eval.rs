//! Running an expression. Each output is handed on as it is made, so nothing is gathered that nobody asked for.

use jaq_core::ops::Cmp;
use serde_json::{Map, Value as Json};

use super::convert::Expression;
use super::functions::{calculate, is_true, negative, order};

/// What one run may cost: a step each, and what is copied, looked through or compared, by its size.
const BUDGET: usize = 200_000;
/// So much text counts as much as one value.
const TEXT: usize = 16;

/// Why a run ends before its last output.
enum Stop {
    /// An error of the filter, which `?` catches.
    Error,
    /// Enough was found.
    Found,
    /// The budget is used up.
    Spent,
}

type Flow = Result<(), Stop>;
type Out<'o> = &'o mut dyn FnMut(&Json, &mut usize) -> Flow;

/// The variables in reach, the innermost first.
struct Bound<'a> {
    value: &'a Json,
    outer: Option<&'a Bound<'a>>,
}

/// The first output; none when there is none, on an error, or when the budget does not reach it.
pub fn first(expression: &Expression, input: &Json) -> Option<Json> {
    let (mut left, mut found) = (BUDGET, None);
    let flow = take_first(expression, input, None, &mut left, &mut found);
    found.filter(|_| flow.is_ok())
}

fn spend(left: &mut usize, cost: usize) -> Flow {
    *left = left.checked_sub(cost).ok_or(Stop::Spent)?;
    Ok(())
}

/// Pays for a value that is copied or looked through.
fn pay(left: &mut usize, value: &Json) -> Flow {
    match value {
        Json::String(text) => spend(left, 1 + text.len() / TEXT),
        Json::Array(list) => {
            spend(left, 1)?;
            list.iter().try_for_each(|value| pay(left, value))
        }
        Json::Object(map) => {
            spend(left, 1)?;
            map.iter().try_for_each(|(key, value)| {
                spend(left, 1 + key.len() / TEXT)?;
                pay(left, value)
            })
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => spend(left, 1),
    }
}

fn copied(value: &Json, left: &mut usize) -> Result<Json, Stop> {
    pay(left, value)?;
    Ok(value.clone())
}

fn take_first(
    expression: &Expression,
    input: &Json,
    bound: Option<&Bound<'_>>,
    left: &mut usize,
    found: &mut Option<Json>,
) -> Flow {
    let flow = run(expression, input, bound, left, &mut |value, left| {
        *found = Some(copied(value, left)?);
        Err(Stop::Found)
    });
    match flow {
        Err(Stop::Found) => Ok(()),
        other => other,
    }
}

fn run(expression: &Expression, input: &Json, bound: Option<&Bound<'_>>, left: &mut usize, out: Out<'_>) -> Flow {
    spend(left, 1)?;
    match expression {
        Expression::Identity => out(input, left),
        Expression::Value(value) => out(value, left),
        Expression::Variable(place) => {
            let found = std::iter::successors(bound, |bound| bound.outer).nth(*place);
            out(found.ok_or(Stop::Error)?.value, left)
        }
        Expression::Empty => Ok(()),
        Expression::Pipe(one, other) => {
            run(one, input, bound, left, &mut |value, left| run(other, value, bound, left, out))
        }
        Expression::Comma(one, other) => {
            run(one, input, bound, left, out)?;
            run(other, input, bound, left, out)
        }
        Expression::Bind(value, rest) => run(value, input, bound, left, &mut |value, left| {
            run(rest, input, Some(&Bound { value, outer: bound }), left, out)
        }),
        Expression::If(condition, then, otherwise) => run(condition, input, bound, left, &mut |condition, left| {
            run(if is_true(condition) { then } else { otherwise }, input, bound, left, out)
        }),
        Expression::Try(tried) => attempt(tried, input, bound, left, out),
        Expression::Alternative(one, other) => alternative((one, other), input, bound, left, out),
        Expression::And(one, other) => run(one, input, bound, left, &mut |value, left| match is_true(value) {
            false => out(&Json::Bool(false), left),
            true => run(other, input, bound, left, &mut |value, left| out(&Json::Bool(is_true(value)), left)),
        }),
        Expression::Or(one, other) => run(one, input, bound, left, &mut |value, left| match is_true(value) {
            true => out(&Json::Bool(true), left),
            false => run(other, input, bound, left, &mut |value, left| out(&Json::Bool(is_true(value)), left)),
        }),
        Expression::Compare(one, comparison, other) => pairs((one, other), input, bound, left, &mut |pair, left| {
            pay(left, pair.0)?;
            pay(left, pair.1)?;
            out(&Json::Bool(compared(pair.0, *comparison, pair.1)), left)
        }),
        Expression::Math(one, operation, other) => pairs((one, other), input, bound, left, &mut |pair, left| {
            pay(left, pair.0)?;
            pay(left, pair.1)?;
            out(&calculate(pair.0, *operation, pair.1).ok_or(Stop::Error)?, left)
        }),
        Expression::Negative(one) => {
            run(one, input, bound, left, &mut |value, left| out(&negative(value).ok_or(Stop::Error)?, left))
        }
        Expression::Index(base, index) => run(index, input, bound, left, &mut |index, left| {
            run(base, input, bound, left, &mut |value, left| out(member(value, index).ok_or(Stop::Error)?, left))
        }),
        Expression::Each(base) => run(base, input, bound, left, &mut |value, left| each(value, left, out)),
        Expression::Array(items) => {
            let mut list = vec![];
            if let Some(items) = items {
                run(items, input, bound, left, &mut |value, left| {
                    list.push(copied(value, left)?);
                    Ok(())
                })?;
            }
            out(&Json::Array(list), left)
        }
        Expression::Object(entries) => object(entries, &Map::new(), input, bound, left, out),
        Expression::Native(native, arguments) => {
            let mut values = vec![];
            for argument in arguments {
                let mut found = None;
                take_first(argument, input, bound, left, &mut found)?;
                values.push(found.ok_or(Stop::Error)?);
            }
            pay(left, input)?;
            out(&native(input, &values).ok_or(Stop::Error)?, left)
        }
        Expression::Select(condition) => run(condition, input, bound, left, &mut |value, left| {
            if is_true(value) { out(input, left) } else { Ok(()) }
        }),
        Expression::Map(made) => {
            let mut list = vec![];
            each(input, left, &mut |value, left| {
                run(made, value, bound, left, &mut |value, left| {
                    list.push(copied(value, left)?);
                    Ok(())
                })
            })?;
            out(&Json::Array(list), left)
        }
        Expression::First(one) => {
            let mut found = None;
            take_first(one, input, bound, left, &mut found)?;
            found.map_or(Ok(()), |value| out(&value, left))
        }
        Expression::Any(condition) => {
            let any = some(condition, true, input, bound, left)?;
            out(&Json::Bool(any), left)
        }
        Expression::All(condition) => {
            let none = some(condition, false, input, bound, left)?;
            out(&Json::Bool(!none), left)
        }
    }
}

/// What comes before an error of the expression itself; errors of those who take its outputs are theirs.
fn attempt(tried: &Expression, input: &Json, bound: Option<&Bound<'_>>, left: &mut usize, out: Out<'_>) -> Flow {
    let mut is_outside = false;
    let flow = run(tried, input, bound, left, &mut |value, left| {
        let flow = out(value, left);
        is_outside = flow.is_err();
        flow
    });
    match flow {
        Err(Stop::Error) if !is_outside => Ok(()),
        other => other,
    }
}

fn alternative(
    (one, other): (&Expression, &Expression),
    input: &Json,
    bound: Option<&Bound<'_>>,
    left: &mut usize,
    out: Out<'_>,
) -> Flow {
    let mut is_any = false;
    attempt(one, input, bound, left, &mut |value, left| {
        if !is_true(value) {
            return Ok(());
        }
        is_any = true;
        out(value, left)
    })?;
    if is_any { Ok(()) } else { run(other, input, bound, left, out) }
}

/// Each value of the one with each of the other, as `jq` orders them: the right one is the outer loop.
fn pairs(
    (one, other): (&Expression, &Expression),
    input: &Json,
    bound: Option<&Bound<'_>>,
    left: &mut usize,
    out: &mut dyn FnMut((&Json, &Json), &mut usize) -> Flow,
) -> Flow {
    run(other, input, bound, left, &mut |right, left| {
        run(one, input, bound, left, &mut |value, left| out((value, right), left))
    })
}

fn compared(one: &Json, comparison: Cmp, other: &Json) -> bool {
    let order = order(one, other);
    match comparison {
        Cmp::Lt => order.is_lt(),
        Cmp::Le => order.is_le(),
        Cmp::Gt => order.is_gt(),
        Cmp::Ge => order.is_ge(),
        Cmp::Eq => order.is_eq(),
        Cmp::Ne => order.is_ne(),
    }
}

/// `value[index]`; what is not there is null.
fn member<'a>(value: &'a Json, index: &Json) -> Option<&'a Json> {
    const NULL: &Json = &Json::Null;
    match (value, index) {
        (Json::Null, Json::String(_) | Json::Number(_) | Json::Null) => Some(NULL),
        (Json::Object(map), Json::String(key)) => Some(map.get(key).unwrap_or(NULL)),
        (Json::Array(list), Json::Number(at)) => {
            let at = at.as_i64()?;
            let at = if at < 0 { at.checked_add(i64::try_from(list.len()).ok()?)? } else { at };
            Some(usize::try_from(at).ok().and_then(|at| list.get(at)).unwrap_or(NULL))
        }
        _ => None,
    }
}

fn each(value: &Json, left: &mut usize, out: Out<'_>) -> Flow {
    match value {
        Json::Array(list) => list.iter().try_for_each(|value| out(value, left)),
        Json::Object(map) => map.values().try_for_each(|value| out(value, left)),
        _ => Err(Stop::Error),
    }
}

/// An object for each way to fill it.
fn object(
    entries: &[(Expression, Expression)],
    made: &Map<String, Json>,
    input: &Json,
    bound: Option<&Bound<'_>>,
    left: &mut usize,
    out: Out<'_>,
) -> Flow {
    let Some(((key, value), rest)) = entries.split_first() else {
        let made = Json::Object(made.clone());
        pay(left, &made)?;
        return out(&made, left);
    };
    run(key, input, bound, left, &mut |key, left| {
        let key = key.as_str().ok_or(Stop::Error)?;
        run(value, input, bound, left, &mut |value, left| {
            let mut made = made.clone();
            made.values().try_for_each(|value| pay(left, value))?;
            made.insert(key.to_owned(), copied(value, left)?);
            object(rest, &made, input, bound, left, out)
        })
    })
}

/// Whether the condition is `wanted` of some member of the input.
fn some(
    condition: &Expression,
    wanted: bool,
    input: &Json,
    bound: Option<&Bound<'_>>,
    left: &mut usize,
) -> Result<bool, Stop> {
    let flow = each(input, left, &mut |value, left| {
        run(condition, value, bound, left, &mut |value, _| {
            if is_true(value) == wanted { Err(Stop::Found) } else { Ok(()) }
        })
    });
    match flow {
        Ok(()) => Ok(false),
        Err(Stop::Found) => Ok(true),
        Err(other) => Err(other),
    }
}
