//! The roles that are about all objects of the format.

/// Of `rpm.viewer`.
pub(super) const VIEWING: [&str; 6] = [
    "rpm.view_rpmalternatecontentsource",
    "rpm.view_rpmdistribution",
    "rpm.view_rpmpublication",
    "rpm.view_rpmremote",
    "rpm.view_rpmrepository",
    "rpm.view_ulnremote",
];

/// Of `rpm.admin`.
pub(super) const ADMINISTRATION: [&str; 34] = [
    "rpm.add_rpmalternatecontentsource",
    "rpm.add_rpmdistribution",
    "rpm.add_rpmpublication",
    "rpm.add_rpmremote",
    "rpm.add_rpmrepository",
    "rpm.add_ulnremote",
    "rpm.change_rpmalternatecontentsource",
    "rpm.change_rpmdistribution",
    "rpm.change_rpmremote",
    "rpm.change_rpmrepository",
    "rpm.change_ulnremote",
    "rpm.delete_rpmalternatecontentsource",
    "rpm.delete_rpmdistribution",
    "rpm.delete_rpmpublication",
    "rpm.delete_rpmremote",
    "rpm.delete_rpmrepository",
    "rpm.delete_rpmrepository_version",
    "rpm.delete_ulnremote",
    "rpm.manage_roles_rpmalternatecontentsource",
    "rpm.manage_roles_rpmdistribution",
    "rpm.manage_roles_rpmpublication",
    "rpm.manage_roles_rpmremote",
    "rpm.manage_roles_rpmrepository",
    "rpm.manage_roles_ulnremote",
    "rpm.modify_content_rpmrepository",
    "rpm.refresh_rpmalternatecontentsource",
    "rpm.repair_rpmrepository",
    "rpm.sync_rpmrepository",
    "rpm.view_rpmalternatecontentsource",
    "rpm.view_rpmdistribution",
    "rpm.view_rpmpublication",
    "rpm.view_rpmremote",
    "rpm.view_rpmrepository",
    "rpm.view_ulnremote",
];
