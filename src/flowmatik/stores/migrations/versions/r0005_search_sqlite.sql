-- The goals of runs that are there already, as near as SQL comes to `folded`: the accents of Spanish and the
-- usual marks alone.

UPDATE runs SET goal_folded = ' ' || lower(substr(goal, 1, 2000));

UPDATE runs SET goal_folded =
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(goal_folded,
    'á', 'a'), 'é', 'e'), 'í', 'i'), 'ó', 'o'), 'ú', 'u'), 'ü', 'u'), 'ñ', 'n'),
    'Á', 'a'), 'É', 'e'), 'Í', 'i'), 'Ó', 'o'), 'Ú', 'u'), 'Ü', 'u'), 'Ñ', 'n');

UPDATE runs SET goal_folded =
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(goal_folded,
    '¿', ' '), '¡', ' '), '?', ' '), '!', ' '), '.', ' '), ',', ' '), ';', ' '),
    '(', ' '), ')', ' '), '/', ' '), '-', ' '), '"', ' '), '''', ' '), '
', ' ');
