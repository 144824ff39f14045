-- Domains with stores of their own. The default domain keeps to the configuration; of the others these columns tell.
ALTER TABLE domain ADD COLUMN storage_class text NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN storage_settings jsonb NOT NULL DEFAULT '{}';
-- Encrypted JSON: the secret ones among the settings.
ALTER TABLE domain ADD COLUMN secrets text;
ALTER TABLE domain ADD COLUMN redirect_to_object_storage boolean NOT NULL DEFAULT true;
ALTER TABLE domain ADD COLUMN hide_guarded_distributions boolean NOT NULL DEFAULT false;
-- Of this domain; what distributions get that name none.
ALTER TABLE domain ADD COLUMN default_content_guard_id uuid REFERENCES content_guard (id) ON DELETE SET NULL;

-- The same bytes may lie in the stores of several domains, and go from one of them.
CREATE TABLE removal_of_domain (
    domain_id uuid NOT NULL REFERENCES domain (id) ON DELETE CASCADE,
    sha256 text NOT NULL,
    PRIMARY KEY (domain_id, sha256)
);
INSERT INTO removal_of_domain (domain_id, sha256)
    SELECT domain.id, artifact_removal.sha256 FROM artifact_removal CROSS JOIN domain WHERE domain.name = 'default';
DROP TABLE artifact_removal;
ALTER TABLE removal_of_domain RENAME TO artifact_removal;
