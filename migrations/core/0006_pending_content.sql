-- Uploads that were answered and that the next version of their repository takes in: distributions of the
-- repository serve them from now on. A row goes in the transaction that makes that version.
CREATE TABLE pending_content (
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    content_id uuid NOT NULL REFERENCES content (id),
    created timestamptz NOT NULL,
    -- The task that takes it in; should it be gone, another is made.
    task_id uuid NOT NULL,
    PRIMARY KEY (repository_id, content_id)
);
CREATE INDEX pending_content_content ON pending_content (content_id);

-- A waiting task is not begun before this.
ALTER TABLE task ADD COLUMN not_before timestamptz;
