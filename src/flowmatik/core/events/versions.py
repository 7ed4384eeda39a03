"""The versions of the decision logic, and what each one changed."""

BY_THE_ENGINE = frozenset(
    {"engine.fault", "engine.history", "engine.stuck"}
)  # of runs that it gave up itself
OLDEST_DECISION_VERSION = 1  # runs of older ones must have ended before this program takes over
# 2: what is said to people carries a code and values. 3: a plan that stands in for the model's says so,
# and a provider that refuses or does not answer the planner ends the run.
# 4: arithmetic is calculated; rankings and rows are asked of the tables; a call that the cap of its task
# refuses ends the task, and the run goes on; the answer is that of the plan's ends; tasks have ids; agents
# know a reply that was cut off; what models are asked is compared in a replay; a store that cannot be read
# fails the task that needs it.
# 5: tasks may wait (for a time, a signal, a person, other runs), runs may be paused, changed, forked and
# compensated.
# 6: the Brain asks advisers; plans adapt; results are verified by criteria; agents are chosen by what was
# learned.
# 7: guardrails look at the arguments of compensations, and people decide about what they find.
# 8: a run that is to spend less checks what is not optional alone.
DECISION_VERSION = 8
