//! The numbers of the tags that are read (rpm's `rpmtag.h`), and of types and flags.

pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const SUMMARY: u32 = 1004;
pub(super) const DESCRIPTION: u32 = 1005;
pub(super) const BUILDTIME: u32 = 1006;
pub(super) const BUILDHOST: u32 = 1007;
pub(super) const SIZE: u32 = 1009;
pub(super) const VENDOR: u32 = 1011;
pub(super) const LICENSE: u32 = 1014;
pub(super) const PACKAGER: u32 = 1015;
pub(super) const GROUP: u32 = 1016;
pub(super) const URL: u32 = 1020;
pub(super) const ARCH: u32 = 1022;
pub(super) const OLDFILENAMES: u32 = 1027;
pub(super) const FILEMODES: u32 = 1030;
pub(super) const FILEDIGESTS: u32 = 1035;
pub(super) const FILEFLAGS: u32 = 1037;
pub(super) const SOURCERPM: u32 = 1044;
pub(super) const ARCHIVESIZE: u32 = 1046;
pub(super) const CHANGELOGTIME: u32 = 1080;
pub(super) const CHANGELOGNAME: u32 = 1081;
pub(super) const CHANGELOGTEXT: u32 = 1082;
pub(super) const DIRINDEXES: u32 = 1116;
pub(super) const BASENAMES: u32 = 1117;
pub(super) const DIRNAMES: u32 = 1118;
pub(super) const LONGSIZE: u32 = 5009;
/// The SHA-256 of the compressed payload.
pub(super) const PAYLOADDIGEST: u32 = 5092;
pub(super) const PAYLOADDIGESTALGO: u32 = 5093;

/// Name, flags, version of each kind of dependency, and for which kind createrepo_c takes it: that
/// of the second number, if the `STRONG` flag is set.
pub(super) const PROVIDES: [u32; 3] = [1047, 1112, 1113];
pub(super) const REQUIRES: [u32; 3] = [1049, 1048, 1050];
pub(super) const CONFLICTS: [u32; 3] = [1054, 1053, 1055];
pub(super) const OBSOLETES: [u32; 3] = [1090, 1114, 1115];
pub(super) const RECOMMENDS: [u32; 3] = [5046, 5048, 5047];
pub(super) const SUGGESTS: [u32; 3] = [5049, 5051, 5050];
pub(super) const SUPPLEMENTS: [u32; 3] = [5052, 5054, 5053];
pub(super) const ENHANCES: [u32; 3] = [5055, 5057, 5056];
/// As SUSE and Mandriva had them before rpm did; strong ones are recommendations.
pub(super) const OLD_SUGGESTS: [u32; 3] = [1156, 1158, 1157];
/// Strong ones are supplements.
pub(super) const OLD_ENHANCES: [u32; 3] = [1159, 1161, 1160];

/// The format of the package, where it is newer than 4.
pub(super) const RPMFORMAT: u32 = 5114;

pub(super) mod signature {
    pub(in super::super) const DSA: u32 = 267;
    pub(in super::super) const RSA: u32 = 268;
    pub(in super::super) const LONGSIZE: u32 = 270;
    pub(in super::super) const LONGARCHIVESIZE: u32 = 271;
    pub(in super::super) const SHA256: u32 = 273;
    /// All signatures of a version 6 package, in base64.
    pub(in super::super) const OPENPGP: u32 = 278;
    /// Bytes of header and payload.
    pub(in super::super) const SIZE: u32 = 1000;
    pub(in super::super) const PGP: u32 = 1002;
    pub(in super::super) const MD5: u32 = 1004;
    pub(in super::super) const GPG: u32 = 1005;
    pub(in super::super) const PGP5: u32 = 1006;
    pub(in super::super) const PAYLOADSIZE: u32 = 1007;
}

/// Bits of a dependency's flags.
pub(super) mod sense {
    pub(in super::super) const LESS: u32 = 1 << 1;
    pub(in super::super) const GREATER: u32 = 1 << 2;
    pub(in super::super) const EQUAL: u32 = 1 << 3;
    pub(in super::super) const POSTTRANS: u32 = 1 << 5;
    pub(in super::super) const PREREQ: u32 = 1 << 6;
    pub(in super::super) const PRETRANS: u32 = 1 << 7;
    pub(in super::super) const SCRIPT_PRE: u32 = 1 << 9;
    pub(in super::super) const SCRIPT_POST: u32 = 1 << 10;
    pub(in super::super) const STRONG: u32 = 1 << 27;
}

/// A file's flag: owned, but not in the payload.
pub(super) const FILE_GHOST: u32 = 1 << 6;
