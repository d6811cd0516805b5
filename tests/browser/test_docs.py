"""The API's description as a page: from our own files, under the strict content security policy."""

from playwright.sync_api import expect


def test_the_description_of_the_api_can_be_read_without_an_account(make_page):
    asked = []
    page = make_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/v1/docs")
    expect(page).to_have_title("Visant API")
    upload = page.locator("#operations-captures-captures_create")
    expect(upload).to_contain_text("Hand in a picture")
    expect(page.get_by_role("link", name="Visant", exact=True)).to_have_attribute("href", "/")
    expect(page.get_by_text("is being loaded")).to_have_count(0)
    upload.click()
    expect(upload).to_contain_text("too_many_bytes")
    expect(upload).to_contain_text("multipart/form-data")
    here = page.url.removesuffix("/v1/docs")
    assert [url for url in asked if not url.startswith((here, "data:"))] == []
