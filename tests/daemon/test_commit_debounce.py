from __future__ import annotations

import pytest

from fairmind_sync.daemon.commit_debounce import TOGETHER_S, Debounce


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def news(time: Time) -> Debounce:
    """A commit was looked at just now."""
    news = Debounce(time)
    assert news.calls(has_changed=True, is_draining=False)
    return news


def test_without_a_commit_there_is_no_look(news: Debounce) -> None:
    assert not news.calls(has_changed=False, is_draining=False)


def test_while_no_drain_runs_a_commit_is_looked_at_at_once(news: Debounce) -> None:
    assert news.calls(has_changed=True, is_draining=False)


def test_a_drains_commits_are_not_looked_at_one_by_one(news: Debounce) -> None:
    assert not news.calls(has_changed=True, is_draining=True)


def test_they_are_looked_at_together(news: Debounce, time: Time) -> None:
    news.calls(has_changed=True, is_draining=True)
    time.now += TOGETHER_S
    assert news.calls(has_changed=False, is_draining=True)


def test_what_waited_is_looked_at_when_the_drain_has_ended(news: Debounce) -> None:
    news.calls(has_changed=True, is_draining=True)
    assert news.calls(has_changed=False, is_draining=False)


def test_what_was_looked_at_is_no_news(news: Debounce, time: Time) -> None:
    time.now += TOGETHER_S
    assert not news.calls(has_changed=False, is_draining=True)
