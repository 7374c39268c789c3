from __future__ import annotations

import pytest

from fairmind_sync.news import TOGETHER_S, News


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def news(time: Time) -> News:
    """A commit was looked at just now."""
    news = News(time)
    assert news.calls(has_changed=True, is_draining=False)
    return news


def test_without_a_commit_there_is_no_look(news: News) -> None:
    assert not news.calls(has_changed=False, is_draining=False)


def test_while_no_drain_runs_a_commit_is_looked_at_at_once(news: News) -> None:
    assert news.calls(has_changed=True, is_draining=False)


def test_a_drains_commits_are_not_looked_at_one_by_one(news: News) -> None:
    assert not news.calls(has_changed=True, is_draining=True)


def test_they_are_looked_at_together(news: News, time: Time) -> None:
    news.calls(has_changed=True, is_draining=True)
    time.now += TOGETHER_S
    assert news.calls(has_changed=False, is_draining=True)


def test_what_waited_is_looked_at_when_the_drain_has_ended(news: News) -> None:
    news.calls(has_changed=True, is_draining=True)
    assert news.calls(has_changed=False, is_draining=False)


def test_what_was_looked_at_is_no_news(news: News, time: Time) -> None:
    time.now += TOGETHER_S
    assert not news.calls(has_changed=False, is_draining=True)
