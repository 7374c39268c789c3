"""What each page shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from fairmind_sync.outbox import claims, outcomes
from fairmind_sync.results.error_kinds import ErrorKind
from fairmind_sync.storage.engine import writing
from tests.browser.site import MODEL, Site, furnish
from tests.support.clock import NOW
from tests.support.deliveries import claim, dead, delivered, save
from tests.support.diagonals import one_of


def shown_tests(page: Page) -> list[str]:
    return page.locator("#deliveries tbody th").all_inner_texts()


@pytest.mark.parametrize("status", one_of(["dead", "pending", "delivered", "discarded"]))
def test_the_status_filter_leaves_deliveries_of_that_status(
    site: Site, page: Page, status: str
) -> None:
    furnish(site.engine)
    site.visit(page)
    page.get_by_label("Status").select_option(status)
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(f"**status={status}*")
    assert set(page.locator("#deliveries .status").all_inner_texts()) == {status}


def test_the_provider_filter_leaves_deliveries_to_that_provider(site: Site, page: Page) -> None:
    save(site.engine, "mlflow", "wandb", test_id="to-both")
    save(site.engine, "mlflow", test_id="to-mlflow")
    site.visit(page)
    page.locator("select[name=provider]").select_option("wandb")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**provider=wandb*")
    assert shown_tests(page) == ["to-both"]


@pytest.mark.parametrize("searched", one_of(["100%_", "esum", "assistant"]))
def test_the_search_finds_parts_of_tests_and_models(site: Site, page: Page, searched: str) -> None:
    save(site.engine, "mlflow", test_id="resume 100%_sure", model_id="chat-assistant")
    save(site.engine, "mlflow", test_id="another-1000", model_id="other")
    site.visit(page)
    page.get_by_label("Test or model").fill(searched)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    assert shown_tests(page) == ["resume 100%_sure"]


def test_older_deliveries_are_a_page_further(site: Site, page: Page) -> None:
    for number in range(51):
        save(site.engine, "mlflow", test_id=f"test-{number}-of-51")
    site.visit(page)
    page.get_by_role("link", name="Older deliveries").click()
    page.wait_for_url("**before=*")
    assert shown_tests(page) == ["test-0-of-51"]


def test_the_result_page_shows_each_attempts_error(site: Site, page: Page) -> None:
    save(site.engine, "mlflow", test_id="twice")
    with writing(site.engine) as connection:
        (delivery,) = claims.claim(
            connection, "mlflow", limit=1, lease=timedelta(1), worker="w", now=NOW
        )
        outcomes.record_retry(
            connection, delivery, ErrorKind.UNCERTAIN, "the answer got lost", due_at=NOW, now=NOW
        )
    (delivery,) = claim(site.engine)
    with writing(site.engine) as connection:
        outcomes.record_dead(connection, delivery, ErrorKind.REJECTED, "a name is too long", NOW)
    site.visit(page, "/result?test_id=twice")
    errors = page.get_by_role("table").locator("td.error").all_inner_texts()
    assert errors == ["the answer got lost", "a name is too long"]


def test_the_result_page_says_in_words_what_went_wrong(site: Site, page: Page) -> None:
    delivery = dead(site.engine, "a name is too long")
    site.visit(page, f"/result?test_id={delivery.result.test_id}")
    expect(page.locator("dd.error")).to_have_text(
        "the provider refuses this result: a name is too long"
    )


def test_the_result_page_shows_the_saved_results(site: Site, page: Page) -> None:
    delivery = delivered(site.engine)
    site.visit(page, f"/result?test_id={delivery.result.test_id}")
    page.get_by_text("Results", exact=True).click()
    expect(page.locator("pre").first).to_contain_text('"accuracy": 0.85')


def test_the_model_page_draws_a_chart(site: Site, page: Page) -> None:
    furnish(site.engine)
    site.visit(page, MODEL)
    assert page.locator(".trend .part").count() > 0


@pytest.mark.parametrize(
    "results",
    [
        [{"a\x01b": 1.0}],
        [{"a\ufffe": 1.0}],
        [{"metric": 1e308}, {"metric": -1e308}],
        [{"metric": 5e-324}, {"metric": 0.0}],
        [{"metric": 0.3}, {"metric": 0.1 + 0.2}],
        [{"metric": float("nan")}],
        [{"metric": "a text"}],
    ],
    ids=["control", "no-character", "largest", "smallest", "almost-equal", "nan", "no-number"],
)
def test_the_model_page_draws_a_chart_of_whatever_was_saved(
    site: Site, page: Page, results: list[dict[str, object]]
) -> None:
    for one in results:
        save(site.engine, "mlflow", results=one)
    site.visit(page, MODEL)
    assert page.locator(".trend .tick, figure > .quiet").count() > 0


def test_the_model_page_has_the_charts_numbers_in_a_table(site: Site, page: Page) -> None:
    furnish(site.engine)
    site.visit(page, MODEL)
    page.get_by_text("Results, newest first").first.click()
    newest = page.get_by_role("row", name="nightly-7").locator(".number")
    assert newest.all_inner_texts() == ["0.87", "0.1", "0.9"]


def test_chosen_metrics_are_what_chart_and_table_show(site: Site, page: Page) -> None:
    furnish(site.engine)
    site.visit(page, MODEL)
    page.get_by_text("Metrics (3 of 3)").click()
    page.get_by_label("accuracy", exact=True).uncheck()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**metric=*")
    page.get_by_text("Results, newest first").first.click()
    shown = (
        page.locator("thead .number").all_inner_texts(),
        [text.strip() for text in page.locator(".legend li").all_inner_texts()],
    )
    assert shown == (["bias_score", "parity/race"], ["bias_score", "parity/race"])


def test_a_models_filters_narrow_its_chart_and_its_table(site: Site, page: Page) -> None:
    for user, dataset in (("ann", "holdout"), ("bob", "applications")):
        save(site.engine, "mlflow", test_id=f"of-{user}", user_id=user, dataset_id=dataset)
    for label, chosen, left in (("User", "ann", "of-ann"), ("Dataset", "applications", "of-bob")):
        site.visit(page, MODEL)
        page.get_by_label(label).select_option(chosen)
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(f"**={chosen}*")
        assert page.locator("tbody th").all_inner_texts() == [left]
        assert page.locator(".trend .dot").count() == page.locator(".legend li").count()


def test_a_filter_that_leaves_nothing_is_still_there(site: Site, page: Page) -> None:
    save(site.engine, "mlflow", test_type="llm_bias")
    site.visit(page, f"{MODEL}&type=other")
    assert page.get_by_label("Type").input_value() == "other"
    assert "0 results" in page.locator("figcaption").inner_text()


def test_each_result_of_a_model_has_its_verdict(site: Site, page: Page) -> None:
    furnish(site.engine)
    site.visit(page, "/model?model_id=model-2")
    verdict = page.get_by_role("row", name="judged").locator("td").nth(1)
    assert verdict.inner_text().split() == ["failed", "high", "risk"]


def test_a_point_of_the_chart_leads_to_its_result(site: Site, page: Page) -> None:
    furnish(site.engine)
    site.visit(page, f"{MODEL}&metric=accuracy")
    last = page.locator(".trend .dot").last
    assert (last.text_content() or "").startswith("accuracy: 0.87, nightly-7, ")
    last.click()
    page.wait_for_url("**/result?test_id=nightly-7*")


@pytest.mark.parametrize("path", ["/result?test_id=nope", "/model?model_id=nope"])
def test_what_is_not_saved_here_is_told_on_a_page(site: Site, page: Page, path: str) -> None:
    reply = page.goto(site.url + path)
    assert reply is not None
    assert (reply.status, page.get_by_role("heading").inner_text()) == (404, "Not found")
