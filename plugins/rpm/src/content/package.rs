pub(crate) const PACKAGE: &str = "rpm.package";
