//! The `Content-Type` of a file, from its name alone, without a charset: what Pulp answers, which knows
//! fewer endings than most tables.

/// What nothing is known about.
const UNKNOWN: &str = "application/octet-stream";

/// The type of the file at `path`.
pub fn content_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((stem, ending)) = name.rsplit_once('.') else { return UNKNOWN };
    if stem.is_empty() {
        return UNKNOWN;
    }
    match ending.to_ascii_lowercase().as_str() {
        "gz" | "tgz" => "application/gzip",
        "bz2" | "tbz2" => "application/x-bzip2",
        "xz" | "txz" => "application/x-xz",
        "zst" | "zstd" => "application/zstd",
        "rpm" => "application/x-rpm",
        // One letter is no ending anyone agrees about.
        ending if ending.len() < 2 => UNKNOWN,
        ending => mime_guess::from_ext(ending).first_raw().unwrap_or(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        let cases = [
            ("a/b.tar.gz", "application/gzip"),
            ("primary.xml.gz", "application/gzip"),
            ("x.bz2", "application/x-bzip2"),
            ("x.zstd", "application/zstd"),
            ("x.zst", "application/zstd"),
            ("x.xz", "application/x-xz"),
            ("x.json", "application/json"),
            ("x.txt", "text/plain"),
            ("repomd.xml", "text/xml"),
            ("index.html", "text/html"),
            ("x.jpg", "image/jpeg"),
            ("x.JPG", "image/jpeg"),
            ("x.iso", UNKNOWN),
            ("PULP_MANIFEST", UNKNOWN),
            ("x.asd/.asd/a", UNKNOWN),
            ("x.....f", UNKNOWN),
            (".html", UNKNOWN),
            ("x.", UNKNOWN),
            ("x.gz/README", UNKNOWN),
        ];
        for (path, expected) in cases {
            assert_eq!(content_type(path), expected, "{path}");
        }
    }
}
