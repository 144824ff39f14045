//! Names nobody else has, and numbers that can be had again from a printed seed.

use std::env;
use std::hash::{BuildHasher, RandomState};

/// Ten letters and digits.
pub fn name() -> String {
    let number = RandomState::new().hash_one(std::process::id());
    format!("t{:09x}", number & 0xf_ffff_ffff)
}

/// A stream of numbers (splitmix64). The seed is printed, so a failure shows it.
pub struct Random(u64);

impl Random {
    /// Seeded by `PITH_TEST_SEED`, else by chance.
    pub fn seeded() -> Self {
        let seed = match env::var("PITH_TEST_SEED") {
            Ok(text) => text.parse().expect("PITH_TEST_SEED is a number"),
            Err(_) => RandomState::new().hash_one(0) & 0xffff_ffff,
        };
        println!("PITH_TEST_SEED={seed}");
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number().to_le_bytes()[0]).collect()
    }
}
