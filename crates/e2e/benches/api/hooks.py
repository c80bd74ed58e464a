"""Which refusals of well-formed requests are right."""

import os
import re

import schemathesis

# How `If-Match` is written, as the description has it.
TAGS = r'\*|(W/)?"[!#-+.-~-]*"(, *(W/)?"[!#-+.-~-]*")*'

# Rules that no schema can state: about other fields, about what there is in the shop, about digits that check others, about
# invisible characters, which are taken where the letters around them need them.
RULES = {
    "product-service": {
        "contradiction", "invalid_barcode", "invisible_character", "not_above_price", "not_an_option", "not_distinct",
        "not_sold_in_currency", "nothing_visible", "too_deep", "unknown_category", "unknown_currency", "unknown_image",
        "unknown_sku", "zero",
    },
    # What else: about where the shop's pages and its pictures are, about what a mailbox, a telephone's numbering plan, a language
    # tag and money in use are, and about words that look like addresses of web pages.
    "notification-service": {
        "contradiction", "foreign_link", "invalid_email", "invalid_locale", "invalid_phone", "invisible_character",
        "no_sms_form", "not_allowed", "nothing_visible", "too_deep", "unknown_country", "unknown_currency", "web_address",
        "withdrawn_currency",
    },
}[os.environ["SERVICE"]]
# The same for queries, whose problems have no codes.
QUERY_RULES = (
    "attributes must be at most 10", "currency is none that", "currency must be", "cursor ", "price_max must not be below",
    "skus must be", "sort by relevance needs", "tags must be at most 10",
)
# Problems of a whole request that is as it should be: an idempotency key or an event's id that an example used before, for
# something else; a vendor's signature, which only the vendor can make.
WHOLE = {"event_id_reused", "idempotency_key_reused", "invalid_signature"}
# Which address a message needs follows from its channels; one of two is needed to find or suppress it.
ADDRESSES = ("/email", "/recipient/email", "/recipient/phone")


def is_right(error, path):
    """Whether no schema says the same."""
    code, pointer = error["code"], error["pointer"]
    if code in RULES or (code == "missing" and pointer in ADDRESSES):
        return True
    # How long a text may be is counted in segments of an SMS.
    if code == "too_long" and pointer in ("/text", "/data/text"):
        return True
    # Addresses and telephones are described for all services, without what a line is.
    if code == "control_character" and ("/shipping_address/" in pointer or pointer.endswith("/phone")):
        return True
    # Described as any object: its template says what it has.
    return path == "/admin/templates/preview" and pointer.startswith("/data")


@schemathesis.check
def well_formed_requests_are_taken(ctx, response, case):
    """Schemathesis' own positive_data_acceptance, which knows statuses only, with our codes."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    problem = response.json()
    if problem["type"] in WHOLE:
        return
    if problem["type"] == "invalid_query" and problem["detail"].startswith(QUERY_RULES):
        return
    # No text of any parameter has NUL, which no store keeps; the schemas do not repeat it for each.
    if problem["type"] == "invalid_query" and problem["detail"].endswith("must not contain NUL."):
        return
    # Schemathesis 4.32 takes 0 for what it calls a text in a header, whatever its pattern is.
    if problem["type"] == "malformed_request" and not re.fullmatch(TAGS, case.headers.get("If-Match", "*")):
        return
    refused = [error for error in problem.get("errors", []) if not is_right(error, case.operation.path)]
    assert problem["type"] == "invalid_input" and not refused, f"what is well formed is refused: {refused or problem}"
