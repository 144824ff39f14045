-- Groups of users, roles, who was given which role, and the access policies that were changed.

CREATE TABLE auth_group (
    id bigserial PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE group_member (
    group_id bigint NOT NULL REFERENCES auth_group (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_member_user ON group_member (user_id, group_id);

CREATE TABLE role (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    name text NOT NULL UNIQUE,
    description text,
    -- Ships with the program and cannot be changed.
    locked boolean NOT NULL
);

CREATE TABLE role_permission (
    role_id uuid NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    -- The full name: `file.view_filerepository`.
    permission text NOT NULL,
    PRIMARY KEY (role_id, permission)
);
CREATE INDEX role_permission_permission ON role_permission (permission, role_id);

CREATE TABLE role_assignment (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    role_id uuid NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    -- One of the two.
    user_id bigint REFERENCES auth_user (id) ON DELETE CASCADE,
    group_id bigint REFERENCES auth_group (id) ON DELETE CASCADE,
    -- Null: not bound to a domain.
    domain_id uuid REFERENCES domain (id) ON DELETE CASCADE,
    -- `file.filerepository`; null: the role holds for everything.
    object_type text,
    object_id uuid,
    -- Of objects that are numbered, which are groups.
    object_number bigint REFERENCES auth_group (id) ON DELETE CASCADE
);
CREATE INDEX role_assignment_role ON role_assignment (role_id);
CREATE INDEX role_assignment_domain ON role_assignment (domain_id) WHERE domain_id IS NOT NULL;
-- What holds for everything is found without a look at the many objects of a user, and the objects as one range.
CREATE INDEX role_assignment_user_all ON role_assignment (user_id, role_id) WHERE object_type IS NULL;
CREATE INDEX role_assignment_group_all ON role_assignment (group_id, role_id) WHERE object_type IS NULL;
CREATE INDEX role_assignment_user ON role_assignment (user_id, object_type, role_id, object_id);
CREATE INDEX role_assignment_group ON role_assignment (group_id, object_type, role_id, object_id);
CREATE INDEX role_assignment_object ON role_assignment (object_id, user_id, group_id);
CREATE INDEX role_assignment_number ON role_assignment (object_number) WHERE object_number IS NOT NULL;

CREATE TABLE access_policy (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    -- What it is about: `repositories/file/file`.
    viewset_name text NOT NULL UNIQUE,
    customized boolean NOT NULL,
    -- Null where nothing was changed: then the program says it.
    statements jsonb,
    creation_hooks jsonb,
    queryset_scoping jsonb
);

-- Lists of one type, newest first, are read from these as far as a page goes; they hold all that it takes to tell who
-- sees which row.
CREATE INDEX repository_listed ON repository (domain_id, pulp_type, created, id);
CREATE INDEX remote_listed ON remote (domain_id, pulp_type, created, id);
CREATE INDEX publication_listed ON publication (domain_id, pulp_type, created, id);
CREATE INDEX distribution_listed ON distribution (domain_id, pulp_type, created, id);
