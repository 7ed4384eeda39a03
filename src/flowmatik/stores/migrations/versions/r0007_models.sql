-- Answers of models that may be given again to exactly the same request, by its hash. Times are Unix seconds.

CREATE TABLE model_answers (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    request TEXT NOT NULL,
    body TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, request)
);

CREATE INDEX model_answers_old ON model_answers (workspace_id, expires_at);

CREATE INDEX model_answers_expired ON model_answers (expires_at);

-- What was found out about models by asking them.

CREATE TABLE model_probes (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    model TEXT NOT NULL,
    body TEXT NOT NULL,
    probed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model)
);
