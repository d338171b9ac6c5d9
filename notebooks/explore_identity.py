# %% [markdown]
# # One identity, from raw logs to an incident
#
# This notebook asks of exported logs what the daemon asks of them, with the functions the daemon uses: open, fold into
# facts, count, score, look at one identity, and read why somebody would have been told. Each step is one call, so you
# can stop after any of them and go your own way with a frame.
#
# Point `MINTWATCH_LOGS` at a folder of exported tables ([how to export them](../docs/howto/export.md)). Without it a
# small simulated tenant is made, with attacks in it. Nothing here needs a network.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

import pandas as pd

import monitor as mintwatch
from monitor.testing.simulate import simulate

workplace = tempfile.TemporaryDirectory(prefix="mintwatch-notebook-")
logs = Path(os.environ.get("MINTWATCH_LOGS") or Path(workplace.name) / "logs")
if "MINTWATCH_LOGS" not in os.environ:
    simulate(logs, days=16, identities=40, seed=11)
sorted(path.name for path in logs.iterdir())

# %% [markdown]
# ## Open
#
# `open` finds the tables, says what it could not read, and offers one source per stream. Rules are the shipped ones;
# say `rules="my-rules"` to try others. What is collected goes into a temporary state.

# %%
desk = mintwatch.open(logs)
pd.DataFrame(
    [(one.table, one.rows, one.malformed, len(one.absent), one.arrival) for one in desk.read.tables],
    columns=["table", "rows", "malformed", "absent columns", "knows arrival"],
)

# %% [markdown]
# ## Replay
#
# What the daemon would have concluded, had it ticked every five minutes over all of this. The report says per source
# how many rows were read, doubled, late and kept, and per rule how many groups could and could not be judged.

# %%
report = desk.replay()
pd.DataFrame([(one.name, one.counts.read, one.counts.doubled, one.counts.kept, one.facts) for one in report.sources],
             columns=["source", "rows", "doubled", "kept", "facts"])  # fmt: skip

# %% [markdown]
# ## Count
#
# Facts are Parquet files and KQL is the language for asking them; the same text runs on Log Analytics. Here: tokens by
# identity, the busiest first, with their names.

# %%
desk.ask("""
    facts
    | where stream == "sign_in" and outcome == "issued"
    | summarize tokens = sum(events), addresses = dcount(ip), since = min(first_at), until = max(last_at)
        by identity, kind
    | join kind=leftouter (names | project identity, name) on identity
    | project name, kind, tokens, addresses, since, until, identity
    | top 8 by tokens
    """)

# %% [markdown]
# ## Score
#
# The findings, one a row, as `mintwatch backtest` writes them. `score` is on one scale for all rules: 0.5 is once in a
# thousand days of a group like this.

# %%
found = desk.findings()
columns = ["time", "name", "kind", "rule", "score", "observed", "expected", "reason", "incident"]
found.sort_values("score", ascending=False)[columns].head(10)

# %% [markdown]
# ## Look at one identity
#
# Change `chosen` to any identity, `issuer:object id`. By default it is the one of the worst finding about a count, for
# that has the most to draw.

# %%
of_one = found[found["subject"].str.startswith("identity:")]
counted = of_one[of_one["detector"] == "spike"]
worst = desk.finding((counted if len(counted) else of_one)["surprise"].idxmax())
chosen = worst.identity
desk.ask("names | where identity == chosen", chosen=chosen)

# %%
found[found["subject"] == f"identity:{chosen}"][["time", "bucket", "rule", "score", "because"]]

# %% [markdown]
# ### What was expected of it
#
# The chart of a message: the group's counts up to the finding, and what the detector expected of each bucket from the
# past it had then.

# %%
desk.chart(worst)

# %% [markdown]
# ### The frame its detector saw
#
# `past` is what a detector is handed: ACTIVITY for counts, SPANS for what was seen before. Here are this identity's
# last counted buckets.

# %%
group = desk.past(worst).activity
for column, value in worst.group:
    group = group[group[column] == value] if len(group) else group
group.tail(6)

# %% [markdown]
# ### The same judgement again
#
# Judging is a pure function of the facts seen by then, so asking again gives the same finding, `time` included.

# %%
print(worst.key in {one.key for one in desk.judge(worst).findings})

# %% [markdown]
# ### What it is made of
#
# The facts behind it, and from there the raw rows, if the counts are not enough. Text from a log never becomes part of
# a query: it is given a name, and handed over beside.

# %%
desk.evidence(worst, limit=5)

# %%
source = desk.source(worst.sources[0])
columns = {"interactive": "UserId", "non_interactive": "UserId"}
raw = pd.DataFrame()
if source.stream == "sign_in":
    column = columns.get(source.name, "ServicePrincipalId")
    object_id = chosen.partition(":")[2]
    raw = desk.rows(source.name, worst.bucket, worst.bucket_end, f"{column} =~ who", limit=5, who=object_id)
raw[[name for name in ("TimeGenerated", "IPAddress", "ResourceDisplayName", "ResultType") if name in raw]]

# %% [markdown]
# ## Explain
#
# The incident the finding went into, and every decision about it: what `mintwatch explain` prints of a state that was
# kept (`mintwatch backtest --state DIR`).

# %%
story = desk.explain(found.loc[worst.key, "incident"])
incident = story.incident
length = incident.last_at - incident.first_at
print(f"{incident.id}: {incident.level.value}, score {incident.score:.2f}, {incident.findings} findings over {length}")
pd.DataFrame([(one.at, one.reason.value) for one in story.decisions], columns=["at", "reason"])

# %%
desk.close()
workplace.cleanup()
