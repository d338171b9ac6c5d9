# %% [markdown]
# # A workspace, live
#
# This notebook works at a Log Analytics workspace with what the daemon works with: the login of the settings, the KQL
# that is shipped, the same facts, rules and detectors. Raw rows stay where they are; facts are collected into a state
# that goes away, or, if a daemon has collected them already, read from its state while it writes.
#
# Point `MINTWATCH_SETTINGS` at your own settings ([how to write them](../docs/azure.md); `mintwatch check` says whether
# they work). Without it a small simulated tenant is put into a local service that speaks as Azure does: OIDC login,
# HTTPS, KQL. Then nothing here needs a network.

# %%
# %matplotlib inline
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd

import monitor as mintwatch
from monitor import clock
from monitor.ports import Counts
from monitor.testing.azure import LocalAzure, ready
from monitor.testing.simulate import simulate

workplace = tempfile.TemporaryDirectory(prefix="mintwatch-notebook-")
folder = Path(workplace.name)
azure = None if "MINTWATCH_SETTINGS" in os.environ else LocalAzure()
if azure:
    made = simulate(folder / "logs", days=14, identities=30, seed=11)
    settings = ready(azure, folder, folder / "logs").settings
    azure.clock.now = now = made.end + timedelta(hours=1)
else:
    settings, now = Path(os.environ["MINTWATCH_SETTINGS"]), clock.floor(clock.now())
print(f"{settings.name} as of {now:%Y-%m-%d %H:%M}")

# %% [markdown]
# ## Open
#
# One source per workspace and stream; `<workspace>.<query>` is its name in facts. Nothing was asked of anybody yet.

# %%
desk = mintwatch.open(settings)
sources = [one for one in desk.app.sources if one.stream != "health"]
pd.DataFrame([(one.name, one.stream, one.settle, one.overlap) for one in sources],
             columns=["source", "stream", "settle", "overlap"])  # fmt: skip

# %% [markdown]
# ## One source by hand
#
# What the daemon does every five minutes, in two steps. First one question: which windows have rows that arrived
# lately? A daemon asks since its watermark; here it is since yesterday.

# %%
source = desk.source(next(one.name for one in sources if one.name.endswith(".service_principal")))
windows = source.changed(now - timedelta(days=1), now)
[f"{one.start:%m-%d %H:%M} to {one.end:%m-%d %H:%M}" for one in windows][-3:]

# %% [markdown]
# Then each changed window is fetched whole: deduplicated and folded over there, so that facts travel and rows do not.

# %%
fetched = source.fetch(windows[-1], now)
print(f"{fetched.counts.read:,} rows, {fetched.counts.doubled:,} of them copies, are {fetched.facts.num_rows:,} facts")
fetched.facts.slice(0, 5).to_pandas()[["at", "seen_at", "identity", "action", "resource", "ip", "outcome", "events"]]

# %% [markdown]
# ## Collect and judge
#
# All sources, all rules, the last weeks: what a daemon would have concluded, had it ticked every five minutes. A state
# that a daemon keeps is taken as it is.

# %%
if desk.writes:
    report = desk.replay(until=now)
    shown = [(one.name, one.counts.read, one.counts.doubled, one.counts.late, one.counts.kept, one.facts, one.error)
             for one in report.sources]  # fmt: skip
else:
    shown = [(name, one.read, one.doubled, one.late, one.kept, None, "")
             for name, one in desk.app.store.counts().items()]  # fmt: skip
pd.DataFrame(shown, columns=["source", "rows", "doubled", "late", "kept", "facts", "failed"])

# %% [markdown]
# ## Was every row counted once?
#
# The daemon asks that once a day: how many rows would be counted in a window now, without fetching them?

# %%
window, kept = list(desk.app.store.window_counts(source.name).items())[-1]
there = sum((one for one in source.counted(window, now).values()), Counts())
print(f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}: {there.read:,} rows there, {kept.read:,} counted here")

# %% [markdown]
# ## Count
#
# Facts are asked in KQL. Who read secrets, from how many vaults, and from where?

# %%
desk.ask("""
    facts
    | where stream == "vault" and outcome == "ok"
    | summarize calls = sum(events), vaults = dcount(resource), objects = dcount(object), addresses = dcount(ip)
        by identity
    | join kind=leftouter (names | project identity, name, kind) on identity
    | project name, kind, calls, vaults, objects, addresses
    | top 8 by objects
    """)

# %% [markdown]
# ## What would have been told
#
# The worst incidents, and of the worst of them the strongest finding about a count.

# %%
incidents, found = desk.incidents(), desk.findings()
incidents[["who", "level", "score", "rules", "first_at", "last_at", "told"]].head(8)

# %%
counted = found[found["detector"] == "spike"]
worst = desk.finding((counted if len(counted) else found[found["detector"] != "together"])["surprise"].idxmax())
print(worst.because)
desk.chart(worst)

# %% [markdown]
# ## Down to the rows
#
# The facts the finding is made of, and the rows behind them, asked of the workspace now. Text from a log never becomes
# part of a query: it is given a name, and handed over beside.

# %%
evidence = desk.evidence(worst, limit=5)
evidence[["identity", "action", "resource", "object", "ip", "outcome", "code", "events", "first_at"]]

# %%
address = {"sign_in": "IPAddress", "vault": "CallerIPAddress", "control": "CallerIpAddress"}.get(worst.stream, "")
where = f"{address} == seen" if address else "true"
seen = evidence["ip"].iloc[0]
raw = desk.rows(worst.sources[0], worst.bucket, worst.bucket_end, where, limit=5, seen=seen)
columns = ("TimeGenerated", address, "OperationName", "ResultType", "ResourceDisplayName")
raw[[name for name in columns if name in raw]]

# %%
desk.close()
if azure:
    azure.close()
workplace.cleanup()
