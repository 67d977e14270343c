"""Pages through what may happen to their platform: it is killed and comes back, its clock is another."""

from datetime import datetime, timedelta, timezone

from playwright.sync_api import Page, expect

from tests.conftest import Platform
from tests.studio.conftest import Place


def test_a_page_goes_on_when_its_platform_was_killed_and_is_back(own_platform: Platform, page: Page) -> None:
    own_platform.start()
    place = Place(own_platform)
    place.environment()
    page.goto(place.address("/jobs"))
    expect(page.locator("h1")).to_be_visible()
    own_platform.kill()
    expect(page.locator(".toast")).to_contain_text("does not answer")
    own_platform.start()
    place.job("true", displayName="after the restart")
    expect(page.get_by_role("link", name="after the restart")).to_be_visible()


def test_times_are_told_by_the_platforms_clock_where_the_readers_is_wrong(place: Place, page: Page) -> None:
    place.job("true", displayName="timely")
    page.clock.set_system_time(datetime.now(timezone.utc) + timedelta(hours=5))
    page.goto(place.address("/jobs"))
    expect(page.locator("tr", has_text="timely").locator("time[data-ago]")).not_to_contain_text("h ago")
