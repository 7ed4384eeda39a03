-- Children whose cost their parents do not have yet, and deleted ones whose cost is in their parents'.

CREATE INDEX runs_uncounted ON runs (parent) WHERE parent <> '' AND reported = 0;

ALTER TABLE tombstones ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
