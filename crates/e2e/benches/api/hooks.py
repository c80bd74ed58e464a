"""Which refusals of well-formed requests are right."""

import schemathesis

# Rules that no schema can state: about other fields, about what there is in the shop, about digits that check others, about
# invisible characters, which are taken where the letters around them need them.
RULES = {
    "contradiction", "invalid_barcode", "invisible_character", "not_above_price", "not_an_option", "not_distinct", "not_sold_in_currency",
    "nothing_visible", "too_deep",
    "unknown_category", "unknown_currency", "unknown_image", "unknown_sku",
    "zero",
}
# The same for queries, whose problems have no codes.
QUERY_RULES = (
    "at most 10 tags and attributes together", "currency must be", "cursor ", "prices need a currency", "relevance needs",
    "skus must be", "the shop does not sell",
)


@schemathesis.check
def well_formed_requests_are_taken(ctx, response, case):
    """Schemathesis' own positive_data_acceptance, which knows statuses only, with our codes."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    problem = response.json()
    # The key that the description's example has was used before, for an adjustment by another number.
    if problem["type"] == "idempotency_key_reused":
        return
    if problem["type"] == "invalid_query" and problem["detail"].startswith(QUERY_RULES):
        return
    # No text of any parameter has NUL, which no store keeps; the schemas do not repeat it for each.
    if problem["type"] == "invalid_query" and problem["detail"].endswith("must not contain NUL."):
        return
    refused = [error for error in problem.get("errors", []) if error["code"] not in RULES]
    assert problem["type"] == "invalid_input" and not refused, f"what is well formed is refused: {refused or problem}"
