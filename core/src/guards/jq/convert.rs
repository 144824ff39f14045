//! From the grammar's tree to expressions that are run: what is not known is refused here.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part, Path};
use serde_json::{Value as Json, json};

use super::functions::{Function, Native};

/// A filter has no more parts; running it goes no deeper than it has parts.
const MOST_PARTS: usize = 200;

/// What is run.
#[derive(Debug)]
pub enum Expression {
    Identity,
    Value(Json),
    /// By its place among those that are bound, the innermost first.
    Variable(usize),
    Array(Option<Box<Self>>),
    Object(Vec<(Self, Self)>),
    Negative(Box<Self>),
    Pipe(Box<Self>, Box<Self>),
    Comma(Box<Self>, Box<Self>),
    /// `a // b`
    Alternative(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Box<Self>, Cmp, Box<Self>),
    Math(Box<Self>, Math, Box<Self>),
    /// `a as $x | b`
    Bind(Box<Self>, Box<Self>),
    If(Box<Self>, Box<Self>, Box<Self>),
    Try(Box<Self>),
    /// `a[b]`
    Index(Box<Self>, Box<Self>),
    /// `a[]`
    Each(Box<Self>),
    Native(Native, Vec<Self>),
    Empty,
    Select(Box<Self>),
    Map(Box<Self>),
    First(Box<Self>),
    Any(Box<Self>),
    All(Box<Self>),
}

type Result<T = Expression> = std::result::Result<T, String>;

/// # Errors
/// The part of the language that a guard's filter may not use.
pub fn expression(term: &Term<&str>) -> Result {
    Reader { variables: vec![], parts: 0 }.read(term)
}

struct Reader<'s> {
    /// Those in reach, the outermost first.
    variables: Vec<&'s str>,
    parts: usize,
}

fn refused<T>(what: &str) -> Result<T> {
    Err(format!("{what} may not be used in the filter of a guard"))
}

impl<'s> Reader<'s> {
    fn boxed(&mut self, term: &Term<&'s str>) -> Result<Box<Expression>> {
        self.read(term).map(Box::new)
    }

    fn read(&mut self, term: &Term<&'s str>) -> Result {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(format!("has more than {MOST_PARTS} parts"));
        }
        Ok(match term {
            Term::Id => Expression::Identity,
            Term::Num(text) => Expression::Value(number(text)?),
            Term::Str(None, parts) => Expression::Value(json!(text(parts)?)),
            Term::Str(Some(_), _) => return refused("formatted texts"),
            Term::Arr(None) => Expression::Array(None),
            Term::Arr(Some(term)) => Expression::Array(Some(self.boxed(term)?)),
            Term::Obj(entries) => Expression::Object(
                entries.iter().map(|(key, value)| self.entry(key, value.as_ref())).collect::<Result<_>>()?,
            ),
            Term::Neg(term) => Expression::Negative(self.boxed(term)?),
            Term::BinOp(left, operator, right) => self.binary(left, operator, right)?,
            Term::IfThenElse(cases, otherwise) => self.conditional(cases, otherwise.as_deref())?,
            Term::TryCatch(term, None) => Expression::Try(self.boxed(term)?),
            Term::TryCatch(_, Some(_)) => return refused("`catch`"),
            Term::Call(name, arguments) => self.call(name, arguments)?,
            Term::Var(name) => Expression::Variable(self.variable(name)?),
            Term::Path(base, path) => self.path(base, path)?,
            Term::Recurse => return refused("`..`"),
            Term::Fold(name, ..) => return refused(&format!("`{name}`")),
            Term::Label(..) | Term::Break(_) => return refused("labels"),
            Term::Def(..) => return refused("definitions"),
        })
    }

    fn variable(&self, name: &str) -> Result<usize> {
        let known = self.variables.iter().rev().position(|known| *known == name);
        known.map_or_else(|| refused(&format!("the unknown `{name}`")), Ok)
    }

    fn entry(&mut self, key: &Term<&'s str>, value: Option<&Term<&'s str>>) -> Result<(Expression, Expression)> {
        match (key, value) {
            (key, Some(value)) => Ok((self.read(key)?, self.read(value)?)),
            (Term::Var(name), None) => {
                let key = Expression::Value(json!(name.trim_start_matches('$')));
                Ok((key, Expression::Variable(self.variable(name)?)))
            }
            (key, None) => {
                let field = Expression::Index(Box::new(Expression::Identity), self.boxed(key)?);
                Ok((self.read(key)?, field))
            }
        }
    }

    fn binary(&mut self, left: &Term<&'s str>, operator: &BinaryOp<&'s str>, right: &Term<&'s str>) -> Result {
        let one = self.boxed(left)?;
        if let BinaryOp::Pipe(Some(pattern)) = operator {
            let Pattern::Var(name) = pattern else { return refused("patterns") };
            self.variables.push(name);
            let rest = self.boxed(right);
            self.variables.pop();
            return Ok(Expression::Bind(one, rest?));
        }
        let other = self.boxed(right)?;
        Ok(match operator {
            BinaryOp::Pipe(_) => Expression::Pipe(one, other),
            BinaryOp::Comma => Expression::Comma(one, other),
            BinaryOp::Alt => Expression::Alternative(one, other),
            BinaryOp::Or => Expression::Or(one, other),
            BinaryOp::And => Expression::And(one, other),
            BinaryOp::Math(operation) => Expression::Math(one, *operation, other),
            BinaryOp::Cmp(comparison) => Expression::Compare(one, *comparison, other),
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                return refused("assignments");
            }
        })
    }

    fn conditional(&mut self, cases: &[(Term<&'s str>, Term<&'s str>)], otherwise: Option<&Term<&'s str>>) -> Result {
        let last = otherwise.map_or(Ok(Expression::Identity), |term| self.read(term))?;
        cases.iter().rev().try_fold(last, |otherwise, (condition, then)| {
            Ok(Expression::If(self.boxed(condition)?, self.boxed(then)?, Box::new(otherwise)))
        })
    }

    fn path(&mut self, base: &Term<&'s str>, path: &Path<Term<&'s str>>) -> Result {
        let base = self.read(base)?;
        path.0.iter().try_fold(base, |base, (part, optional)| {
            self.parts += 1;
            let base = Box::new(base);
            let step = match part {
                // An index is an expression of the input of the whole path.
                Part::Index(index) => Expression::Index(base, self.boxed(index)?),
                Part::Range(None, None) => Expression::Each(base),
                Part::Range(..) => return refused("slices"),
            };
            Ok(match optional {
                Opt::Optional => Expression::Try(Box::new(step)),
                Opt::Essential => step,
            })
        })
    }

    fn call(&mut self, name: &str, arguments: &[Term<&'s str>]) -> Result {
        let known = Function::find(name, arguments.len());
        let mut read: Vec<Expression> = arguments.iter().map(|term| self.read(term)).collect::<Result<_>>()?;
        match known {
            Some(Function::Native(native)) => Ok(Expression::Native(native, read)),
            Some(Function::Constant(value)) => Ok(Expression::Value(value)),
            Some(Function::Empty) => Ok(Expression::Empty),
            Some(Function::Of(make)) => match read.pop() {
                Some(argument) => Ok(make(Box::new(argument))),
                None => Ok(make(Box::new(Expression::Identity))),
            },
            None => refused(&format!("`{name}/{}`", arguments.len())),
        }
    }
}

fn number(text: &str) -> Result<Json> {
    serde_json::from_str(text).map_err(|_| format!("has `{text}`, which is no number of JSON"))
}

fn text(parts: &[StrPart<&str, Term<&str>>]) -> Result<String> {
    let mut whole = String::new();
    for part in parts {
        match part {
            StrPart::Str(text) => whole.push_str(text),
            StrPart::Char(c) => whole.push(*c),
            StrPart::Term(_) => return refused("texts with expressions in them"),
        }
    }
    Ok(whole)
}
