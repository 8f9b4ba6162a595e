"""``tfspine deidentify``: DICOM in, de-identified DICOM out, with tables of what was changed and refused."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tfspine.cli.options import add_salt, file_to_write, require_count, salt_choice
from tfspine.formats.key_csv import KEY_FILE
from tfspine.progress import track
from tfspine.workflows.deidentify import DeidentifyOptions, deidentify

if TYPE_CHECKING:
    from collections.abc import Collection

    from tfspine.dicom.deidentify.folder import Outcome
    from tfspine.dicom.deidentify.options import Option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tfspine deidentify``."""
    from tfspine.dicom.deidentify.options import DEFAULT_OPTIONS, Option, Profile

    parser.add_argument(
        "source", type=Path, help="folder with DICOM files at any depth and of any name, zip archive, or DICOMDIR"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for dicom/, report.csv, refused.csv"
    )
    add_salt(parser)
    parser.add_argument(
        "--profile",
        type=Profile,
        choices=list(Profile),
        metavar="NAME",
        help="basic: the Basic Profile of PS3.15 alone, without dates, ages, descriptions, devices and private "
        "elements (default: research, with the options below)",
    )
    parser.add_argument(
        "--option",
        dest="options",
        action="append",
        type=Option,
        choices=list(Option),
        metavar="NAME",
        help=f"option of PS3.15 Annex E added to the Basic Profile, repeatable; replaces those of --profile research: "
        f"{', '.join(Option)} (research: {', '.join(sorted(DEFAULT_OPTIONS))})",
    )
    parser.add_argument(
        "--key",
        type=file_to_write(KEY_FILE, option="--key"),
        metavar="FILE",
        help="also write a table of original and new files; secret, readable only by you",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> None:
    """De-identify a source; a study in which the search afterwards finds anything is held back."""
    from tfspine.dicom.deidentify.options import Option

    require_count(args, "workers")
    wanted = DeidentifyOptions(frozenset(_options(args)), salt_choice(args), args.key, args.workers)
    outcome = deidentify(args.source, args.out, wanted, track=track)
    if outcome.warning:
        print(f"warning: {outcome.warning}", file=sys.stderr)
    _tell(args, outcome, keeps_descriptions=Option.CLEAN_DESCRIPTORS in wanted.options)


def _options(args: argparse.Namespace) -> "Collection[Option]":
    """Return the options that are given, otherwise those of the profile.

    Raises:
        ConfigError: options are added to the research profile, which has its own.
    """
    from tfspine.dicom.deidentify.options import OPTIONS_OF, Profile
    from tfspine.errors import ConfigError

    if args.options is None:
        return OPTIONS_OF[args.profile or Profile.RESEARCH]
    if args.profile is Profile.RESEARCH:
        raise ConfigError(
            "--profile research with --option; the profile has options of its own; leave one of the two out"
        )
    return set(args.options)


def _tell(args: argparse.Namespace, outcome: "Outcome", *, keeps_descriptions: bool) -> None:
    if args.json:
        print(json.dumps(outcome.counts))
    else:
        print(f"{args.out}: {len(outcome.written)} files of {outcome.patients} patients de-identified")
        searched = outcome.identifiers - outcome.short_texts - outcome.unsearched_texts
        print(
            f"searched: {outcome.searched_bytes} bytes for {searched} texts, UIDs and dates of the headers; none found"
        )
        if outcome.short_texts:
            print(f"searched: every word of the headers for {outcome.short_texts} shorter texts; none found")
        if outcome.unsearched_texts:
            print(f"not searched: {outcome.unsearched_texts} texts of one or two letters, or as common as MR")
        print("not searched: text drawn into the pictures, and names that are in no header")
    if not keeps_descriptions:
        print(
            "note: descriptions were removed; contrast, fat suppression and body parts that only they named are not "
            "known any more; choose the series with ingest --series-map",
            file=sys.stderr,
        )
    if outcome.refused:
        print(f"{len(outcome.refused)} files refused, with the reason, in {args.out / 'refused.csv'}", file=sys.stderr)
