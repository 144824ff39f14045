//! Reads large JSON without keeping it: an object member by member, an array element by element.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::PageError;

/// Who reads the members of an object, in the order in which they come.
pub(super) trait Members {
    /// Takes the value of `key` from the map, [`skip`] if it is of no interest.
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;

    /// Why reading was stopped, if not for the JSON itself.
    fn stopped(&mut self) -> &mut Option<PageError>;
}

/// Reads one JSON object to its end.
pub(super) fn document(reader: impl Read, members: &mut impl Members) -> Result<(), PageError> {
    let reader = io::BufReader::with_capacity(64 << 10, reader);
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let read = Object(&mut *members).deserialize(&mut deserializer);
    let end = read.and_then(|()| deserializer.end());
    match members.stopped().take() {
        Some(error) => Err(error),
        None => end.map_err(page_error),
    }
}

fn page_error(error: serde_json::Error) -> PageError {
    if error.is_io() {
        return PageError::Io(error.into());
    }
    PageError::Format(super::excerpt(&error.to_string()))
}

/// Passes over a member.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<serde::de::IgnoredAny>().map(|_| ())
}

/// Gives the elements of a member that is a list to a function.
pub(super) fn each<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    stopped: &mut Option<PageError>,
    take: impl FnMut(T) -> Result<(), PageError>,
) -> Result<(), A::Error> {
    map.next_value_seed(List { stopped, take, of: PhantomData })
}

/// An object whose members somebody reads.
pub(super) struct Object<'a, M>(pub(super) &'a mut M);

impl<'de, M: Members> DeserializeSeed<'de> for Object<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, M: Members> Visitor<'de> for Object<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.member(&key, &mut map)?;
        }
        Ok(())
    }
}

struct List<'a, F, T> {
    stopped: &'a mut Option<PageError>,
    take: F,
    of: PhantomData<T>,
}

impl<'de, F, T> DeserializeSeed<'de> for List<'_, F, T>
where
    F: FnMut(T) -> Result<(), PageError>,
    T: Deserialize<'de>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F, T> Visitor<'de> for List<'_, F, T>
where
    F: FnMut(T) -> Result<(), PageError>,
    T: Deserialize<'de>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            if let Err(error) = (self.take)(item) {
                *self.stopped = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
