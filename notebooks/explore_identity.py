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
from datetime import timedelta
from pathlib import Path

import pandas as pd

from monitor import charts, plugins, rules
from monitor.coverage import Hearing
from monitor.kql import DuckEngine
from monitor.model import Window
from monitor.sources.export import open_exports
from monitor.store import Store
from monitor.tables import SCHEMAS
from monitor.testing.simulate import simulate
from monitor.worker import App, hear, judge, lines, replay
from monitor.worker.bands import band
from monitor.worker.evidence import evidence
from monitor.worker.judging import remember

workplace = tempfile.TemporaryDirectory(prefix="mintwatch-notebook-")
logs = Path(os.environ.get("MINTWATCH_LOGS") or Path(workplace.name) / "logs")
if "MINTWATCH_LOGS" not in os.environ:
    simulate(logs, days=16, identities=40, seed=11)
sorted(path.name for path in logs.iterdir())

# %% [markdown]
# ## Open
#
# `open_exports` finds the tables, says what it could not read, and offers one source per stream. Rules are the shipped
# ones; pass your own folder to `rules.load` to try others.

# %%
engine = DuckEngine(SCHEMAS)
exports = open_exports(logs, engine=engine)
shipped = rules.load(rules.shipped(), plugins.detectors())
store = Store()  # in a temporary folder; Store(Path("state")) keeps it
pd.DataFrame(
    [(one.table, one.rows, one.malformed, len(one.absent), one.arrival) for one in exports.report.tables],
    columns=["table", "rows", "malformed", "absent columns", "knows arrival"],
)

# %% [markdown]
# ## Replay
#
# What the daemon would have concluded, had it ticked every five minutes over all of this. The report says per source
# how many rows were read, doubled, late and kept, and per rule how many groups could and could not be judged.

# %%
report = replay(App(exports.sources, shipped, store, engine))
pd.DataFrame([(one.name, one.counts.read, one.counts.doubled, one.counts.kept, one.facts) for one in report.sources],
             columns=["source", "rows", "doubled", "kept", "facts"])  # fmt: skip

# %% [markdown]
# ## Count
#
# Facts are Parquet files and KQL is the language for asking them; the same text runs on Log Analytics. Here: tokens by
# identity, the busiest first. Every answer is an Arrow table, one `to_pandas()` from a frame.

# %%
facts = {"facts": store.live()}
busiest = engine.run(
    """
    facts
    | where stream == "sign_in" and outcome == "issued"
    | summarize tokens = sum(events), addresses = dcount(ip), since = min(first_at), until = max(last_at)
        by identity, kind
    | top 8 by tokens
    """,
    facts,
).to_pandas()
names = store.names()
busiest.assign(name=[names[one].name if one in names else "" for one in busiest["identity"]])

# %% [markdown]
# ## Score
#
# The findings, one a row, exactly as `mintwatch backtest` writes them. `score` is on one scale for all rules: 0.5 is
# once in a thousand days of a group like this.

# %%
found = pd.DataFrame(lines.lines(store))
columns = ["time", "name", "kind", "rule", "score", "observed", "expected", "reason", "incident"]
found.sort_values("score", ascending=False)[columns].head(10)

# %% [markdown]
# ## Look at one identity
#
# Change `chosen` to any identity, `issuer:object id`. By default it is the one of the worst finding about a count, for
# that has the most to draw.

# %%
by_id = {rule.id: rule for rule in shipped}
counted = [one for one, _, _ in store.findings() if one.identity and by_id[one.rule].detector == "spike"]
any_of_one = [one for one, _, _ in store.findings() if one.identity]
worst = max(counted or any_of_one, key=lambda one: (one.surprise, one.key))
chosen = worst.identity
names.get(chosen)

# %%
mine = [one for one, _, _ in store.findings() if one.identity == chosen]
pd.DataFrame([lines.line(one, "", "opened", names) for one in mine])[["time", "bucket", "rule", "score", "because"]]

# %% [markdown]
# ### What was expected of it
#
# `band` is what a chart in a message shows: the group's counts up to the finding, and what the detector expected of
# each bucket from the past it had then.

# %%
hearing: dict[str, Hearing] = hear(engine, facts, exports.sources)
rule = by_id[worst.rule]
charts.figure(band(worst, rule, engine, facts, hearing, names, mine))

# %% [markdown]
# ### The frame its detector saw
#
# `remember` is the past a detector is handed: ACTIVITY for counts, SPANS for what was seen before. Here are this
# identity's last counted buckets.

# %%
window = Window(worst.bucket, worst.bucket_end)
past = remember(rule, engine, facts, hearing, window, worst.judged_at)
group = past.activity
for column, value in worst.group:
    group = group[group[column] == value] if len(group) else group
group.tail(6)

# %% [markdown]
# ### The same judgement again
#
# Judging is a pure function of the facts seen by then, so asking again gives the same finding, `time` included.

# %%
again = judge(rule, engine, facts, hearing, window, worst.judged_at)
print(worst.key in {one.key for one in again.findings})

# %% [markdown]
# ### What it is made of
#
# The facts behind it, and from there the raw rows, if the counts are not enough.

# %%
evidence(worst, rule, engine, facts, limit=5)

# %%
source = next(one for one in exports.sources if one.name in worst.sources)
object_id = chosen.partition(":")[2]
column = "UserId" if source.name in {"interactive", "non_interactive"} else "ServicePrincipalId"
# Text from a log never becomes part of a query, so the identity is picked in pandas.
raw = (
    source.rows(Window(worst.bucket, worst.bucket_end), f"isnotempty({column})", limit=100_000)
    .loc[lambda rows: rows[column].str.lower() == object_id.lower()]
    .head(5)
    if source.stream == "sign_in"
    else pd.DataFrame()
)
raw[[name for name in ("TimeGenerated", "IPAddress", "ResourceDisplayName", "ResultType") if name in raw]]

# %% [markdown]
# ## Explain
#
# The incident the finding went into, and every decision about it. On a state directory that was kept
# (`mintwatch backtest --state DIR`), `mintwatch explain` prints all of this.

# %%
belongs = {finding.key: incident for finding, incident, _ in store.findings()}
incident = next(one for one in store.incidents() if one.id == belongs[worst.key])
length: timedelta = incident.last_at - incident.first_at
print(f"{incident.id}: {incident.level.value}, score {incident.score:.2f}, {incident.findings} findings over {length}")
pd.DataFrame([(one.at, one.reason.value) for one in store.decisions(incident.id)], columns=["at", "reason"])

# %%
store.close()
exports.close()
engine.close()
workplace.cleanup()
