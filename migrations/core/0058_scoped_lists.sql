-- Lists of thousands of repositories are counted without a look at the rows themselves.
DROP INDEX repository_listed;
CREATE INDEX repository_listed ON repository (domain_id, pulp_type, created, id, user_hidden);
-- What somebody holds on one object is found by the object, however many others there are.
DROP INDEX role_assignment_object;
CREATE INDEX role_assignment_object ON role_assignment (object_id, user_id, group_id, role_id);
-- Lists of all types together, newest first.
CREATE INDEX repository_recent ON repository (domain_id, created, id, pulp_type, user_hidden);
CREATE INDEX distribution_recent ON distribution (domain_id, created, id, pulp_type);
