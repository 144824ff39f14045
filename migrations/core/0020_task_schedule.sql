-- Tasks that are dispatched over and over.
CREATE TABLE task_schedule (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    name text NOT NULL UNIQUE,
    task_name text NOT NULL,
    -- Seconds; null while it is switched off.
    dispatch_interval bigint,
    -- When it is due; each such moment is one dispatch, whatever number of hosts there is.
    next_dispatch timestamptz,
    last_task_id uuid REFERENCES task (id) ON DELETE SET NULL
);
CREATE INDEX task_schedule_last_task ON task_schedule (last_task_id);
