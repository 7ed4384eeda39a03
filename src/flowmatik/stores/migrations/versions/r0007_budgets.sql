-- Shared caps that only tell (`soft`), of which parts of their limit they tell, and until when they hold ('' for
-- ever).

ALTER TABLE caps ADD COLUMN soft BIGINT NOT NULL DEFAULT 0;

ALTER TABLE caps ADD COLUMN thresholds TEXT NOT NULL DEFAULT '50,80,100';

ALTER TABLE caps ADD COLUMN until TEXT NOT NULL DEFAULT '';

-- A cap has come to a threshold: once for each limit, whoever was there first. `claimed_at`: when somebody began
-- to tell the bus of it, `told_at`: when that was done.

CREATE TABLE cap_alerts (
    workspace_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    limit_micros BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    soft BIGINT NOT NULL,
    used_micros BIGINT NOT NULL,
    at TEXT NOT NULL,
    claimed_at TEXT NOT NULL DEFAULT '',
    told_at TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, scope, limit_micros, threshold)
);

CREATE INDEX cap_alerts_listed ON cap_alerts (workspace_id, at);

CREATE INDEX cap_alerts_untold ON cap_alerts (at) WHERE told_at = '';

-- Teams: principals (users and API keys) whose runs share the caps of the team.

CREATE TABLE team_members (
    workspace_id TEXT NOT NULL,
    team TEXT NOT NULL,
    principal TEXT NOT NULL,
    added_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, team, principal)
);

CREATE INDEX team_members_principals ON team_members (workspace_id, principal);

-- Whoever made a key bears what is spent with it. Of older keys nobody knows.

ALTER TABLE api_keys ADD COLUMN owner TEXT NOT NULL DEFAULT '';
