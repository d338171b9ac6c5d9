"""What a rule wants to know of facts: whose, which of them, and what new value they bear."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.rules import Rule


@dataclass(frozen=True, slots=True)
class Ask:
    """Facts that satisfy a predicate and have a value in every column of `groups` and `terms`."""

    predicate: str
    groups: tuple[str, ...]
    terms: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of text asked for, each once."""
        return tuple(dict.fromkeys((*self.groups, *self.terms, "source")))


def counted(rule: Rule) -> Ask:
    """The facts a rule counts, and the counted or new value in each."""
    terms = rule.new or ((rule.measure.column,) if rule.measure.column else ())
    return Ask(rule.predicate, rule.by, terms)


def earlier(rule: Rule) -> Ask:
    """The facts of the rule's `after` predicate."""
    return Ask(rule.earlier, rule.by)


def asked(rule: Rule) -> tuple[Ask, ...]:
    """Which facts judging the rule looks at."""
    if "scores" in rule.judge.needs:
        return ()
    return (counted(rule), *((earlier(rule),) if rule.after else ()))
