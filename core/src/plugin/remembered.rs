//! What a synchronization finds of the last one: values by key, where most keys are the names of groups of
//! units. Holds a million keys in little more than their own bytes.

/// Values by key. Keys are in the order of their bytes.
#[derive(Debug, Default)]
pub struct Remembered {
    /// All keys and values, one after the other.
    text: String,
    /// Where each key and each value ends in `text`.
    ends: Vec<(usize, usize)>,
}

impl Remembered {
    /// Nothing is remembered: everything has to be looked at.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// What was remembered under `key`. Empty for a group that somebody else changed since.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.position(key).map(|at| self.entry(at).1)
    }

    /// The place of `key` in the order of [`Remembered::iter`].
    pub fn position(&self, key: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.ends.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.entry(middle).0.cmp(key) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.ends.len()).map(|at| self.entry(at))
    }

    /// Adds a key that is greater than all before.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        self.text.push_str(key);
        let key_end = self.text.len();
        self.text.push_str(value);
        self.ends.push((key_end, self.text.len()));
    }

    /// As [`Remembered::push`] of pairs that come in order, with `touched` among them: those keys lose what
    /// was remembered, or come in with nothing.
    pub(crate) fn merging(mut touched: Vec<String>) -> Merging {
        touched.sort_unstable();
        touched.dedup();
        Merging { touched: touched.into_iter().peekable(), remembered: Self::default() }
    }

    fn entry(&self, at: usize) -> (&str, &str) {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(_, end)| *end);
        let (key_end, end) = self.ends.get(at).copied().unwrap_or((start, start));
        (self.text.get(start..key_end).unwrap_or_default(), self.text.get(key_end..end).unwrap_or_default())
    }
}

/// See [`Remembered::merging`].
pub(crate) struct Merging {
    touched: std::iter::Peekable<std::vec::IntoIter<String>>,
    remembered: Remembered,
}

impl Merging {
    pub fn push(&mut self, key: &str, value: &str) {
        while let Some(touched) = self.touched.next_if(|touched| touched.as_str() < key) {
            self.remembered.push(&touched, "");
        }
        let is_touched = self.touched.next_if(|touched| touched == key).is_some();
        self.remembered.push(key, if is_touched { "" } else { value });
    }

    pub fn finish(mut self) -> Remembered {
        for touched in self.touched {
            self.remembered.push(&touched, "");
        }
        self.remembered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_touched_ones_are_empty() {
        let mut merging = Remembered::merging(vec!["x".into(), "b".into(), "aa".into(), "b".into()]);
        for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
            merging.push(key, value);
        }
        let remembered = merging.finish();
        let all: Vec<_> = remembered.iter().collect();
        assert_eq!(all, [("a", "1"), ("aa", ""), ("b", ""), ("c", "3"), ("x", "")]);
        for (at, (key, value)) in all.iter().enumerate() {
            assert_eq!((remembered.position(key), remembered.get(key)), (Some(at), Some(*value)));
        }
        assert_eq!((remembered.get("0"), remembered.get("ab"), remembered.get("y")), (None, None, None));
        assert!(Remembered::default().is_empty() && Remembered::default().get("").is_none());
    }
}
