GRANT SELECT, DELETE ON model_answers TO flowmatik_retention;

CREATE POLICY retention_everywhere ON model_answers TO flowmatik_retention USING (true) WITH CHECK (true);

-- A person who is forgotten: the budgets of that user, what was told of them, and memberships of teams.
GRANT SELECT, DELETE ON caps, cap_alerts, team_members TO flowmatik_retention;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['caps', 'cap_alerts', 'team_members'] LOOP
        EXECUTE 'CREATE POLICY retention_everywhere ON ' || target
            || ' TO flowmatik_retention USING (true) WITH CHECK (true)';
    END LOOP;
END $do$;
