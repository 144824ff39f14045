//! From sections and keys to a tree.

use super::ini::Ini;
use super::{Addon, Image, Place, Treeinfo, TreeinfoError, Variant};
use crate::checksum::Checksum;
use crate::location;
use crate::text::excerpt;

pub(super) fn parse(bytes: &[u8]) -> Result<Treeinfo, TreeinfoError> {
    let ini = Ini::parse(bytes)?;
    let header_version = version(&ini)?;
    let (tree, general) = ("tree", "general");
    if ini.section(tree).is_empty() && ini.section(general).is_empty() {
        return Err(TreeinfoError::Missing(general));
    }
    let release = if ini.section("release").is_empty() { "product" } else { "release" };
    let stamp = ini.first([(tree, "build_timestamp"), (general, "timestamp")]);
    let is_layered = ini.first([(release, "is_layered"), (general, "is_layered")]);
    Ok(Treeinfo {
        header_version,
        release_name: ini.first([(release, "name"), (general, "family")]).to_owned(),
        release_short: ini.get(release, "short").to_owned(),
        release_version: ini.first([(release, "version"), (general, "version")]).to_owned(),
        release_is_layered: matches!(is_layered, "1" | "true" | "True" | "yes"),
        base_product_name: ini.get("base_product", "name").to_owned(),
        base_product_short: ini.get("base_product", "short").to_owned(),
        base_product_version: ini.get("base_product", "version").to_owned(),
        arch: ini.first([(tree, "arch"), (general, "arch")]).to_owned(),
        build_timestamp: timestamp(stamp)?,
        instimage: optional_path(ini.get("stage2", "instimage"))?,
        mainimage: optional_path(ini.get("stage2", "mainimage"))?,
        discnum: number(&ini, "discnum")?,
        totaldiscs: number(&ini, "totaldiscs")?,
        checksums: checksums(&ini)?,
        images: images(&ini)?,
        variants: variants(&ini)?,
        addons: addons(&ini)?,
    })
}

/// Of the format: 1.x is known, and files without a header are from before.
fn version(ini: &Ini<'_>) -> Result<String, TreeinfoError> {
    let version = ini.get("header", "version");
    let known = version.is_empty() || version.starts_with("1.") || version == "0.3" || version == "0.0";
    if known { Ok(version.to_owned()) } else { Err(TreeinfoError::Version(excerpt(version))) }
}

fn timestamp(text: &str) -> Result<i64, TreeinfoError> {
    if text.is_empty() {
        return Ok(0);
    }
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    whole.parse().map_err(|_| TreeinfoError::Value { key: "timestamp", value: excerpt(text) })
}

fn number(ini: &Ini<'_>, key: &'static str) -> Result<Option<u32>, TreeinfoError> {
    match ini.first([("media", key), ("general", key)]) {
        "" => Ok(None),
        text => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(TreeinfoError::Value { key, value: excerpt(text) }),
        },
    }
}

fn optional_path(path: &str) -> Result<String, TreeinfoError> {
    if path.is_empty() { Ok(String::new()) } else { Ok(location::normalize(path)?) }
}

fn checksums(ini: &Ini<'_>) -> Result<Vec<(String, Checksum)>, TreeinfoError> {
    let mut checksums: Vec<(String, Checksum)> = Vec::new();
    for (path, value) in ini.section("checksums") {
        let path = location::normalize(path)?;
        let (kind, value) = value.split_once(':').unwrap_or(("", value));
        let checksum = Checksum::parse(kind, value);
        let checksum = checksum.map_err(|problem| TreeinfoError::Checksum { path: excerpt(&path), problem })?;
        checksums.push((path, checksum));
    }
    Ok(checksums)
}

fn images(ini: &Ini<'_>) -> Result<Vec<Image>, TreeinfoError> {
    let mut images: Vec<Image> = Vec::new();
    for (platform, section) in ini.with_prefix("images-") {
        for (name, path) in ini.section(section).iter().filter(|(_, path)| !path.is_empty()) {
            let path = location::normalize(path)?;
            match images.iter_mut().find(|image| image.name == *name && image.path == path) {
                Some(image) => image.platforms.push(platform.to_owned()),
                None => images.push(Image { name: (*name).to_owned(), path, platforms: vec![platform.to_owned()] }),
            }
        }
    }
    Ok(images)
}

/// Files from before productmd may have no variants at all; their tree is one.
fn variants(ini: &Ini<'_>) -> Result<Vec<Variant>, TreeinfoError> {
    let variant = |(uid, section): (&str, &str)| {
        let get = |key| ini.get(section, key);
        let or = |value: &str, other: &str| (if value.is_empty() { other } else { value }).to_owned();
        Variant {
            section: section.to_owned(),
            id: or(get("id"), uid),
            uid: or(get("uid"), uid),
            name: or(get("name"), uid),
            kind: or(get("type"), "variant"),
            repository: place(get("repository")),
            packages: get("packages").to_owned(),
            source_packages: get("source_packages").to_owned(),
            source_repository: get("source_repository").to_owned(),
            debug_packages: get("debug_packages").to_owned(),
            debug_repository: get("debug_repository").to_owned(),
            identity: get("identity").to_owned(),
        }
    };
    let mut variants: Vec<Variant> = ini.with_prefix("variant-").map(variant).collect();
    if variants.is_empty() {
        let mut whole = variant((ini.get("general", "variant"), "general"));
        whole.name = whole.id.clone();
        whole.packages = ini.first([("general", "packages"), ("general", "packagedir")]).to_owned();
        variants.push(whole);
    }
    variants.iter().try_for_each(|variant| check_id(&variant.id))?;
    Ok(variants)
}

fn addons(ini: &Ini<'_>) -> Result<Vec<Addon>, TreeinfoError> {
    let addon = |(uid, section): (&str, &str)| {
        let get = |key| ini.get(section, key);
        let or = |value: &str, other: &str| (if value.is_empty() { other } else { value }).to_owned();
        Addon {
            section: section.to_owned(),
            id: or(get("id"), uid),
            uid: or(get("uid"), uid),
            name: or(get("name"), uid),
            kind: or(get("type"), "addon"),
            parent: get("parent").to_owned(),
            repository: place(get("repository")),
            packages: get("packages").to_owned(),
        }
    };
    let addons: Vec<Addon> = ini.with_prefix("addon-").map(addon).collect();
    addons.iter().try_for_each(|addon| check_id(&addon.id))?;
    Ok(addons)
}

/// Variants and addons are published in folders of their names.
fn check_id(id: &str) -> Result<(), TreeinfoError> {
    let is_folder = id.is_empty() || location::normalize(id).is_ok_and(|path| path == id && !id.contains('/'));
    match is_folder {
        true => Ok(()),
        false => Err(TreeinfoError::Value { key: "id of a variant or addon", value: excerpt(id) }),
    }
}

/// Where the packages are that a file names so. Old files name the folder of the metadata instead of the one around it.
fn place(repository: &str) -> Place {
    let folder = repository.trim_end_matches('/');
    let folder = folder.strip_suffix("/repodata").unwrap_or(folder);
    let folder = if folder == "repodata" { "" } else { folder };
    if let Some(path) = normalized(if repository.starts_with('/') { repository } else { folder }) {
        return Place::Inside(path);
    }
    let (mut rest, mut above) = (folder, 0);
    while let Some(below) = rest.strip_prefix("..").filter(|below| below.is_empty() || below.starts_with('/')) {
        rest = below.trim_start_matches('/');
        above += 1;
    }
    match normalized(rest).filter(|_| above > 0) {
        Some(path) => Place::Beside { above, path },
        None => Place::Outside(repository.to_owned()),
    }
}

fn normalized(folder: &str) -> Option<String> {
    location::normalize_folder(folder).ok()
}
