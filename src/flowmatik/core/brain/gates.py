"""Decision versions from which a change of `decide` holds, where no other file is its place."""

CODED = 2  # words for people carry a code and values
TASK_CAPS = 4  # the cap of a task ends that task, and not the run
STORES = 4  # a store that cannot be read ends what needs it: not found is another answer
BRAIN = 6  # planners, routes, verification, patterns and conversations
BLOBS = 5  # what is large in a result stands by reference, and its reader is told so
GUARDED_UNDO = 7  # guardrails look at what compensations are called with
FEWER_CHECKS = 8  # a run that is to spend less leaves out what is optional of its criteria
